"""Drawings of products with defects: the picture, the clean picture under it, and one mask per defect.

Everything follows from the generator that is passed in; the same seed draws the same picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.procedural import families, marks
from iad_unify.procedural.products import PRODUCTS, scene
from iad_unify.procedural.scene import Scene
from iad_unify.procedural.shapes import SMALLEST_AREA, Shape
from iad_unify.types import DEFECT_TYPES

#: The defects that `draw_random` draws on a product: those that such a part can have.
USUAL_DEFECTS: dict[str, tuple[str, ...]] = {
    "metal_tile": tuple(t for t in DEFECT_TYPES if t != "missing_part"),
    "circuit_board": ("scratch", "crack", "hole", "chip", "stain", "contamination", "discoloration", "missing_part"),
    "fabric": ("scratch", "hole", "stain", "contamination", "discoloration", "fray"),
    "gasket": ("scratch", "crack", "hole", "chip", "dent", "stain", "contamination", "fray", "missing_part"),
    "capsule": ("scratch", "crack", "hole", "chip", "dent", "stain", "contamination", "discoloration"),
}


@dataclass(frozen=True, slots=True)
class DrawnDefect:
    """One defect: its slug and its mask, bool [H, W], one connected piece."""

    defect_type: str
    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn frame. `image` equals `clean` farther than 2 px from the masks."""

    product: str
    image: NDArray[np.uint8]  # [H, W, 3] RGB
    clean: NDArray[np.uint8]  # [H, W, 3] RGB, without the defects
    defects: tuple[DrawnDefect, ...]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The union of the defects, bool [H, W]."""
        union = np.zeros(self.image.shape[:2], dtype=bool)
        for defect in self.defects:
            union |= defect.mask
        return union


def draw(product: str, rng: np.random.Generator, *, size: int = 256, defect_types: Sequence[str] = ()) -> Drawing:
    """Draw a product with one defect per entry of `defect_types`; none is a good part.

    A defect that finds no room beside the others is left out. Raises ValueError for an unknown product or type.
    """
    for defect_type in defect_types:
        _check(defect_type)
    stage = scene(product, rng, size)
    clean = _quantised(stage.image)
    image = stage.image.copy()
    free = stage.allowed.copy()
    drawn: list[DrawnDefect] = []
    for defect_type in defect_types:
        shape = _shape(defect_type, rng, stage, free)
        if shape is None:
            continue
        marks.paint(defect_type, rng, image, stage.under, stage.allowed, shape, _tint(rng, stage))
        free &= ~_grown(shape.mask, 2 * marks.EDGE_PX + 2)
        drawn.append(DrawnDefect(defect_type, shape.mask))
    return Drawing(product, _quantised(image), clean, tuple(drawn))


def draw_random(
    rng: np.random.Generator, size: int = 256, good_share: float = 0.3, max_defects: int = 3, product: str = ""
) -> Drawing:
    """A random product (or the named one), good with probability `good_share`, else with 1 to `max_defects` defects."""
    chosen = product or PRODUCTS[int(rng.integers(len(PRODUCTS)))]
    if chosen not in PRODUCTS:
        raise ValueError(f"unknown product {chosen!r}; the products are {', '.join(PRODUCTS)}")
    if rng.random() < good_share:
        return draw(chosen, rng, size=size)
    count = min(max_defects, 1 + int(rng.geometric(0.6) - 1))
    usual = USUAL_DEFECTS[chosen]
    types = [usual[int(index)] for index in rng.integers(len(usual), size=count)]
    return draw(chosen, rng, size=size, defect_types=types)


def defect_mask(
    defect_type: str, rng: np.random.Generator, size_hint: float, allowed: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """A mask of this type's shape inside the allowed pixels, bool [H, W], one connected piece.

    `size_hint` is the defect's length or diameter in pixels; 0 draws a usual one for the frame's size. Raises
    ValueError for an unknown type, or when the allowed pixels leave no room.
    """
    _check(defect_type)
    return families.outline(defect_type, rng, size_hint, allowed).mask


def _check(defect_type: str) -> None:
    if defect_type not in DEFECT_TYPES:
        raise ValueError(f"unknown defect type {defect_type!r}; the types are {', '.join(DEFECT_TYPES)}")


def _shape(defect_type: str, rng: np.random.Generator, stage: Scene, free: NDArray[np.bool_]) -> Shape | None:
    if defect_type == "missing_part" and stage.parts:
        part = stage.parts[int(rng.integers(len(stage.parts)))]
        whole = int(np.count_nonzero(part))
        if int(np.count_nonzero(part & free)) == whole >= SMALLEST_AREA:
            return Shape(part, part, "part")
        return None
    if int(np.count_nonzero(free)) < 400:
        return None
    try:
        return families.outline(defect_type, rng, 0.0, free)
    except ValueError:  # no room left: the caller draws one defect fewer
        return None


def _tint(rng: np.random.Generator, stage: Scene) -> tuple[float, float, float]:
    if stage.grey:
        return (1.0, 1.0, 1.0)
    red, green, blue = rng.uniform(0.6, 1.4, 3)
    return (float(red), float(green), float(blue))


def _grown(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((2 * by + 1,) * 2, np.uint8))).astype(bool)


def _quantised(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(image + 0.5, 0, 255), dtype=np.uint8)
