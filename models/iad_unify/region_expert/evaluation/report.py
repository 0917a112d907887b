"""From what was seen in each picture to figures with intervals. Pure numpy; it runs no model.

Values are exact (every distinct score is a threshold). Intervals are percentiles over resampled groups; for them
pixels are binned finely, because sorting all of them once per resample would take hours.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from iad_unify.region_expert.evaluation import boxes, detections, metrics, overlap
from iad_unify.region_expert.evaluation.resampling import Numbers, Resampling, Value, percentiles
from iad_unify.region_expert.evaluation.seen import Levels, Seen

#: False-positive rates up to which AUPRO is integrated.
AUPRO_LIMITS = {"aupro_30": 0.3, "aupro_05": 0.05}
_BINS = 1000  # of the true pixels, and as many of all


def pooled(seen: Sequence[Seen], kind: str | None = None) -> metrics.Curve:
    """The exact curve of all pixels; of one type, the other types' pixels left out, when `kind` names it."""
    return overlap.pool((one.judged(kind) for one in seen), sum(one.pixels.size for one in seen))


def figures(seen: Sequence[Seen], points: metrics.Curve, levels: Levels, resampling: Resampling) -> dict[str, Value]:
    """All figures by name, `points` being `pooled(seen)`; one without meaning here (one class only) is left out."""
    found = _of_pictures(seen, resampling) | _of_pixels(seen, points, resampling)
    if points.positives:
        found["iou"] = resampling.ratio(*intersections(seen, levels.pixel))
    found |= {name: resampling.ratio(part, whole) for name, (part, whole) in shares(seen, levels).items()}
    if any(one.boxes for one in seen):
        found |= box_figures(seen, levels, resampling)
    return {name: value for name, value in found.items() if np.isfinite(value[0])}


def _of_pictures(seen: Sequence[Seen], resampling: Resampling) -> dict[str, Value]:
    scores, anomalous = np.array([s.score for s in seen]), np.array([s.anomalous for s in seen], dtype=bool)
    points = metrics.curve(scores, anomalous)
    bins = np.unique(scores, return_inverse=True)[1]

    def interval(figure: Callable[[metrics.Curve], float]) -> tuple[float, float] | None:
        def drawn(weights: Numbers) -> float:
            own = weights[resampling.owner]
            positive, negative = np.bincount(bins, own * anomalous), np.bincount(bins, own * ~anomalous)
            return figure(metrics.histogram_curve(positive.astype(np.float64), negative.astype(np.float64)))

        return resampling.interval(drawn)

    return {
        "image_auroc": (metrics.auroc(points), interval(metrics.auroc)),
        "image_f1_max": (metrics.f1_max(points)[0], interval(lambda c: metrics.f1_max(c)[0])),
    }


def _of_pixels(seen: Sequence[Seen], points: metrics.Curve, resampling: Resampling) -> dict[str, Value]:
    figure_of: dict[str, Callable[[metrics.Curve], float]] = {
        "pixel_auroc": metrics.auroc,
        "pixel_ap": metrics.average_precision,
        "f1_max": lambda curve: metrics.f1_max(curve)[0],
        **{name: partial(metrics.aupro, limit=limit) for name, limit in AUPRO_LIMITS.items()},
    }
    counts, regions = _histograms(seen, resampling)
    sums = np.tensordot(resampling.drawn, counts, axes=1)  # [resamples, 3, bins]
    drawn = [
        metrics.histogram_curve(positive, negative, shares / max(float(count), 1.0))
        for (negative, positive, shares), count in zip(sums, resampling.drawn @ regions, strict=True)
    ]
    return {name: (figure(points), percentiles([figure(c) for c in drawn])) for name, figure in figure_of.items()}


def _histograms(seen: Sequence[Seen], resampling: Resampling) -> tuple[Numbers, Numbers]:
    """Per unit and bin the good pixels, the true ones and their shares of regions [units, 3, bins]; regions [units]."""
    edges = _edges(seen)
    counts, regions = np.zeros((resampling.units, 3, edges.size)), np.zeros(resampling.units)
    for unit, one in zip(resampling.owner, seen, strict=True):
        judged = one.judged()
        positive, negative = judged.positive, judged.negative
        shares, count = overlap.region_shares(positive)
        low, high = (np.searchsorted(edges, one.pixels[mask], side="right") - 1 for mask in (negative, positive))
        counts[unit, 0] += np.bincount(low, minlength=edges.size)
        counts[unit, 1] += np.bincount(high, minlength=edges.size)
        counts[unit, 2] += np.bincount(high, shares, minlength=edges.size)
        regions[unit] += count
    return counts, regions


