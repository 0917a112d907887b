"""From what was seen in each picture to figures with intervals. Pure numpy; it runs no model.

Values are exact (every distinct score is a threshold). Intervals are percentiles over resampled groups; for them
scores are binned finely, because sorting all pixels once per resample would take hours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iad_unify.region_expert import metrics

_BINS = 2000
Value = tuple[float, tuple[float, float] | None]


@dataclass(frozen=True, slots=True)
class Defect:
    """One true defect and what the expert made of it."""

    defect_type: str
    iou: float  # of the best region at or above the decision threshold
    predicted: str | None  # that region's type; None when the defect was not found
    given_mask: str  # the type head's answer when it is given the true mask


@dataclass(frozen=True, slots=True)
class Seen:
    """One inspected picture."""

    group: str
    anomalous: bool
    score: float
    pixels: NDArray[np.float32]  # [H*W] smoothed probability
    truth: NDArray[np.bool_]  # [H*W]
    defects: tuple[Defect, ...]


def figures(seen: Sequence[Seen], threshold: float, proposal: float, resamples: int, seed: int = 0) -> dict[str, Value]:
    """All figures by name; a figure without meaning on these pictures (one class only) is left out."""
    scores, anomalous = np.array([s.score for s in seen]), np.array([s.anomalous for s in seen])
    pixels, truth = np.concatenate([s.pixels for s in seen]), np.concatenate([s.truth for s in seen])
    points, pooled = metrics.curve(scores, anomalous), metrics.curve(pixels, truth)
    weights = _weights(seen, resamples, seed)
    image_bins = _binned(seen, np.unique(scores), lambda s: (np.array([s.score]), np.array([s.anomalous])))
    edges = _edges(pixels, truth, (proposal,))
    pixel_bins = _binned(seen, edges, lambda s: (s.pixels, s.truth))
    at = float(np.searchsorted(edges, proposal, side="right") - 1)  # the bin that starts at the threshold
    found: dict[str, Value] = {
        "image_auroc": (metrics.auroc(points), _interval(image_bins, weights, metrics.auroc)),
        "image_f1_max": (metrics.f1_max(points)[0], _interval(image_bins, weights, lambda c: metrics.f1_max(c)[0])),
        "pixel_auroc": (metrics.auroc(pooled), _interval(pixel_bins, weights, metrics.auroc)),
        "pixel_ap": (metrics.average_precision(pooled), _interval(pixel_bins, weights, metrics.average_precision)),
        "f1_max": (metrics.f1_max(pooled)[0], _interval(pixel_bins, weights, lambda c: metrics.f1_max(c)[0])),
        "iou": (metrics.iou_at(pooled, proposal), _interval(pixel_bins, weights, lambda c: metrics.iou_at(c, at))),
    }
    for name, (part, whole) in _shares(seen, threshold).items():
        found[name] = (float(part.sum() / whole.sum()) if whole.sum() else float("nan"), _ratio(part, whole, weights))
    return {name: value for name, value in found.items() if np.isfinite(value[0])}


def _shares(seen: Sequence[Seen], threshold: float) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Figures that are a share: numerator and denominator per group."""
    groups = sorted({s.group for s in seen})
    index = {group: at for at, group in enumerate(groups)}

    def total(count: Callable[[Seen], float]) -> NDArray[np.float64]:
        sums = np.zeros(len(groups))
        for one in seen:
            sums[index[one.group]] += count(one)
        return sums

    defects = total(lambda s: len(s.defects))
    found = total(lambda s: sum(d.predicted is not None for d in s.defects))
    return {
        "detection_rate": (total(lambda s: s.anomalous and s.score >= threshold), total(lambda s: s.anomalous)),
        "false_alarm_rate": (
            total(lambda s: not s.anomalous and s.score >= threshold),
            total(lambda s: not s.anomalous),
        ),
        "defects_found": (found, defects),
        "type_accuracy": (total(lambda s: sum(d.predicted == d.defect_type for d in s.defects)), found),
        "type_accuracy_true_mask": (total(lambda s: sum(d.given_mask == d.defect_type for d in s.defects)), defects),
    }


def per_type(seen: Sequence[Seen], threshold: float) -> dict[str, dict[str, Any]]:
    """For each type: defects, share found, type accuracy of those found, mean IoU, pictures detected."""
    table: dict[str, dict[str, Any]] = {}
    for slug in sorted({d.defect_type for s in seen for d in s.defects}):
        defects = [d for s in seen for d in s.defects if d.defect_type == slug]
        found = [d for d in defects if d.predicted is not None]
        scores = [s.score for s in seen if any(d.defect_type == slug for d in s.defects)]
        table[slug] = {
            "defects": len(defects),
            "groups": len({s.group for s in seen if any(d.defect_type == slug for d in s.defects)}),
            "found": len(found) / len(defects),
            "type_accuracy": sum(d.predicted == slug for d in found) / len(found) if found else None,
            "type_accuracy_true_mask": sum(d.given_mask == slug for d in defects) / len(defects),
            "iou": float(np.mean([d.iou for d in defects])),
            "pictures_detected": float(np.mean(np.array(scores) >= threshold)),
        }
    return table


def _weights(seen: Sequence[Seen], resamples: int, seed: int) -> NDArray[np.float64]:
    """How often each group is drawn, [resamples, groups] (groups in sorted order)."""
    count = len({s.group for s in seen})
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)


def _edges(pixels: NDArray[np.float32], truth: NDArray[np.bool_], kept: tuple[float, ...]) -> NDArray[np.float32]:
    """Ascending lower bounds of bins: quantiles of the anomalous pixels and of all, and the thresholds `kept`."""
    step = max(1, pixels.size // 2_000_000)
    parts = [np.quantile(pixels[::step], np.linspace(0, 1, _BINS // 2)), np.array([pixels.min(), *kept])]
    if truth.any():
        parts.append(np.quantile(pixels[truth], np.linspace(0, 1, _BINS // 2)))
    return np.unique(np.concatenate(parts).astype(np.float32))


def _binned(
    seen: Sequence[Seen],
    edges: NDArray[np.floating],
    take: Callable[[Seen], tuple[NDArray[np.floating], NDArray[np.bool_]]],
) -> NDArray[np.float64]:
    """Counts [2, groups, bins] of negatives and positives."""
    index = {group: at for at, group in enumerate(sorted({s.group for s in seen}))}
    counts = np.zeros((2, len(index), edges.size))
    for one in seen:
        values, truth = take(one)
        bins = np.searchsorted(edges, values, side="right") - 1
        for kind in (0, 1):
            counts[kind, index[one.group]] += np.bincount(bins[truth == bool(kind)], minlength=edges.size)
    return counts


def _interval(
    counts: NDArray[np.float64], weights: NDArray[np.float64], figure: Callable[[metrics.Curve], float]
) -> tuple[float, float] | None:
    drawn = [figure(metrics.histogram_curve(row @ counts[1], row @ counts[0])) for row in weights]
    return _percentiles(np.array(drawn))


def _ratio(
    part: NDArray[np.float64], whole: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float] | None:
    below = weights @ whole
    return _percentiles((weights @ part)[below > 0] / below[below > 0])


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float] | None:
    usable = values[np.isfinite(values)]
    if usable.size < 2:
        return None
    low, high = np.percentile(usable, [2.5, 97.5])
    return float(low), float(high)
