"""Exact detection and segmentation figures in numpy: every distinct score is a threshold, ties are one step.

Definitions follow scikit-learn's roc_auc_score and average_precision_score (step sum, never trapezoid). They know
nothing of pictures; pool the pixels first.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating]
Truth = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Curve:
    """Counts at every distinct threshold, from the highest score down."""

    thresholds: NDArray[np.float64]
    hits: NDArray[np.float64]  # true positives at score >= threshold
    alarms: NDArray[np.float64]  # false positives
    positives: float
    negatives: float


def curve(scores: Scores, truth: Truth) -> Curve:
    """One sort over flat scores [N] and truth [N]."""
    order = np.argsort(scores, kind="stable")[::-1]
    values, hit = scores[order], truth[order]
    last = np.flatnonzero(np.append(np.diff(values) != 0, True)) if values.size else np.zeros(0, np.int64)
    hits = np.cumsum(hit, dtype=np.float64)[last]
    return Curve(values[last].astype(np.float64), hits, last + 1.0 - hits, float(truth.sum()), float((~truth).sum()))


def histogram_curve(positive: NDArray[np.floating], negative: NDArray[np.floating]) -> Curve:
    """The curve of weighted counts per score bin (ascending bins); for resampling, where a sort would be too slow."""
    hits, alarms = np.cumsum(positive[::-1], dtype=np.float64), np.cumsum(negative[::-1], dtype=np.float64)
    return Curve(np.arange(positive.size)[::-1].astype(np.float64), hits, alarms, float(hits[-1]), float(alarms[-1]))


def auroc(points: Curve) -> float:
    """Area under the ROC curve, ties counted half; nan when one class is missing."""
    if points.positives == 0 or points.negatives == 0:
        return float("nan")
    hits, alarms = np.append(0.0, points.hits), np.append(0.0, points.alarms)
    area = np.sum(np.diff(alarms) * (hits[1:] + hits[:-1]) / 2)
    return float(area / (points.positives * points.negatives))


def average_precision(points: Curve) -> float:
    """Step sum of precision over recall; nan without positives. A constant score gives the prevalence."""
    if points.positives == 0:
        return float("nan")
    precision = points.hits / np.maximum(points.hits + points.alarms, 1e-300)
    return float(np.sum(np.diff(np.append(0.0, points.hits)) * precision) / points.positives)


def f1_max(points: Curve) -> tuple[float, float]:
    """The best F1 over all thresholds and the threshold that gives it; (nan, nan) without positives."""
    if points.positives == 0:
        return float("nan"), float("nan")
    f1 = 2 * points.hits / (points.hits + points.alarms + points.positives)
    best = int(f1.argmax())
    return float(f1[best]), float(points.thresholds[best])


def iou_at(points: Curve, threshold: float) -> float:
    """Intersection over union of {score >= threshold} with the truth; nan when both are empty."""
    above = points.thresholds >= threshold
    index = int(above.sum()) - 1
    hits, alarms = (points.hits[index], points.alarms[index]) if index >= 0 else (0.0, 0.0)
    union = alarms + points.positives
    return float(hits / union) if union > 0 else float("nan")


def iou_best(points: Curve, highest_threshold: float) -> float:
    """The threshold of best IoU among those of at most `highest_threshold`; that bound itself when there is none."""
    usable = np.flatnonzero(points.thresholds <= highest_threshold)
    if usable.size == 0 or points.positives == 0:
        return highest_threshold
    iou = points.hits[usable] / (points.alarms[usable] + points.positives)
    return float(points.thresholds[usable[int(iou.argmax())]])
