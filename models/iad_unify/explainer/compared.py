"""What the frozen expert sees in drawn frames that are compared with a golden template: the drawing without its defects.

The template is another picture of a good part in that it is lit a little differently and has a noise of its own; it lies
exactly on the frame, as an aligned template does at best. Knows no questions.
"""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from iad_unify.catalog import EXPERT_SIZE
from iad_unify.explainer.sightings import Spotter
from iad_unify.geometry import Letterbox
from iad_unify.procedural import Drawing
from iad_unify.region_expert.described import Frame
from iad_unify.region_expert.inspection import describe, good_frames, maps

#: How much brighter or darker a template is at most, as a share, and the deviation of its noise, grey levels.
_LIGHT, _NOISE = 0.05, 2.0


class Comparing(Spotter):
    """Draws the frames that a `Spotter` draws and looks at them as the expert serves a camera with a golden template."""

    _twins: Sequence[Frame] = ()  # the templates of the frames that were looked at last

    def frames(self, drawings: Sequence[Drawing]) -> list[tuple[Frame, NDArray[np.float32]]]:
        """Each frame with its template as the heads see it, and its raw map [S, S]."""
        boxes = [Letterbox.fit(one.image.shape[1], one.image.shape[0], EXPERT_SIZE) for one in drawings]
        squares = [box.apply(one.image) for box, one in zip(boxes, drawings, strict=True)]
        templates = [box.apply(golden(one.clean)) for box, one in zip(boxes, drawings, strict=True)]
        raw, features = maps(self.model, np.stack(squares), np.stack(templates))
        self._twins = good_frames(self.model, templates, boxes)
        return [
            (Frame(squares[row], box, features[row : row + 1], templates[row]), raw[row])
            for row, box in enumerate(boxes)
        ]

    def _reference(self, frame: Frame, masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.float16] | None:
        twin = next(one for one in self._twins if one.square is frame.template)
        return describe(self.model, twin, masks).appearance


def golden(clean: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture [H, W, 3] as another one of a good part: the same for the same picture."""
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(clean).tobytes()))
    lit = clean * rng.uniform(1 - _LIGHT, 1 + _LIGHT) + rng.normal(0, _NOISE, clean.shape)
    return lit.round().clip(0, 255).astype(np.uint8)
