"""A quick look at held-out squares during training, and the two thresholds chosen on them at its end.

Pixels are those of the square; the reported figures, in original pixels, are `evaluation`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from iad_unify.geometry import Letterbox
from iad_unify.region_expert.described import Frame
from iad_unify.region_expert.evaluation import detections, metrics
from iad_unify.region_expert.export.delegating import with_cuts
from iad_unify.region_expert.inspection import Level, maps, regions
from iad_unify.region_expert.model import RegionExpert
from iad_unify.region_expert.proposals import smooth
from iad_unify.region_expert.squares import Labelled

Held = tuple[Labelled, Letterbox]

#: The proposal threshold is at least this share of the decision's. Pooled pixel IoU alone is ruled by the few large
#: defects and, for a weak model, picks a level at which one region covers the whole part.
LEAST_PROPOSAL_SHARE = 0.65
#: What is tried where boxes are annotated: thresholds, merge gaps (pixels of the square), on how many pictures.
_LEVELS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
_GAPS = (9, 15, 21)
_BOXED_PICTURES, _MOST_REGIONS = 60, 64
#: F1 that a lower threshold may cost.
_SLACK = 0.005


@dataclass(frozen=True, slots=True)
class Checked:
    """Figures of the held-out squares and the thresholds that suit them."""

    image_auroc: float
    pixel_ap: float
    image_f1: float
    default_threshold: float  # see metrics.decision_threshold
    proposal_threshold: float  # best pixel IoU, from LEAST_PROPOSAL_SHARE of the default up to it
    merge_gap_px: int
    box_f1: float | None = None  # None without annotated boxes


def check(model: RegionExpert, held_out: Sequence[Held], *, boxes: bool = True) -> Checked:
    """Score held-out squares with the model as it is (evaluation mode).

    Without `boxes` annotated boxes are let be: trying thresholds and gaps on them takes several times as long as the rest.
    """
    scores, truth, pixels, anomalous = [], [], [], []
    for labelled, letterbox in held_out:
        raw, _ = maps(model, labelled.rgb[None], template_of(labelled))
        smoothed = smooth(raw[0], letterbox, model.config.smoothing_px)
        scores.append(float(smoothed.max()))
        truth.append(bool(labelled.labels.any()))
        pixels.append(smoothed[labelled.content])
        anomalous.append(labelled.labels[labelled.content] > 0)
    per_picture, defective = np.array(scores), np.array(truth, dtype=bool)
    pictures = metrics.curve(per_picture, defective)
    points = metrics.curve(np.concatenate(pixels), np.concatenate(anomalous))
    f1 = metrics.f1_max(pictures)[0]
    default = metrics.decision_threshold(per_picture, defective)
    default = default if np.isfinite(default) else 0.5
    proposal = max(LEAST_PROPOSAL_SHARE * default, metrics.iou_best(points, default))
    auroc, ap = metrics.auroc(pictures), metrics.average_precision(points)
    if not boxes or not any(labelled.boxes is not None for labelled, _ in held_out):
        return Checked(auroc, ap, f1, default, min(proposal, default), model.config.merge_gap_px)
    box_f1, threshold, gap = _best_boxes(model, held_out)
    return Checked(auroc, ap, f1, threshold, threshold, gap, box_f1)


def template_of(labelled: Labelled) -> NDArray[np.uint8] | None:
    """The template as a batch of one, uint8 [1, S, S, 3]."""
    return None if labelled.template is None else labelled.template[None]


def _best_boxes(model: RegionExpert, held_out: Sequence[Held]) -> tuple[float, float, int]:
    """The best F1 of typed boxes, the lowest threshold that comes near it, and the smallest merge gap with that one.

    Held-out boards are often easy: many thresholds are as good as each other there, and on a harder board the lower one
    still finds its defects. On one, 0.95 instead of 0.3 took the recall from 0.99 to 0.85.
    """
    tried = list(product(_LEVELS, _GAPS))
    quick = with_cuts(model)
    hits, found, true = np.zeros(len(tried)), np.zeros(len(tried)), 0
    for labelled, letterbox in held_out[:_BOXED_PICTURES]:
        raw, features = maps(model, labelled.rgb[None], template_of(labelled))
        smoothed = smooth(raw[0], letterbox, model.config.smoothing_px)
        frame = Frame(labelled.rgb, letterbox, features, labelled.template)
        boxes, kinds = _truth(labelled, letterbox)
        true += len(kinds)
        for index, (threshold, gap) in enumerate(tried):
            level = Level(threshold, 0.0, gap, _MOST_REGIONS, model.config.grow_share)
            seen = regions(quick, smoothed, frame, level)
            hits[index] += detections.match(seen.boxes, seen.type_logits.argmax(axis=1), boxes, kinds).sum()
            found[index] += len(seen.boxes)
    f1 = 2 * hits / np.maximum(found + true, 1)
    chosen = int(np.flatnonzero(f1 >= f1.max() - _SLACK)[0])
    return float(f1[chosen]), *tried[chosen]


def _truth(labelled: Labelled, letterbox: Letterbox) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Annotated boxes [N, 4] in original pixels and their types [N]."""
    boxes, kinds = [], []
    plane = np.zeros_like(labelled.labels) if labelled.boxes is None else labelled.boxes
    for number in np.unique(plane[plane > 0]):
        inside = plane == number
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        boxes.append(letterbox.box_to_original(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
        kinds.append(int(np.bincount(labelled.labels[inside & (labelled.labels > 0)], minlength=2).argmax()) - 1)
    return np.array(boxes, np.float32).reshape(-1, 4), np.array(kinds, np.int64)
