"""Woven cloth: warp and weft at some angle and pitch, threads of unequal tone, folds as soft shading."""

import math

import numpy as np

from iad_unify.procedural.fields import Field, as_field, grain, grid, lighting, smooth, soften
from iad_unify.procedural.scene import Scene


def scene(rng: np.random.Generator, size: int) -> Scene:
    """Draw a cloth that fills the frame, or ends at a hem on one side; see `Scene`."""
    scale = size / 256
    weave = _weave(rng, size, scale)
    weave *= 1 + rng.uniform(0.02, 0.08) * smooth(rng, size, size, rng.uniform(25, 80) * scale)
    weave *= lighting(rng, size, size, rng.uniform(0.1, 0.6))
    warm = rng.uniform(0.75, 1.0, 3)
    colour = rng.uniform(60, 215) * warm / warm.max()
    table = rng.uniform(15, 60) if colour.max() > 110 else rng.uniform(140, 210)
    cloth = as_field(weave[:, :, None] * colour.astype(np.float32))
    cloth = soften(cloth, float(rng.choice([0.0, 0.5, 0.8])))
    under = as_field(np.full((size, size, 3), table) * (1 + 0.03 * smooth(rng, size, size, 3)[:, :, None]))
    allowed = _cloth(rng, size)
    edge = soften(as_field(allowed), 0.8 * scale)[:, :, None]
    noise = grain(rng, size, size, rng.uniform(0.8, 3.5))[:, :, None]
    return Scene(as_field(under + (cloth - under) * edge + noise), as_field(under + noise), allowed)


def _weave(rng: np.random.Generator, size: int, scale: float) -> Field:
    y, x = grid(size, size)
    angle = rng.choice([0.0, math.pi / 4]) + rng.normal(0, 0.08)
    pitch = rng.uniform(3.5, 8.0) * max(1.0, scale)
    turn, side = math.cos(angle) / pitch, math.sin(angle) / pitch
    wobble = 0.15 * smooth(rng, size, size, 30 * scale)
    u, v = x * turn + y * side + wobble, y * turn - x * side + wobble
    relief = rng.uniform(0.06, 0.25)
    warp, weft = np.sin(2 * math.pi * u), np.sin(2 * math.pi * v)
    over = np.sin(math.pi * u) * np.sin(math.pi * v) if rng.random() < 0.6 else np.sin(math.pi * (u + v))
    tones = rng.normal(0, rng.uniform(0.0, 0.05), 4096).astype(np.float32)
    threads = tones[u.astype(np.int32) & 4095] + tones[(v.astype(np.int32) + 2048) & 4095]
    return as_field(1 + relief * (0.5 * (warp + weft) + 0.5 * np.sign(over) * (warp - weft)) + threads)


def _cloth(rng: np.random.Generator, size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    inside = np.ones((size, size), dtype=bool)
    if rng.random() < 0.5:
        y, x = grid(size, size)
        angle = rng.choice([0.0, 0.5, 1.0, 1.5]) * math.pi + rng.normal(0, 0.08)
        reach = size * rng.uniform(0.3, 0.48)
        inside = (x - size / 2) * math.cos(angle) + (y - size / 2) * math.sin(angle) < reach
    return inside
