"""The products that can be drawn, by name."""

from collections.abc import Callable

import numpy as np

from iad_unify.procedural import capsule, circuit_board, fabric, gasket, metal_tile
from iad_unify.procedural.scene import Scene

_SCENES: dict[str, Callable[[np.random.Generator, int], Scene]] = {
    "metal_tile": metal_tile.scene,
    "circuit_board": circuit_board.scene,
    "fabric": fabric.scene,
    "gasket": gasket.scene,
    "capsule": capsule.scene,
}

PRODUCTS: tuple[str, ...] = tuple(_SCENES)


def scene(product: str, rng: np.random.Generator, size: int) -> Scene:
    """A good part of this product in a square of `size` pixels; raises ValueError for an unknown product or size."""
    if product not in _SCENES:
        raise ValueError(f"unknown product {product!r}; the products are {', '.join(PRODUCTS)}")
    if size < 32:
        raise ValueError(f"a drawing needs a side of at least 32 pixels, not {size}")
    return _SCENES[product](rng, size)
