import math

import numpy as np
import pytest

from inspectd.errors import Conflict, Rejected
from inspectd.thresholds.conformal import conformal_threshold, expected_alarms_per_hour, least_count


@pytest.mark.parametrize(
    ("rate", "count"), [(0.5, 1), (0.1, 9), (0.05, 19), (0.01, 99), (0.001, 999), (0.3, 3), (0.99, 1)]
)
def test_the_least_count_is_the_first_that_supports_the_rate(rate: float, count: int) -> None:
    assert least_count(rate) == count
    conformal_threshold([0.0] * count, rate)
    if count > 1:
        with pytest.raises(Conflict):
            conformal_threshold([0.0] * (count - 1), rate)


def test_too_few_frames_are_told_how_many_would_do_and_which_rate_they_support() -> None:
    with pytest.raises(Conflict, match=r"20 good frames .* 0\.01: it takes 99 .* a rate of 0\.048"):
        conformal_threshold([0.1] * 20, 0.01)
    with pytest.raises(Conflict, match="it takes 9"):
        conformal_threshold([], 0.1)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 1.5, math.nan, math.inf])
def test_a_rate_outside_0_to_1_names_the_field(rate: float) -> None:
    for call in (lambda: conformal_threshold([0.1] * 50, rate), lambda: expected_alarms_per_hour(rate, 10)):
        with pytest.raises(Rejected) as caught:
            call()
        assert caught.value.field == "false_alarm_rate"


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_refused(score: float) -> None:
    with pytest.raises(Rejected):
        conformal_threshold([0.1] * 50 + [score], 0.1)


def test_the_threshold_lies_right_above_a_score() -> None:
    scores = [index / 100 for index in range(99)]
    threshold = conformal_threshold(scores[::-1], 0.01)
    assert threshold > max(scores)
    assert threshold == pytest.approx(max(scores))
    assert sum(score >= conformal_threshold(scores, 0.05) for score in scores) == 4  # (99 + 1) * 0.05 - 1


def test_decimals_are_not_lost_to_binary_fractions() -> None:
    """0.29 * 100 is 28.999999999999996 in floating point; 29 of 100 places are allowed."""
    scores = [float(index) for index in range(99)]
    assert sum(score >= conformal_threshold(scores, 0.29) for score in scores) == 28


def test_equal_scores_pass() -> None:
    assert conformal_threshold([0.25] * 99, 0.01) > 0.25


def test_a_float32_score_that_equals_a_calibration_score_passes() -> None:
    score = float(np.float32(0.3))
    assert not score >= conformal_threshold([score] * 20, 0.05)


@pytest.mark.parametrize(("count", "rate"), [(9, 0.1), (50, 0.1), (99, 0.01), (30, 0.2)])
def test_false_alarms_keep_to_the_rate(count: int, rate: float) -> None:
    """The mean over many calibrations is floor((n + 1) rate) / (n + 1): at most the rate, and not far below."""
    rng = np.random.default_rng(7)
    rates = []
    for _ in range(3000):
        threshold = conformal_threshold(list(rng.normal(size=count)), rate)
        rates.append(0.5 * math.erfc(threshold / math.sqrt(2)))
    exact = math.floor((count + 1) * rate + 1e-9) / (count + 1)
    assert np.mean(rates) == pytest.approx(exact, abs=4 * np.std(rates) / math.sqrt(len(rates)))
    assert exact <= rate


def test_alarms_per_hour() -> None:
    assert expected_alarms_per_hour(0.01, 3600) == pytest.approx(36)
