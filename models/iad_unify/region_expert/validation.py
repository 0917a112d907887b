"""A quick look at held-out squares during training, and the two thresholds chosen on them at its end.

Pixels are those of the square; the reported figures, in original pixels, are `evaluation`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from iad_unify.geometry import Letterbox
from iad_unify.region_expert import metrics
from iad_unify.region_expert.inspection import maps
from iad_unify.region_expert.model import RegionExpert
from iad_unify.region_expert.proposals import smooth
from iad_unify.region_expert.sampling import Labelled

Held = tuple[Labelled, Letterbox]

#: The proposal threshold is at least this share of the decision's. Pooled pixel IoU alone is ruled by the few large
#: defects and, for a weak model, picks a level at which one region covers the whole part.
LEAST_PROPOSAL_SHARE = 0.65


@dataclass(frozen=True, slots=True)
class Checked:
    """Figures of the held-out squares and the thresholds that suit them."""

    image_auroc: float
    pixel_ap: float
    image_f1: float
    default_threshold: float  # best F1 of the picture decision
    proposal_threshold: float  # best pixel IoU, from LEAST_PROPOSAL_SHARE of the default up to it


def check(model: RegionExpert, held_out: Sequence[Held]) -> Checked:
    """Score held-out squares with the model as it is (evaluation mode)."""
    scores, truth, pixels, anomalous = [], [], [], []
    for labelled, letterbox in held_out:
        raw, _ = maps(model, labelled.rgb[None])
        smoothed = smooth(raw[0], letterbox, model.config.smoothing_px)
        scores.append(float(smoothed.max()))
        truth.append(bool(labelled.labels.any()))
        pixels.append(smoothed[labelled.content])
        anomalous.append(labelled.labels[labelled.content] > 0)
    pictures = metrics.curve(np.array(scores), np.array(truth, dtype=bool))
    points = metrics.curve(np.concatenate(pixels), np.concatenate(anomalous))
    f1, default = metrics.f1_max(pictures)
    default = default if np.isfinite(default) else 0.5
    proposal = max(LEAST_PROPOSAL_SHARE * default, metrics.iou_best(points, default))
    return Checked(metrics.auroc(pictures), metrics.average_precision(points), f1, default, min(proposal, default))
