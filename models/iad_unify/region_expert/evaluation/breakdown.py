"""The figures of an evaluation for each type and for each group, as rows of the report. Without intervals: few pictures."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from iad_unify.region_expert.evaluation import boxes, detections, metrics, report
from iad_unify.region_expert.evaluation.seen import Defect, Levels, Seen


def per_type(seen: Sequence[Seen], levels: Levels) -> dict[str, dict[str, Any]]:
    """For each type its figures on the pictures that have it, with the good ones; see `pooled` for the pixels."""
    good = [one for one in seen if not one.anomalous]
    table: dict[str, dict[str, Any]] = {}
    for slug in sorted({kind for one in seen for kind in one.types}):
        own = [one for one in seen if slug in one.types]
        defects = [d for one in own for d in one.defects if d.defect_type == slug]
        table[slug] = {
            "pictures": len(own),
            "groups": len({one.group for one in own}),
            "defects": len(defects),
            **_judged_alone(own, good, slug, levels),
            "pictures_detected": float(np.mean([one.score >= levels.decision for one in own])),
            **_defects_alone(defects, slug),
            **_boxes_alone(own, slug),
        }
    return table


def _judged_alone(own: Sequence[Seen], good: Sequence[Seen], slug: str, levels: Levels) -> dict[str, float | None]:
    together = [*own, *good]
    points = report.pooled(together, slug)
    pictures = metrics.curve(
        np.array([s.score for s in together]), np.array([s.anomalous for s in together], dtype=bool)
    )
    both, either = report.intersections(together, levels.pixel, slug)
    return {
        "image_auroc": report.number(metrics.auroc(pictures)),
        "pixel_auroc": report.number(metrics.auroc(points)),
        "pixel_ap": report.number(metrics.average_precision(points)),
        **{name: report.number(metrics.aupro(points, limit)) for name, limit in report.AUPRO_LIMITS.items()},
        "iou": sum(both) / sum(either) if sum(either) and points.positives else None,
    }


def _defects_alone(defects: Sequence[Defect], slug: str) -> dict[str, float | None]:
    found = [d for d in defects if d.predicted is not None]
    return {
        "found": len(found) / len(defects) if defects else None,
        "region_iou": float(np.mean([d.iou for d in defects])) if defects else None,
        "type_accuracy": sum(d.predicted == slug for d in found) / len(found) if found else None,
        "type_accuracy_true_mask": sum(d.given_mask == slug for d in defects) / len(defects) if defects else None,
    }


def _boxes_alone(own: Sequence[Seen], slug: str) -> dict[str, float | None]:
    if not any(one.boxes for one in own):
        return {}
    pairs = [
        ([d for d in one.found if d.defect_type == slug], [b for b in one.boxes if b.defect_type == slug])
        for one in own
    ]
    return {"box_ap50": report.number(boxes.mean_ap(boxes.match(pairs, boxes.HALF_IOU)))}


def per_group(seen: Sequence[Seen], levels: Levels) -> dict[str, dict[str, Any]]:
    """For each group how many pictures it has and its figures; null where it lacks one of the classes."""
    members: dict[str, list[Seen]] = {}
    for one in seen:
        members.setdefault(one.group, []).append(one)
    return {group: _group(members[group], levels) for group in sorted(members)}


def _group(seen: Sequence[Seen], levels: Levels) -> dict[str, Any]:
    points = report.pooled(seen)
    pictures = metrics.curve(np.array([s.score for s in seen]), np.array([s.anomalous for s in seen], dtype=bool))
    both, either = report.intersections(seen, levels.pixel)
    shares = {
        name: sum(part) / sum(whole) if sum(whole) else None
        for name, (part, whole) in report.shares(seen, levels).items()
    }
    row: dict[str, Any] = {
        "pictures": len(seen),
        "defective": sum(one.anomalous for one in seen),
        "image_auroc": report.number(metrics.auroc(pictures)),
        "pixel_ap": report.number(metrics.average_precision(points)),
        "aupro_30": report.number(metrics.aupro(points, report.AUPRO_LIMITS["aupro_30"])),
        "iou": sum(both) / sum(either) if sum(either) and points.positives else None,
        **{name: shares[name] for name in ("detection_rate", "false_alarm_rate")},
    }
    if any(one.boxes for one in seen):
        found = boxes.match([(one.found, one.boxes) for one in seen], detections.LEAST_IOU)
        row |= {"box_f": report.number(boxes.f1_at(*report.boxes_kept(seen, levels, found)))}
        row |= {"box_ap": report.number(boxes.pooled_ap(found))}
    return row
