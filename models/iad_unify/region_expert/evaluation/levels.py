"""Thresholds chosen on a validation part. The test pictures never come here."""

from collections.abc import Sequence

import numpy as np

from iad_unify.checkpoint import Card, CheckpointError
from iad_unify.region_expert.evaluation import boxes, detections, metrics, report
from iad_unify.region_expert.evaluation.seen import Levels, Seen

#: `Levels.source` when nothing was chosen here.
CARD = "the checkpoint's card"


def of_card(card: Card, folder: object) -> Levels:
    """The thresholds that training chose on its own validation part; raises CheckpointError when the card has none."""
    if card.default_threshold is None or card.proposal_threshold is None:
        raise CheckpointError(str(folder), "train it again", "the card has no thresholds")
    return Levels(card.default_threshold, card.proposal_threshold, card.default_threshold, CARD, box_of_region=True)


def choose(seen: Sequence[Seen], fallback: Levels, source: str) -> Levels:
    """The best on these pictures: `metrics.decision_threshold`, pooled pixel IoU, `boxes.f1_middle`.

    What the pictures cannot tell (no good or no defective one, no true pixel, no box) stays as in `fallback`.
    """
    anomalous = np.array([one.anomalous for one in seen], dtype=bool)
    decision, pixel, box = fallback.decision, fallback.pixel, fallback.box
    if anomalous.any() and not anomalous.all():
        decision = metrics.decision_threshold(np.array([one.score for one in seen]), anomalous)
    points = report.pooled(seen)
    if points.positives:
        pixel = metrics.iou_best(points)
    if any(one.boxes for one in seen):
        middle = boxes.f1_middle(boxes.match([(one.found, one.boxes) for one in seen], detections.LEAST_IOU))
        if np.isfinite(middle):
            return Levels(decision, pixel, middle, source)
    return Levels(decision, pixel, box, source, fallback.box_of_region)
