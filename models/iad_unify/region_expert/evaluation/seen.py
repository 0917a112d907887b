"""What the expert made of one picture, beside its truth: the record that every figure of an evaluation is taken from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iad_unify.data.samples import Box
from iad_unify.region_expert.evaluation.boxes import Detection
from iad_unify.region_expert.evaluation.overlap import Judged

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Levels:
    """Thresholds that the figures are taken at, never chosen on the pictures that they are taken from."""

    decision: float  # a picture of at least this score is called defective
    pixel: float  # a pixel of at least this probability counts as found
    box: float  # a detection of at least this score is kept
    source: str  # where they come from, for the report
    box_of_region: bool = False  # the region's score alone is held against `box`, as the daemon does; its type's is not


@dataclass(frozen=True, slots=True)
class Defect:
    """One true defect and what the expert made of it."""

    defect_type: str
    mask: Mask  # [h, w] window of the picture
    x: int  # of the window's upper left
    y: int
    iou: float  # of the best region at or above the decision threshold
    predicted: str | None  # that region's type; None when the defect was not found
    given_mask: str  # the type head's answer when it is given the true mask


@dataclass(frozen=True, slots=True)
class Seen:
    """One inspected picture, in original pixels."""

    name: str
    group: str
    anomalous: bool
    types: frozenset[str]  # of its defects
    score: float
    pixels: NDArray[np.float32]  # [H, W] smoothed probability
    defects: tuple[Defect, ...] = ()
    unknown: Mask | None = None  # [H, W] pixels whose truth nobody knows
    found: tuple[Detection, ...] = ()
    boxes: tuple[Box, ...] = ()  # as annotated

    def truth(self, kind: str | None = None) -> Mask:
        """Bool [H, W]: the defects, or those of one type."""
        out = np.zeros(self.pixels.shape, dtype=bool)
        for defect in self.defects:
            if kind in (None, defect.defect_type):
                height, width = defect.mask.shape
                out[defect.y : defect.y + height, defect.x : defect.x + width] |= defect.mask
        return out

    def judged(self, kind: str | None = None) -> Judged:
        """For the pixel figures; with `kind`, the pixels of other types count neither way."""
        truth = self.truth(kind)
        if kind is None:
            return Judged(self.pixels, truth, self.unknown)
        other = self.truth() & ~truth
        return Judged(self.pixels, truth, other if self.unknown is None else other | self.unknown)
