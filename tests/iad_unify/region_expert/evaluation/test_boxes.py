"""The rule of DeepPCB and mean AP on cases small enough to count by hand."""

import numpy as np
import pytest

from iad_unify.data.samples import Box
from iad_unify.region_expert.evaluation import boxes
from iad_unify.region_expert.evaluation.boxes import Detection
from iad_unify.region_expert.evaluation.detections import LEAST_IOU

OPEN, SHORT = Box(0, 0, 10, 10, "open"), Box(50, 50, 60, 60, "short")


def _at(x: float, score: float, kind: str = "open", side: float = 10) -> Detection:
    return Detection(x, 0, x + side, side, kind, score)


def test_a_detection_needs_the_class_and_more_than_the_overlap() -> None:
    exactly_half = Detection(0, 0, 10, 5, "open", 0.9)
    for found, above, right in [
        (_at(0, 0.9), LEAST_IOU, True),
        (_at(0, 0.9, "short"), LEAST_IOU, False),
        (_at(5, 0.9), 1 / 3, False),  # IoU is exactly a third
        (_at(5, 0.9), LEAST_IOU, True),  # and that is more than 0.33
        (_at(6, 0.9), LEAST_IOU, False),
        (exactly_half, boxes.HALF_IOU, True),
        (exactly_half, 0.5, False),
    ]:
        assert boxes.match([([found], [OPEN])], above).right.tolist() == [right]


def test_each_truth_is_found_once_and_the_highest_score_chooses_first() -> None:
    matched = boxes.match([([_at(1, 0.5), _at(2, 0.8)], [OPEN])], LEAST_IOU)
    assert matched.scores.tolist() == [0.8, 0.5]
    assert matched.right.tolist() == [True, False]


def test_a_detection_takes_the_truth_that_it_overlaps_most() -> None:
    near = Box(3, 0, 13, 10, "open")
    matched = boxes.match([([_at(2, 0.9), _at(0, 0.8)], [OPEN, near])], LEAST_IOU)
    assert matched.right.all()


def test_a_truth_of_another_picture_is_no_match() -> None:
    matched = boxes.match([([_at(0, 0.9)], []), ([], [OPEN])], LEAST_IOU)
    assert not matched.right.any()
    assert boxes.pooled_ap(matched) == 0


def test_the_pooled_ap_is_the_mean_over_truths_of_the_precision_at_their_rank() -> None:
    pictures = [
        ([_at(0, 0.9), _at(30, 0.8), Detection(50, 50, 60, 60, "short", 0.7)], [OPEN, SHORT]),
        ([_at(0, 0.6)], [OPEN, SHORT]),  # its short is missed
    ]
    matched = boxes.match(pictures, LEAST_IOU)
    assert matched.right.tolist() == [True, False, True, True]
    assert boxes.pooled_ap(matched) == pytest.approx((1 / 1 + 2 / 3 + 3 / 4) / 4)


def test_the_mean_ap_takes_the_envelope_and_averages_over_classes() -> None:
    pictures = [
        ([_at(0, 0.9), _at(30, 0.8), Detection(50, 50, 60, 60, "short", 0.7)], [OPEN, SHORT]),
        ([_at(0, 0.6)], [OPEN, SHORT]),
    ]
    matched = boxes.match(pictures, boxes.HALF_IOU)
    # open: right, wrong, right -> precision 1, 1/2, 2/3, envelope 1 and 2/3; short: one of two
    assert boxes.mean_ap(matched) == pytest.approx(((1 + 2 / 3) / 2 + 1 / 2) / 2)


def test_a_class_that_is_never_true_is_not_averaged_over() -> None:
    matched = boxes.match([([_at(0, 0.9), _at(0, 0.95, "spur")], [OPEN])], boxes.HALF_IOU)
    assert boxes.mean_ap(matched) == 1


def test_f_is_two_p_r_over_their_sum_at_its_threshold() -> None:
    matched = boxes.match([([_at(0, 0.9), _at(30, 0.6), _at(40, 0.4)], [OPEN, SHORT])], LEAST_IOU)
    precision, recall = 1 / 2, 1 / 2
    assert boxes.f1_at(matched, 0.6) == pytest.approx(2 * precision * recall / (precision + recall))
    assert boxes.f1_at(matched, 0.95) == 0
    assert boxes.f1_max(matched) == (pytest.approx(2 / 3), 0.9)


def test_equal_scores_are_kept_or_dropped_together() -> None:
    matched = boxes.match([([_at(0, 0.5), _at(30, 0.5), _at(60, 0.5)], [OPEN])], LEAST_IOU)
    best, threshold = boxes.f1_max(matched)
    assert best == boxes.f1_at(matched, threshold) == pytest.approx(2 / 4)


def test_drawing_a_picture_twice_weighs_it_twice() -> None:
    pictures = [([_at(0, 0.9)], [OPEN]), ([_at(30, 0.8)], [OPEN, SHORT])]
    matched = boxes.match(pictures, LEAST_IOU)
    assert boxes.f1_at(matched, 0.5, np.array([1.0, 1.0])) == boxes.f1_at(matched, 0.5) == pytest.approx(2 / 5)
    assert boxes.f1_at(matched, 0.5, np.array([2.0, 0.0])) == 1
    assert boxes.pooled_ap(matched, np.array([2.0, 0.0])) == 1
    assert boxes.mean_ap(matched, np.array([1.0, 0.0])) == 1
    assert np.isnan(boxes.pooled_ap(matched, np.array([0.0, 0.0])))


def test_without_truths_there_is_no_figure_and_without_detections_it_is_nought() -> None:
    nothing, silent = boxes.match([([_at(0, 0.9)], [])], LEAST_IOU), boxes.match([([], [OPEN])], LEAST_IOU)
    for figure in (boxes.pooled_ap, boxes.mean_ap, lambda m: boxes.f1_at(m, 0.5), lambda m: boxes.f1_max(m)[0]):
        assert np.isnan(figure(nothing))
        assert figure(silent) == 0


def test_of_equally_good_thresholds_the_middle_one_is_chosen() -> None:
    """All are found from 0.5 down, and near 0.2 there are a few wrong ones that cost next to nothing."""
    truths = [Box(30 * index, 0, 30 * index + 10, 10, "open") for index in range(200)]
    found = [_at(30 * index, 0.9 - 0.4 * index / 199) for index in range(200)]
    matched = boxes.match([(found, truths)], LEAST_IOU)
    middle = boxes.f1_middle(matched)
    assert boxes.f1_max(matched)[1] == pytest.approx(0.5)
    assert 0.5 < middle < 0.51
    wrong = [_at(7000 + 30 * index, 0.2 - index * 1e-3) for index in range(3)]
    wide = boxes.match([([*found, *wrong], truths)], LEAST_IOU)
    assert boxes.f1_max(wide)[1] == pytest.approx(0.5)
    assert boxes.f1_middle(wide) < middle - 0.1
    assert np.isnan(boxes.f1_middle(boxes.match([(found, ())], LEAST_IOU)))
    assert np.isnan(boxes.f1_middle(boxes.match([((), truths)], LEAST_IOU)))
