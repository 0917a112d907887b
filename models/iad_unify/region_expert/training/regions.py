"""Which regions of a batch the heads learn from: drawn or annotated defects, each as its mask or as it would be proposed.

Serving shows the heads what the anomaly map proposes: wider than a scratch, broken where it is faint, two defects in one.
A head that learned from true masks alone is wrong on those.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.data.truth import MADE_UP
from iad_unify.region_expert.config import ExpertConfig
from iad_unify.region_expert.proposals import components
from iad_unify.region_expert.squares import Batch

_REGIONS_PER_PICTURE = 4
_LEAST_PIXELS = 4
_PROPOSED_SHARE = 0.6
#: Thresholds that regions are proposed at in training: users' own lie anywhere between.
_LOWEST, _HIGHEST = 0.15, 0.75


class TrueRegion(NamedTuple):
    """A region of a picture of the batch, what it is, and how far its annotated box reaches beyond its tight box."""

    picture: int
    mask: NDArray[np.bool_]  # [S, S]
    kind: int  # index of the type; their number is "unknown"
    margins: tuple[float, float, float, float] | None  # left, top, right, bottom, pixels; None where nobody knows


def regions_of(
    batch: Batch, probability: NDArray[np.float32], rng: np.random.Generator, config: ExpertConfig
) -> list[TrueRegion]:
    """A few regions of each picture; `probability` [B, S, S] is what the anomaly head makes of the batch."""
    found: list[TrueRegion] = []
    boxes = None if batch.boxes is None else batch.boxes.numpy()
    for picture, labels in enumerate(batch.labels.numpy()):
        plane = None if boxes is None else boxes[picture]
        proposed: NDArray[np.int32] | None = None
        for label, mask, box in _defects(labels, plane, rng):
            if rng.random() < _PROPOSED_SHARE:
                if proposed is None:
                    content = batch.content[picture].numpy()
                    proposed = _proposals(probability[picture], content, rng, config)
                mask = _as_proposed(mask, labels > 0, proposed)
            margins = None if plane is None or box == 0 else _margins(mask, plane == box)
            kind = len(config.type_slugs) if label == MADE_UP else label - 1
            found.append(TrueRegion(picture, mask, kind, margins))
    return found


def _proposals(
    probability: NDArray[np.float32], content: NDArray[np.bool_], rng: np.random.Generator, config: ExpertConfig
) -> NDArray[np.int32]:
    """The proposals of one picture, numbered from 1 in [S, S], at a random threshold."""
    smoothed = cv2.GaussianBlur(probability, (0, 0), config.smoothing_px) if config.smoothing_px > 0 else probability
    hot = (smoothed >= rng.uniform(_LOWEST, _HIGHEST) * config.grow_share) & content
    return components(hot.astype(np.uint8), config.merge_gap_px)[0]


def _as_proposed(
    mask: NDArray[np.bool_], defective: NDArray[np.bool_], proposed: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """The proposal that covers most of the defect, or the mask where none does or it holds more of other defects."""
    number = int(np.bincount(proposed[mask], minlength=2)[1:].argmax()) + 1
    region = proposed == number
    own, others = int((region & mask).sum()), int((region & defective & ~mask).sum())
    return region if own >= _LEAST_PIXELS and own > others else mask


def _defects(
    labels: NDArray[np.uint8], plane: NDArray[np.uint8] | None, rng: np.random.Generator
) -> Iterator[tuple[int, NDArray[np.bool_], int]]:
    """Label, mask and box number (0: none) of a few defects: one for each box, or for each type and for what is made up."""
    if plane is not None and plane.any():
        numbers = [number for number in np.unique(plane) if number > 0]
        for number in rng.permutation(numbers)[:_REGIONS_PER_PICTURE]:
            mask = (plane == number) & (labels > 0) & (labels < MADE_UP)
            if mask.sum() >= _LEAST_PIXELS:
                yield int(np.bincount(labels[mask]).argmax()), mask, int(number)
        return
    for label in [value for value in np.unique(labels) if 0 < value <= MADE_UP][:_REGIONS_PER_PICTURE]:
        whole = (labels == label).astype(np.uint8)
        yield int(label), _largest(whole) if rng.random() < 0.5 else whole.astype(bool), 0


def _margins(mask: NDArray[np.bool_], box: NDArray[np.bool_]) -> tuple[float, float, float, float] | None:
    """None when the box is cut off by the crop's border, so that nobody knows how far it reaches."""
    if box[0].any() or box[-1].any() or box[:, 0].any() or box[:, -1].any():
        return None
    inner, outer = _edges(mask), _edges(box)
    left, top, right, bottom = (max(0.0, far - near) for far, near in zip(outer, inner, strict=True))
    return left, top, right, bottom


def _edges(mask: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """How far the mask reaches to the left, the top, the right and the bottom; larger is farther."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return -float(columns[0]), -float(rows[0]), float(columns[-1]), float(rows[-1])


def _largest(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
