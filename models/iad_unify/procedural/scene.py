"""What a product is before anything goes wrong: its picture, where defects may lie, what lies behind it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iad_unify.procedural.fields import Field


@dataclass(frozen=True, slots=True)
class Scene:
    """A good part under one light and pose."""

    image: Field  # [H, W, 3] grey levels 0..255, sensor noise included
    under: Field  # [H, W, 3] what shows where material or a component is missing
    allowed: NDArray[np.bool_]  # [H, W] where defects may lie: on the part
    parts: tuple[NDArray[np.bool_], ...] = ()  # components that can be missing, each [H, W]
    grey: bool = False  # a grey camera: no colour may appear
