"""Detections against true boxes: the rule of DeepPCB's benchmark, and mean AP at an IoU of 0.5. Pure numpy.

The rule (github.com/tangsanli5201/DeepPCB, README): a detection is right when its IoU with a true box of the same class
is larger than 0.33; F is 2PR / (P + R). Its script is ICDAR 2015's with small changes. From that one come the AP over
all classes at once and its form, the sum over right detections of the precision at their rank, divided by the number of
truths: no interpolation, no envelope, no mean over classes. Where ours differs: the ICDAR script pairs boxes in the
order of the files, here the highest score chooses first and takes the free truth that it overlaps most.

The mean AP at 0.5 is PASCAL VOC's since 2010: for each class the area under the precision envelope, then the mean over
classes that have a truth. There an IoU of exactly 0.5 is enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iad_unify.data.samples import Box
from iad_unify.region_expert.evaluation import detections

#: The same for mean AP: "at least 0.5", said as "larger than".
HALF_IOU = float(np.nextafter(0.5, 0))

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Detection:
    """A box that was found: edges in original pixels, right and bottom exclusive."""

    x0: float
    y0: float
    x1: float
    y1: float
    defect_type: str
    score: float  # what detections are ranked by
    region: float = float("inf")  # score of the region alone, which is what is held against a card's threshold


@dataclass(frozen=True, slots=True)
class Matched:
    """All detections by descending score, and the number of truths; `picture` is an index into the pictures given."""

    scores: Numbers  # [N]
    right: NDArray[np.bool_]  # [N] found a truth that no higher score had taken
    kinds: NDArray[np.str_]  # [N]
    picture: NDArray[np.int64]  # [N]
    true_kinds: NDArray[np.str_]  # [M]
    true_picture: NDArray[np.int64]  # [M]

    def of_kind(self, kind: str) -> "Matched":
        """The detections and truths of one class; classes never compete for a truth."""
        own, true = self.kinds == kind, self.true_kinds == kind
        return Matched(
            self.scores[own], self.right[own], self.kinds[own], self.picture[own], self.true_kinds[true],
            self.true_picture[true],
        )  # fmt: skip


def match(pictures: Sequence[tuple[Sequence[Detection], Sequence[Box]]], above_iou: float) -> Matched:
    """Pair detections with truths picture by picture: equal class, IoU larger than `above_iou`, each truth once."""
    rows: list[tuple[float, bool, str, int]] = []
    for index, (found, truths) in enumerate(pictures):
        ranked = sorted(found, key=lambda detection: -detection.score)
        kinds = {one.defect_type for one in found} | {box.defect_type for box in truths}
        numbers = {kind: number for number, kind in enumerate(kinds)}
        right = detections.match(*_arrays(ranked, numbers), *_arrays(truths, numbers), least_iou=above_iou)
        rows += [(one.score, bool(hit), one.defect_type, index) for one, hit in zip(ranked, right, strict=True)]
    rows.sort(key=lambda row: -row[0])
    true = [(box.defect_type, index) for index, (_, truths) in enumerate(pictures) for box in truths]
    return Matched(
        np.array([row[0] for row in rows], dtype=np.float64),
        np.array([row[1] for row in rows], dtype=bool),
        np.array([row[2] for row in rows], dtype=np.str_),
        np.array([row[3] for row in rows], dtype=np.int64),
        np.array([kind for kind, _ in true], dtype=np.str_),
        np.array([index for _, index in true], dtype=np.int64),
    )


def _arrays(boxes: Sequence[Detection | Box], numbers: Mapping[str, int]) -> tuple[Numbers, NDArray[np.int64]]:
    edges = np.array([(box.x0, box.y0, box.x1, box.y1) for box in boxes], dtype=np.float64).reshape(-1, 4)
    return edges, np.array([numbers[box.defect_type] for box in boxes], dtype=np.int64)


def pooled_ap(matched: Matched, weights: Numbers | None = None) -> float:
    """ICDAR's AP over all classes at once; nan without truths. `weights` [pictures] counts each picture so often."""
    own, truths = _weighed(matched, weights)
    if not truths > 0:
        return float("nan")
    hits = own * matched.right
    return float(np.sum(hits * np.cumsum(hits) / np.maximum(np.cumsum(own), 1e-300)) / truths)


def mean_ap(matched: Matched, weights: Numbers | None = None) -> float:
    """Mean over the classes with a truth of the area under the precision envelope; nan without truths."""
    areas = [_envelope_area(matched.of_kind(kind), weights) for kind in np.unique(matched.true_kinds)]
    usable = [area for area in areas if np.isfinite(area)]
    return float(np.mean(usable)) if usable else float("nan")


def f1_at(matched: Matched, threshold: float, weights: Numbers | None = None) -> float:
    """F1 of the detections of at least that score; nan without truths."""
    own, truths = _weighed(matched, weights)
    kept = own * (matched.scores >= threshold)
    return float(2 * (kept * matched.right).sum() / (kept.sum() + truths)) if truths > 0 else float("nan")


def f1_max(matched: Matched, weights: Numbers | None = None) -> tuple[float, float]:
    """The best F1 over all thresholds and the score that gives it; (nan, nan) without truths or detections."""
    truths = _weighed(matched, weights)[1]
    if not truths > 0 or not matched.scores.size:
        return (0.0 if truths > 0 else float("nan")), float("nan")
    f1, thresholds = _f1_curve(matched, weights)
    best = int(f1.argmax())
    return float(f1[best]), float(thresholds[best])


def f1_middle(matched: Matched, slack: float = 0.005) -> float:
    """The middle of the thresholds around the best one whose F1 is no more than `slack` below it; nan where there is none.

    On easy pictures F1 is level over a wide range of thresholds and then falls off a cliff, and the best one lies anywhere
    on it, often at the edge; on other pictures the cliff is elsewhere.
    """
    if not matched.true_picture.size or not matched.scores.size:
        return float("nan")
    f1, thresholds = _f1_curve(matched, None)
    best, near = int(f1.argmax()), f1 >= f1.max() - slack
    before, behind = np.flatnonzero(~near[:best]), np.flatnonzero(~near[best:])
    first = int(before[-1]) + 1 if before.size else 0
    end = best + int(behind[0]) - 1 if behind.size else len(f1) - 1
    return float(thresholds[first] + thresholds[end]) / 2


def _f1_curve(matched: Matched, weights: Numbers | None) -> tuple[Numbers, Numbers]:
    """F1 at each threshold, and the thresholds, the highest first; there are truths and detections."""
    own, truths = _weighed(matched, weights)
    f1 = 2 * np.cumsum(own * matched.right) / (np.cumsum(own) + truths)
    last = np.flatnonzero(np.append(np.diff(matched.scores) != 0, True))  # equal scores are kept or dropped together
    return f1[last], matched.scores[last]


def _weighed(matched: Matched, weights: Numbers | None) -> tuple[Numbers, float]:
    """The weight of each detection, and of all truths together."""
    if weights is None:
        return np.ones(matched.scores.size), float(matched.true_picture.size)
    return weights[matched.picture], float(weights[matched.true_picture].sum())


def _envelope_area(matched: Matched, weights: Numbers | None) -> float:
    own, truths = _weighed(matched, weights)
    if not truths > 0:
        return float("nan")
    hits = np.cumsum(own * matched.right)
    precision = hits / np.maximum(np.cumsum(own), 1e-300)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(hits, prepend=0.0) * envelope) / truths)
