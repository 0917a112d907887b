"""A temperature undoes what was put on, sets hold what they promise, and the error is that of hand-made bins."""

import numpy as np
import pytest
from numpy.typing import NDArray

from iad_unify.region_expert.evaluation import confidence


def drawn(count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits [N, 4] whose softmax is right: answers are drawn from it."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (count, 4))
    return logits, np.array([rng.choice(4, p=row) for row in confidence.probabilities(logits)])


@pytest.mark.parametrize("factor", [0.25, 1.0, 3.0])
def test_the_temperature_undoes_a_factor(factor: float) -> None:
    logits, truth = drawn(4000, 0)
    assert confidence.fit_temperature(logits * factor, truth) == pytest.approx(factor, rel=0.1)
    with pytest.raises(ValueError, match="no region"):
        confidence.fit_temperature(np.zeros((0, 4)), np.zeros(0, np.int64))


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_sets_hold_the_right_type_as_often_as_promised(coverage: float) -> None:
    named = [0, 1, 2, 3]
    held = [confidence.mass_before(confidence.probabilities(x), y, named) for x, y in (drawn(2000, 1), drawn(2000, 2))]
    level = confidence.conformal_level(held[0], coverage)
    assert coverage - 0.03 < np.mean(held[1] <= level + 1e-9) < coverage + 0.06


def test_a_promise_that_too_few_regions_can_keep_takes_every_type() -> None:
    assert confidence.conformal_level(np.zeros(8), 0.9) == 1.0
    assert confidence.conformal_level(np.zeros(9), 0.9) == 0.0
    with pytest.raises(ValueError, match="coverage"):
        confidence.conformal_level(np.zeros(9), 1.0)


def test_columns_that_are_not_named_do_not_count() -> None:
    probability, truth = np.array([[0.2, 0.3, 0.5]]), np.array([0])
    assert confidence.mass_before(probability, truth, [0, 1, 2])[0] == pytest.approx(0.8)
    assert confidence.mass_before(probability, truth, [0, 1])[0] == pytest.approx(0.3)


def test_ties_take_the_first_column_first() -> None:
    probability = np.array([[0.25, 0.25, 0.5]] * 2)
    assert confidence.mass_before(probability, np.array([0, 1]), [0, 1, 2]).tolist() == [0.5, 0.75]


def test_the_calibration_error_is_that_of_bins_by_hand() -> None:
    sure, right = np.array([0.95, 0.95, 0.55, 0.55]), np.array([True, False, True, True])
    assert confidence.bin_errors(sure, right) == pytest.approx((2 * 0.45 + 2 * 0.45) / 4)
    assert confidence.bin_errors(sure, right, np.array([1.0, 0, 0, 0])) == pytest.approx(0.05)
