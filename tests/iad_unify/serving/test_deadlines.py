"""Until when a request is wanted, as it says itself."""

import time
from math import inf

import numpy as np
import pytest

from iad_unify.catalog import LONGEST_DEADLINE_MS
from iad_unify.serving.deadlines import deadline_ms, due, is_over


def asked(*values: float, dtype: type = np.int32) -> dict[str, np.ndarray]:
    return {"DEADLINE": np.array(values, dtype)}


def test_without_a_deadline_a_request_is_wanted_for_ever() -> None:
    assert deadline_ms({}) is None
    assert due({}) == inf
    assert not is_over(inf)


def test_the_time_counts_from_the_arrival_at_this_machine() -> None:
    before = time.monotonic()
    until = due(asked(5000))
    assert before + 5 <= until <= time.monotonic() + 5
    assert not is_over(until)
    assert is_over(before)
    assert deadline_ms(asked(LONGEST_DEADLINE_MS)) == LONGEST_DEADLINE_MS


@pytest.mark.parametrize("nonsense", [asked(0), asked(-7), asked(1, 2), asked(), asked(1.5, dtype=np.float32)])
def test_nonsense_is_named_and_sets_no_time(nonsense: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"DEADLINE is .*milliseconds, 1 or more"):
        deadline_ms(nonsense)
    assert due(nonsense) == inf
