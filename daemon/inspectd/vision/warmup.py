"""A frame with nothing on it: asked first, it warms a model up and makes it say its version and defaults."""

import numpy as np

from iad_unify.catalog import EXPERT_SIZE
from iad_unify.geometry import Letterbox
from inspectd.records import Image


def blank_image() -> Image:
    """An even grey square."""
    letterbox = Letterbox.fit(EXPERT_SIZE, EXPERT_SIZE, EXPERT_SIZE).as_array()
    pixels = np.full((EXPERT_SIZE, EXPERT_SIZE, 3), 127, np.uint8)
    return Image(pixels=pixels, letterbox=letterbox, width=EXPERT_SIZE, height=EXPERT_SIZE)
