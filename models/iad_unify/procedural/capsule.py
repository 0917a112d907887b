"""A two-coloured capsule on a plain tray: glossy, any direction, one half often translucent white."""

import math

import numpy as np

from iad_unify.procedural.fields import Field, as_field, grain, grid, lighting, smooth, soften
from iad_unify.procedural.scene import Scene


def scene(rng: np.random.Generator, size: int) -> Scene:
    """Draw a capsule wholly inside the frame; see `Scene`."""
    y, x = grid(size, size)
    half, radius = size * rng.uniform(0.17, 0.25), size * rng.uniform(0.12, 0.19)
    slack = max(1.0, size / 2 - half - radius - 2)
    cx, cy = size / 2 + rng.uniform(-slack, slack, 2)
    angle = rng.uniform(0, math.pi)
    along = (x - cx) * math.cos(angle) + (y - cy) * math.sin(angle)
    across = (y - cy) * math.cos(angle) - (x - cx) * math.sin(angle)
    distance = np.sqrt(np.maximum(np.abs(along) - half, 0) ** 2 + across**2)
    allowed = distance < radius
    scale = size / 256
    light = lighting(rng, size, size, rng.uniform(0.1, 0.4))[:, :, None]
    tray = as_field(light * rng.uniform(40, 225) * (1 + 0.02 * smooth(rng, size, size, 2.0))[:, :, None] * np.ones(3))
    shell = light * _shell(rng, along, across / radius, distance / radius, size)
    edge = soften(as_field(allowed), 0.8 * scale)[:, :, None]
    shadow = soften(np.roll(as_field(allowed), round(5 * scale), axis=0), 4 * scale)[:, :, None]
    ground = tray * (1 - rng.uniform(0.15, 0.45) * shadow * (1 - edge))
    noise = grain(rng, size, size, rng.uniform(0.6, 3.0))[:, :, None]
    return Scene(as_field(ground + (shell - ground) * edge + noise), as_field(tray + noise), allowed)


def _shell(rng: np.random.Generator, along: Field, across: Field, rim: Field, size: int) -> Field:
    """float32 [H, W, 3]: two halves with an overlap line, darker towards the rim, a long highlight."""
    first, second = rng.uniform(40, 235, (2, 3))
    second = np.full(3, rng.uniform(190, 235)) if rng.random() < 0.5 else second
    blend = np.clip(along / (0.006 * size) + 0.5, 0, 1)[:, :, None]
    colour = first + (second - first) * blend
    seam = 1 - 0.15 * np.exp(-((along / (0.008 * size)) ** 2))
    round_off = 1 - rng.uniform(0.2, 0.5) * np.clip(rim, 0, 1) ** 3
    gloss = np.exp(-(((across - rng.uniform(-0.5, 0.5)) / rng.uniform(0.06, 0.2)) ** 2)) * np.clip(1.2 - rim, 0, 1)
    body = (seam * round_off * (1 + 0.015 * smooth(rng, size, size, 3)))[:, :, None] * colour
    return as_field(body + (rng.uniform(10, 80) * gloss)[:, :, None])
