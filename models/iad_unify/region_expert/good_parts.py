"""Good parts that a memory keeps as pictures: the one most like a frame shows what its regions look like where all is well.

They stand in for a golden template where there is none. It knows no patches and no regions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.geometry import Letterbox
from iad_unify.region_expert.template import align

#: So many pictures are kept, fewer where they would take more than this.
MOST, MOST_BYTES = 16, 4 << 20
#: Pictures are compared as grey squares of this side: where they are bright and dark, not their grain.
_GLANCE_PX = 32

Square = NDArray[np.uint8]


@dataclass(frozen=True)
class GoodPart:
    """A picture of one as the expert sees frames."""

    square: Square  # [W, W, 3]
    letterbox: Letterbox

    @cached_property
    def glance(self) -> NDArray[np.float32]:
        """It as pictures are compared, [32, 32]; made once, as many frames are compared with it."""
        return _glance(self.square)


def nearest(parts: Sequence[GoodPart], square: Square, letterbox: Letterbox) -> Square | None:
    """The good part most like a frame [W, W, 3], moved onto it; None when none is of frames of that size."""
    fitting = [part for part in parts if part.letterbox == letterbox]
    if not fitting:
        return None
    glance = _glance(square)
    best = min(fitting, key=lambda part: float(np.abs(part.glance - glance).mean()))
    return align(best.square, square)


class Chosen:
    """A few pictures out of many that are seen one after the other: those that differ most from each other."""

    def __init__(self) -> None:
        self.parts: list[GoodPart] = []

    def offer(self, part: GoodPart) -> None:
        """Keep it while there is room; then the later one of the two most alike goes."""
        self.parts.append(part)
        if len(self.parts) > max(1, min(MOST, MOST_BYTES // part.square.nbytes)):
            del self.parts[self._one_of_two_alike()]

    def _one_of_two_alike(self) -> int:
        flat = np.stack([part.glance.ravel() for part in self.parts])
        apart = np.abs(flat[:, None] - flat[None]).mean(axis=2)
        np.fill_diagonal(apart, np.inf)
        return int(max(np.unravel_index(apart.argmin(), apart.shape)))


def _glance(square: Square) -> NDArray[np.float32]:
    grey = cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (_GLANCE_PX, _GLANCE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
