"""A frame with nothing on it: asked first, it warms a model up and makes it say its version and defaults."""

import numpy as np

from iad_unify.catalog import EXPERT_SIZE
from iad_unify.geometry import Letterbox
from inspectd.records import Image


def blank_image(side: int = EXPERT_SIZE) -> Image:
    """An even grey square."""
    letterbox = Letterbox.fit(side, side, side).as_array()
    return Image(pixels=np.full((side, side, 3), 127, np.uint8), letterbox=letterbox, width=side, height=side)
