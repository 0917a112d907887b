"""What the frozen expert sees in drawn frames that are compared with a golden template: the drawing without its defects.

The template is another picture of a good part in that it is lit a little differently and has a noise of its own; it lies
exactly on the frame, as an aligned template does at best. Knows no questions.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

from iad_unify.explainer.sightings import Spotter
from iad_unify.procedural import Drawing

#: How much brighter or darker a template is at most, as a share, and the deviation of its noise, grey levels.
_LIGHT, _NOISE = 0.05, 2.0


class Comparing(Spotter):
    """Draws the frames that a `Spotter` draws and looks at them as the expert serves a camera with a golden template."""

    def golden(self, drawing: Drawing) -> NDArray[np.uint8]:
        """Its clean twin as another picture."""
        return golden(drawing.clean)


def golden(clean: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture [H, W, 3] as another one of a good part: the same for the same picture."""
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(clean).tobytes()))
    lit = clean * rng.uniform(1 - _LIGHT, 1 + _LIGHT) + rng.normal(0, _NOISE, clean.shape)
    return lit.round().clip(0, 255).astype(np.uint8)
