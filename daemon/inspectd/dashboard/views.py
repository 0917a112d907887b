"""Records as the JSON that the page reads. Texts stay texts: the page never makes HTML of them."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from iad_unify.masks import MaskError
from inspectd.overlay import outlines
from inspectd.records import CameraStatus, DefectEvent, Explanation, Mask, Region, Review, ReviewState

log = structlog.get_logger(__name__)

#: Events whose outlines are kept.
REMEMBERED = 2000


class EventViews:
    """Events as JSON, with every mask as an SVG path; paths are computed once per event and model version."""

    def __init__(self) -> None:
        self._paths: OrderedDict[tuple[str, str], list[str]] = OrderedDict()

    def view(self, event: DefectEvent) -> dict[str, Any]:
        """One event, whole."""
        expert_type = event.regions[0].defect_type if event.regions else "unknown"
        return {
            "id": event.event_id,
            "revision": event.revision,
            "camera": event.camera_id,
            "frame": event.frame_id,
            "part": event.part_id,
            "lot": event.lot,
            "recipe": event.recipe,
            "view": event.view,
            "attributes": dict(event.attributes),
            "score": event.score,
            "threshold": event.threshold,
            "threshold_version": event.threshold_version,
            "model_version": event.model_version,
            "type": event.defect_type,
            "expert_type": expert_type,
            "regions": [_region(region, path) for region, path in zip(event.regions, self._drawn(event), strict=True)],
            "picture": {"sha256": event.picture.sha256, "width": event.picture.width, "height": event.picture.height},
            "capture_time": _time(event.capture_time),
            "raise_time": _time(event.raise_time),
            "update_time": _time(event.update_time),
            "explanation": explanation(event.explanation),
            "review": _review(event.review),
        }

    def _drawn(self, event: DefectEvent) -> list[str]:
        key = (event.event_id, event.model_version)
        paths = self._paths.get(key)
        if paths is None:
            paths = self._paths[key] = [_path(region.mask) for region in event.regions]
            if len(self._paths) > REMEMBERED:
                self._paths.popitem(last=False)
        return paths


def explanation(words: Explanation) -> dict[str, Any]:
    """The words and how far they can be trusted."""
    return {
        "state": words.state.value,
        "text": words.text,
        "origin": words.origin.value,
        "attempts": words.attempts,
        "failure": words.failure,
        "contradictions": list(words.contradictions),
        "type": words.defect_type,
        "type_confidence": words.type_confidence,
        "neighbours": [
            {"region": one.region, "event": one.event_id, "type": one.defect_type, "similarity": one.similarity}
            for one in words.neighbours
        ],
    }


def camera(status: CameraStatus) -> dict[str, Any]:
    """A camera of the strip. A threshold without a version is not known now; `drift` is a state, or nothing."""
    return {
        "id": status.camera_id,
        "inspected": status.inspected_count,
        "defects": status.defect_count,
        "threshold": status.threshold.value if status.threshold.version else None,
        "threshold_version": status.threshold.version,
        "drift": None if status.drift is None else status.drift.state.value,
        "last_capture_time": None if status.last_capture_time is None else _time(status.last_capture_time),
    }


def counts(reviews: Mapping[ReviewState, int]) -> dict[str, int]:
    """Events by review state; every state is there."""
    return {state.value: reviews.get(state, 0) for state in ReviewState}


def _region(region: Region, path: str) -> dict[str, Any]:
    ranked = sorted(region.type_probabilities.items(), key=lambda pair: -pair[1])[:3]
    return {
        "number": region.number,
        "score": region.score,
        "box": list(region.box),
        "area_px": region.area_px,
        "cell": region.cell,
        "type": region.defect_type,
        "types": [{"type": slug, "probability": probability} for slug, probability in ranked],
        "path": path,
    }


def _review(review: Review) -> dict[str, Any]:
    return {
        "state": review.state.value,
        "type": review.defect_type,
        "reviewer": review.reviewer,
        "comment": review.comment,
        "time": None if review.review_time is None else _time(review.review_time),
    }


def _path(mask: Mask) -> str:
    """The SVG path of a mask's outline; half a pixel on, so that it runs through pixel centres."""
    try:
        polygons = outlines(mask)
    except MaskError as error:  # the rest of the event is still worth showing
        log.warning("a mask cannot be drawn", error=str(error))
        return ""
    return "".join("M" + "L".join(f"{x + 0.5:g} {y + 0.5:g}" for x, y in polygon) + "Z" for polygon in polygons)


def _time(time: datetime) -> str:
    return time.isoformat()
