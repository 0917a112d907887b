"""Shares in percent, paired differences, and what the most frequent answer would score."""

import numpy as np
import pytest

from iad_unify.explainer.ladder import figures
from iad_unify.explainer.ladder.asking import pooled
from iad_unify.explainer.ladder.settings import Setting
from iad_unify.region_expert.evaluation.resampling import Resampling

NAN = float("nan")
GROUPS = Resampling.of(["a", "a", "b", "c", "d", "e"], 200)


def table(*location):
    return {"location": np.array(location, float), "type": np.array([1, NAN, NAN, NAN, NAN, 0.0])}


def test_what_was_not_asked_does_not_count():
    found = figures.of_setting(table(1, 1, 0, NAN, 1, 1), GROUPS)
    assert found["location"] == pytest.approx(80)
    assert (found["n"], found["type_n"], found["type"]) == (5, 2, 50)
    low, high = found["location_ci"]
    assert low <= 80 <= high


def test_a_setting_that_was_asked_nothing_has_no_figure():
    found = figures.of_setting({"location": np.full(6, NAN)}, GROUPS)
    assert found["location"] is None
    assert found["type_ci"] is None
    assert found["n"] == 0


def test_a_difference_is_paired():
    both = {Setting.PREDICTED: table(1, 1, 1, 1, 0, 1), Setting.WHOLE: table(0, 0, 0, 0, NAN, 0)}
    gap = figures.differences(both, GROUPS)["S2-S3"]["location"]
    assert gap == {"value": 100.0, "ci": [100.0, 100.0]}


def test_several_checkpoints_are_one_mean():
    mean = pooled([table(1, 0, 0, NAN, 1, 1), table(0, 0, 1, NAN, 1, 1)])
    assert mean["location"][:3].tolist() == [0.5, 0.0, 0.5]
    assert figures.of_setting(mean, GROUPS)["n"] == 5
