"""The figures against brute force: every distinct score tried as a threshold."""

import numpy as np
import pytest
from numpy.typing import NDArray

from iad_unify.region_expert.evaluation import metrics


def _counts(scores: NDArray[np.float64], truth: NDArray[np.bool_], threshold: float) -> tuple[int, int]:
    above = scores >= threshold
    return int((above & truth).sum()), int((above & ~truth).sum())


def _brute_auroc(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    pairs = [float(p > n) + 0.5 * float(p == n) for p in scores[truth] for n in scores[~truth]]
    return float(np.mean(pairs))


def _brute_ap(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    total, before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        hits, alarms = _counts(scores, truth, threshold)
        recall = hits / truth.sum()
        total += (recall - before) * hits / (hits + alarms)
        before = recall
    return total


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("levels", [3, 10, 10_000])
def test_the_figures_agree_with_brute_force_ties_included(seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.random(90) < 0.3
    scores = np.floor((rng.random(90) + 0.4 * truth) * levels) / levels
    points = metrics.curve(scores, truth)
    assert metrics.auroc(points) == pytest.approx(_brute_auroc(scores, truth), abs=1e-12)
    assert metrics.average_precision(points) == pytest.approx(_brute_ap(scores, truth), abs=1e-12)
    best = max(
        2 * hits / (hits + alarms + truth.sum()) for hits, alarms in (_counts(scores, truth, t) for t in set(scores))
    )
    f1, threshold = metrics.f1_max(points)
    assert f1 == pytest.approx(best, abs=1e-12)
    hits, alarms = _counts(scores, truth, threshold)
    assert 2 * hits / (hits + alarms + truth.sum()) == pytest.approx(best, abs=1e-12)
    best = max(hits / (alarms + truth.sum()) for hits, alarms in (_counts(scores, truth, t) for t in set(scores)))
    hits, alarms = _counts(scores, truth, metrics.iou_best(points))
    assert hits / (alarms + truth.sum()) == pytest.approx(best, abs=1e-12)


def test_a_constant_score_has_the_prevalence_as_its_average_precision_and_half_as_its_auroc() -> None:
    truth = np.arange(50) < 7
    points = metrics.curve(np.full(50, 0.3), truth)
    assert metrics.average_precision(points) == pytest.approx(7 / 50)
    assert metrics.auroc(points) == pytest.approx(0.5)


def test_a_histogram_of_the_scores_gives_the_same_figures_as_the_scores() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(400) < 0.2
    bins = rng.integers(0, 30, 400) + 4 * truth
    exact = metrics.curve(bins.astype(float), truth)
    binned = metrics.histogram_curve(
        np.bincount(bins[truth], minlength=40).astype(float), np.bincount(bins[~truth], minlength=40).astype(float)
    )
    assert metrics.auroc(binned) == pytest.approx(metrics.auroc(exact), abs=1e-12)
    assert metrics.average_precision(binned) == pytest.approx(metrics.average_precision(exact), abs=1e-12)
    assert metrics.f1_max(binned)[0] == pytest.approx(metrics.f1_max(exact)[0], abs=1e-12)


def test_one_class_alone_has_no_auroc() -> None:
    points = metrics.curve(np.array([0.1, 0.2]), np.array([False, False]))
    assert np.isnan(metrics.auroc(points))
    assert np.isnan(metrics.average_precision(points))


def test_the_proposal_threshold_of_best_iou_stays_under_its_bound() -> None:
    scores = np.array([0.9, 0.8, 0.6, 0.4, 0.2])
    points = metrics.curve(scores, np.array([True, True, False, True, False]))
    assert metrics.iou_best(points, 1.0) == 0.4
    assert metrics.iou_best(points, 0.7) == 0.4
    assert metrics.iou_best(points, 0.3) == 0.3


def test_where_most_pictures_are_defective_the_decision_still_keeps_false_alarms_rare() -> None:
    rng = np.random.default_rng(0)
    anomalous = np.arange(1000) < 800
    scores = rng.normal(size=1000) + 1.0 * anomalous
    at_best_f1 = metrics.f1_max(metrics.curve(scores, anomalous))[1]
    assert np.mean(scores[~anomalous] >= at_best_f1) > 0.5
    threshold = metrics.decision_threshold(scores, anomalous)
    assert np.mean(scores[~anomalous] >= threshold) == metrics.FALSE_ALARM_RATE


def test_where_the_classes_lie_apart_the_decision_is_that_of_best_f1() -> None:
    anomalous = np.arange(100) < 50
    scores = np.where(anomalous, 0.9, 0.1) + np.arange(100) / 2000
    assert metrics.decision_threshold(scores, anomalous) == 0.9


def test_few_good_pictures_cannot_show_a_rate_and_none_defective_gives_no_threshold() -> None:
    scores = np.array([0.1, 0.9, 0.2, 0.8])
    assert metrics.decision_threshold(scores, np.array([False, False, True, True])) == 0.2
    assert np.isnan(metrics.decision_threshold(scores, np.zeros(4, dtype=bool)))
