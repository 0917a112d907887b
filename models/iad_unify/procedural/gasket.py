"""A ring-shaped rubber or metal part on a conveyor belt: free in place and size, lit from one side."""

import math

import numpy as np

from iad_unify.procedural.fields import Field, as_field, grain, grid, lighting, rgb, smooth, soften, stretched
from iad_unify.procedural.scene import Scene


def scene(rng: np.random.Generator, size: int) -> Scene:
    """Draw a ring, perhaps with bolt holes, wholly inside the frame; see `Scene`."""
    scale = size / 256
    outer = size * rng.uniform(0.3, 0.46)
    inner = outer * rng.uniform(0.35, 0.72)
    slack = max(1.0, size / 2 - outer - 2)
    cx, cy = size / 2 + rng.uniform(-slack, slack, 2)
    squeeze = rng.uniform(0.93, 1.0)
    y, x = grid(size, size)
    radius = np.sqrt((x - cx) ** 2 + ((y - cy) / squeeze) ** 2)
    bearing = np.arctan2(y - cy, x - cx)
    belt = _belt(rng, size, scale)
    dark = rng.random() < 0.6
    ring = _ring(rng, radius, bearing, (inner, outer), rng.uniform(28, 75) if dark else rng.uniform(115, 200), scale)
    allowed = (radius < outer) & (radius > inner)
    if rng.random() < 0.5:
        allowed &= ~_bolt_holes(rng, x - cx, (y - cy) / squeeze, inner, outer)
    edge = soften(as_field(allowed), rng.uniform(0.6, 1.1) * scale)
    cast = 1 - 0.5 * soften(
        np.roll(as_field(allowed), (round(3 * scale), round(3 * scale)), axis=(0, 1)), 2.5 * scale
    ) * (1 - edge)
    light = lighting(rng, size, size, rng.uniform(0.1, 0.5))
    noise = grain(rng, size, size, rng.uniform(0.8, 3.5))[:, :, None]
    grey = rng.random() < 0.3
    tints = np.ones((2, 3)) if grey else rng.uniform(0.85, 1.12, (2, 3))
    under = rgb(as_field(belt * light), (tints[0, 0], tints[0, 1], tints[0, 2]))
    part = rgb(as_field(ring * light), (tints[1, 0], tints[1, 1], tints[1, 2]))
    shaded = under * cast[:, :, None]
    return Scene(
        as_field(shaded + (part - shaded) * edge[:, :, None] + noise), as_field(under + noise), allowed, grey=grey
    )


def _belt(rng: np.random.Generator, size: int, scale: float) -> Field:
    level = rng.uniform(70, 205)
    ribs = (
        stretched(rng, size, size, size, rng.uniform(2, 8) * scale)
        if rng.random() < 0.6
        else smooth(rng, size, size, 3)
    )
    return as_field(level * (1 + rng.uniform(0.01, 0.06) * ribs + 0.02 * smooth(rng, size, size, 1.5)))


def _ring(
    rng: np.random.Generator, radius: Field, bearing: Field, radii: tuple[float, float], level: float, scale: float
) -> Field:
    """Tone over the ring: turned grooves, a rounded profile, a highlight on the lit side."""
    inner, outer = radii
    profile = (radius - (inner + outer) / 2) / max(1.0, (outer - inner) / 2)
    tone = 1 - rng.uniform(0.0, 0.3) * profile**2
    sheen = np.clip(np.cos(bearing - rng.uniform(0, 2 * math.pi)), 0, 1) ** 3
    glint = np.exp(-(((profile - rng.uniform(-0.3, 0.3)) / rng.uniform(0.15, 0.5)) ** 2))
    tone += rng.uniform(0.05, 0.6) * sheen * glint
    if rng.random() < 0.4:
        tone += rng.uniform(0.02, 0.06) * np.sin(radius * (2 * math.pi / (rng.uniform(3, 7) * scale)))
    height, width = radius.shape
    tone += rng.uniform(0.01, 0.06) * smooth(rng, height, width, rng.uniform(1.5, 5) * scale)
    return as_field(level * np.clip(tone, 0.2, 2.0))


def _bolt_holes(
    rng: np.random.Generator, x: Field, y: Field, inner: float, outer: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    count, turn = int(rng.integers(3, 9)), rng.uniform(0, 2 * math.pi)
    ring, radius = (inner + outer) / 2, (outer - inner) * rng.uniform(0.14, 0.26)
    holes = np.zeros((y.shape[0], x.shape[1]), dtype=bool)
    for index in range(count):
        angle = turn + 2 * math.pi * index / count
        holes |= (x - ring * math.cos(angle)) ** 2 + (y - ring * math.sin(angle)) ** 2 < radius**2
    return holes
