"""Random fields that pictures are made of: smooth noise, streaks, lighting, grain; float32 [H, W], numpy and cv2.

It knows nothing of products or defects.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def as_field(values: NDArray[np.generic]) -> Field:
    """float32 without a copy where possible; cv2 does not say what it returns."""
    return np.asarray(values, dtype=np.float32)


def smooth(rng: np.random.Generator, height: int, width: int, grain_px: float) -> Field:
    """Noise of about zero mean and unit deviation whose features are about `grain_px` wide."""
    return stretched(rng, height, width, grain_px, grain_px)


def stretched(rng: np.random.Generator, height: int, width: int, grain_y: float, grain_x: float) -> Field:
    """As `smooth`, with features of different height and width: streaks, bands."""
    rows = max(2, math.ceil(height / max(grain_y, 1.0)) + 1)
    columns = max(2, math.ceil(width / max(grain_x, 1.0)) + 1)
    coarse = rng.standard_normal((rows, columns), dtype=np.float32)
    if rows >= height and columns >= width:
        return coarse[:height, :width]
    # linear interpolation of a coarse grid shows its creases; on a fine one it costs less and nobody sees them
    method = cv2.INTER_CUBIC if max(grain_y, grain_x) > 12 else cv2.INTER_LINEAR
    return as_field(cv2.resize(coarse, (width, height), interpolation=method)) * np.float32(1.25)


def lighting(rng: np.random.Generator, height: int, width: int, depth: float) -> Field:
    """A multiplicative field around 1: a tilted plane plus a bowl or a ridge; `depth` is its rough relative range."""
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    angle = rng.uniform(0, 2 * math.pi)
    plane = math.cos(angle) * x + math.sin(angle) * y
    cx, cy = rng.uniform(-0.6, 0.6, 2)
    bowl = rng.uniform(0, 1) * (x - cx) ** 2 + rng.uniform(0, 1) * (y - cy) ** 2
    field = 1 + depth * (rng.uniform(-0.7, 0.7) * plane - rng.uniform(-0.3, 1.0) * (bowl - 0.4))
    return as_field(np.clip(field, 0.25, 1.8))


def grain(rng: np.random.Generator, height: int, width: int, deviation: float) -> Field:
    """White sensor noise."""
    return rng.standard_normal((height, width), dtype=np.float32) * np.float32(deviation)


def soften(image: Field, sigma: float) -> Field:
    """Gaussian blur of `sigma` pixels; nothing below 0.3."""
    return image if sigma < 0.3 else as_field(cv2.GaussianBlur(image, (0, 0), sigma))


def grid(height: int, width: int) -> tuple[Field, Field]:
    """Open coordinate fields y [H, 1] and x [1, W] in pixels."""
    return np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]


def rgb(field: Field, colour: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Field:
    """float32 [H, W, 3] of a grey field times a colour."""
    return as_field(field[:, :, None] * np.array(colour, dtype=np.float32))