def _edges(seen: Sequence[Seen]) -> NDArray[np.float32]:
    """Ascending lower bounds of bins: quantiles of the true pixels and of all, the latter finer towards the top.

    The finest share is one in a million: AUPRO at 0.05 and AP live on the few highest scores of good pixels.
    """
    step = max(1, sum(one.pixels.size for one in seen) // 4_000_000)
    sampled = np.concatenate([one.pixels.ravel()[::step] for one in seen])
    true = np.concatenate([one.pixels[one.truth()] for one in seen])
    ranks = np.concatenate([np.linspace(0, 1, _BINS), 1 - np.geomspace(1e-6, 1, _BINS)])
    parts = [np.quantile(sampled, ranks), np.array([min(float(one.pixels.min()) for one in seen)])]
    if true.size:
        parts.append(np.quantile(true, np.linspace(0, 1, _BINS)))
    return np.unique(np.concatenate(parts).astype(np.float32))


def intersections(seen: Iterable[Seen], threshold: float, kind: str | None = None) -> tuple[list[int], list[int]]:
    """For each picture the pixels that are both found and true, and those that are either."""
    both, either = [], []
    for one in seen:
        judged = one.judged(kind)
        found, true = one.pixels >= threshold, judged.positive
        both.append(int(np.count_nonzero(found & true)))
        either.append(int(np.count_nonzero(found & judged.negative) + np.count_nonzero(true)))
    return both, either


def shares(seen: Sequence[Seen], levels: Levels) -> dict[str, tuple[list[float], list[float]]]:
    """Figures that are a share: numerator and denominator for each picture."""

    def each(count: Callable[[Seen], float]) -> list[float]:
        return [float(count(one)) for one in seen]

    defects = each(lambda s: len(s.defects))
    found = each(lambda s: sum(d.predicted is not None for d in s.defects))
    return {
        "detection_rate": (each(lambda s: s.anomalous and s.score >= levels.decision), each(lambda s: s.anomalous)),
        "false_alarm_rate": (
            each(lambda s: not s.anomalous and s.score >= levels.decision),
            each(lambda s: not s.anomalous),
        ),
        "defects_found": (found, defects),
        "type_accuracy": (each(lambda s: sum(d.predicted == d.defect_type for d in s.defects)), found),
        "type_accuracy_true_mask": (each(lambda s: sum(d.given_mask == d.defect_type for d in s.defects)), defects),
    }


def boxes_kept(seen: Sequence[Seen], levels: Levels, matched: boxes.Matched) -> tuple[boxes.Matched, float]:
    """Detections matched by DeepPCB's rule, and the score from which they count; `matched` are all, without a threshold."""
    if not levels.box_of_region:
        return matched, levels.box
    kept = [([found for found in one.found if found.region >= levels.box], one.boxes) for one in seen]
    return boxes.match(kept, detections.LEAST_IOU), -np.inf


def box_figures(seen: Sequence[Seen], levels: Levels, resampling: Resampling) -> dict[str, Value]:
    """DeepPCB's F at the levels, the best F of any threshold (told on these very pictures), its AP, and mAP at 0.5."""
    pairs = [(one.found, one.boxes) for one in seen]
    loose, half = boxes.match(pairs, detections.LEAST_IOU), boxes.match(pairs, boxes.HALF_IOU)
    kept, threshold = boxes_kept(seen, levels, loose)

    def value(figure: Callable[[Numbers | None], float]) -> Value:
        return figure(None), resampling.interval(lambda weights: figure(weights[resampling.owner]))

    return {
        "box_f": value(lambda weights: boxes.f1_at(kept, threshold, weights)),
        "box_f_max": value(lambda weights: boxes.f1_max(loose, weights)[0]),
        "box_ap": value(lambda weights: boxes.pooled_ap(loose, weights)),
        "box_map50": value(lambda weights: boxes.mean_ap(half, weights)),
    }


def number(value: float) -> float | None:
    """JSON knows no nan."""
    return value if np.isfinite(value) else None
