"""Until when a request is wanted: its DEADLINE, counted from its arrival by this machine's steady clock. It knows no queue."""

import time
from collections.abc import Mapping
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iad_unify.catalog import TOO_LATE


class TooLate(Exception):
    """A request's DEADLINE is over, so nobody waits for its answer; a caller elsewhere knows it by `catalog.TOO_LATE`."""

    def __init__(self) -> None:
        super().__init__(f"the request {TOO_LATE}")


def deadline_ms(tensors: Mapping[str, NDArray[Any]]) -> int | None:
    """The request's DEADLINE, milliseconds from its arrival; None without one. Raises ValueError unless it is 1 or more."""
    if "DEADLINE" not in tensors:
        return None
    given = np.asarray(tensors["DEADLINE"]).reshape(-1)
    if given.size != 1 or not np.issubdtype(given.dtype, np.integer) or given[0] < 1:
        raise ValueError(f"DEADLINE is {given.tolist()}; it must be one whole number of milliseconds, 1 or more")
    return int(given[0])


def due(tensors: Mapping[str, NDArray[Any]]) -> float:
    """By `time.monotonic`, until when a request that arrives now is wanted; `inf` without a DEADLINE.

    One that is nonsense sets no time: the model says what is wrong with it, as with every other tensor.
    """
    try:
        given = deadline_ms(tensors)
    except ValueError:
        return inf
    return inf if given is None else time.monotonic() + given / 1000


def is_over(until: float) -> bool:
    """Whether that time has come."""
    return time.monotonic() >= until
