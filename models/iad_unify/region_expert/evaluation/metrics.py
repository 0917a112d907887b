"""Exact detection and segmentation figures in numpy: every score of a positive is a threshold, ties are one step.

AUROC and AP follow scikit-learn's roc_auc_score and average_precision_score (step sum, never trapezoid). AUPRO is the
area under the per-region overlap of Bergmann et al. (MVTec AD, CVPR 2019). Nothing here knows pictures: pool first.

Scores of negatives need no entry of their own in a curve. Between two scores of positives the hits stand still, so the
ROC and PRO curves are horizontal there, and precision, F1 and IoU are best at the positive's score. What is left of
the many negatives is one sort in place and a binary search, which is why 400 million pixels fit in memory.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating]
Truth = NDArray[np.bool_]

#: Share of good pictures that may alarm at a threshold that is chosen for everyone. A camera's own is calibrated.
FALSE_ALARM_RATE = 0.05


@dataclass(frozen=True, slots=True)
class Curve:
    """Counts at the distinct scores of positives, from the highest down; all arrays are [T]."""

    thresholds: NDArray[np.float64]
    hits: NDArray[np.float64]  # true positives at score >= threshold
    alarms: NDArray[np.float64]  # false positives at score >= threshold
    alarms_above: NDArray[np.float64]  # false positives at score > threshold; the difference are ties
    overlap: NDArray[np.float64]  # mean share of each region at score >= threshold; empty when regions are unknown
    positives: float
    negatives: float


def curve(scores: Scores, truth: Truth) -> Curve:
    """The curve of flat scores [N] and truth [N]."""
    return pooled(scores[truth], scores[~truth])


def pooled(positive: Scores, negative: Scores, weights: NDArray[np.float64] | None = None) -> Curve:
    """The curve of scores of positives [P] and of negatives [N], in any order; sorts `negative` in place.

    Both are of one dtype. `weights` [P] is each positive's share of the mean overlap, 1 / (pixels of its region x
    number of regions); without it the curve knows no regions.
    """
    negative.sort()
    order = np.argsort(positive, kind="stable")[::-1]
    values = positive[order]
    last = np.flatnonzero(np.append(values[1:] != values[:-1], True)) if values.size else np.zeros(0, np.int64)
    distinct = values[last]  # searched in its own dtype: another one would copy all negatives
    overlap = np.cumsum(weights[order])[last] if weights is not None else np.zeros(0)
    below, not_above = np.searchsorted(negative, distinct, "left"), np.searchsorted(negative, distinct, "right")
    return Curve(
        distinct.astype(np.float64),
        (last + 1).astype(np.float64),
        (negative.size - below).astype(np.float64),
        (negative.size - not_above).astype(np.float64),
        overlap,
        float(positive.size),
        float(negative.size),
    )


def histogram_curve(
    positive: NDArray[np.floating], negative: NDArray[np.floating], overlap: NDArray[np.floating] | None = None
) -> Curve:
    """The curve of weighted counts per score bin (ascending bins); for resampling, where a sort would be too slow.

    `overlap` is the sum over each bin of the weights that `pooled` takes.
    """
    hits, alarms = np.cumsum(positive[::-1], dtype=np.float64), np.cumsum(negative[::-1], dtype=np.float64)
    shares = np.cumsum(overlap[::-1], dtype=np.float64) if overlap is not None else np.zeros(0)
    bins = np.arange(positive.size)[::-1].astype(np.float64)
    return Curve(bins, hits, alarms, np.append(0.0, alarms[:-1]), shares, float(hits[-1]), float(alarms[-1]))


def auroc(points: Curve) -> float:
    """Area under the ROC curve, ties counted half; nan when one class is missing."""
    if points.positives == 0 or points.negatives == 0:
        return float("nan")
    below = points.negatives - (points.alarms + points.alarms_above) / 2
    return float(np.sum(np.diff(points.hits, prepend=0.0) * below) / (points.positives * points.negatives))


def average_precision(points: Curve) -> float:
    """Step sum of precision over recall; nan without positives. A constant score gives the prevalence."""
    if points.positives == 0:
        return float("nan")
    precision = points.hits / np.maximum(points.hits + points.alarms, 1e-300)
    return float(np.sum(np.diff(points.hits, prepend=0.0) * precision) / points.positives)


def f1_max(points: Curve) -> tuple[float, float]:
    """The best F1 over all thresholds and the threshold that gives it; (nan, nan) without positives."""
    if points.positives == 0:
        return float("nan"), float("nan")
    f1 = 2 * points.hits / (points.hits + points.alarms + points.positives)
    best = int(f1.argmax())
    return float(f1[best]), float(points.thresholds[best])


def decision_threshold(scores: Scores, anomalous: Truth) -> float:
    """The score from which a picture is called defective: that of best F1, or as much higher as keeps false alarms rare.

    F1 alone is ruled by how many defective pictures there are: of those that are mostly defective it alarms on nearly all.
    At most `FALSE_ALARM_RATE` of the good pictures alarm; fewer good ones than can show such a rate are not asked.
    nan when there is no defective picture.
    """
    best = f1_max(curve(scores, anomalous))[1]
    good = np.sort(scores[~anomalous])
    allowed = int(FALSE_ALARM_RATE * len(good))
    return float(max(best, np.nextafter(good[-1 - allowed], np.inf))) if allowed else best


def iou_best(points: Curve, highest_threshold: float = float("inf")) -> float:
    """The positive's score, at most `highest_threshold`, of best IoU; that bound itself when there is none."""
    usable = np.flatnonzero(points.thresholds <= highest_threshold)
    if usable.size == 0:
        return highest_threshold
    iou = points.hits[usable] / (points.alarms[usable] + points.positives)
    return float(points.thresholds[usable[int(iou.argmax())]])


def pro_curve(points: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False-positive rate and mean region overlap at the corners of the PRO curve, (0, 0) to (1, 1).

    Each threshold has two corners: before its ties and with them. In between lie straight lines.
    """
    rate = np.stack([points.alarms_above, points.alarms], axis=1).ravel() / max(points.negatives, 1.0)
    share = np.stack([np.append(0.0, points.overlap[:-1]), points.overlap], axis=1).ravel()
    return np.concatenate([[0.0], rate, [1.0]]), np.concatenate([[0.0], share, share[-1:]])


def aupro(points: Curve, limit: float) -> float:
    """Area under the PRO curve up to the false-positive rate `limit`, divided by `limit`; 1 is perfect.

    The curve is cut at `limit` by linear interpolation. nan without regions or without negatives. A constant score
    gives limit / 2. Raises ValueError unless 0 < limit <= 1.
    """
    if not 0 < limit <= 1:
        raise ValueError(f"a limit of {limit}: AUPRO is integrated up to a false-positive rate in (0, 1]")
    if points.overlap.size == 0 or points.overlap[-1] == 0 or points.negatives == 0:
        return float("nan")
    rate, share = pro_curve(points)
    inside = int(np.searchsorted(rate, limit, side="right"))
    x, y = rate[:inside], share[:inside]
    if x[-1] < limit:
        part = (limit - x[-1]) / (rate[inside] - x[-1])
        x, y = np.append(x, limit), np.append(y, y[-1] + part * (share[inside] - y[-1]))
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1])) / 2 / limit)
