"""A ground metal tile under a grey camera: streaks along the grinding direction, uneven light, dark surroundings.

The look follows photographs of magnetic tiles: low contrast, smudges that are no defects, edges that are worn or dark,
any aspect ratio (padded to the square by repeating the border, as the letterbox does).
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.procedural.fields import Field, as_field, grain, grid, lighting, rgb, smooth, soften, stretched
from iad_unify.procedural.scene import Scene


def scene(rng: np.random.Generator, size: int) -> Scene:
    """Draw a tile; see `Scene`."""
    height, width = _content(rng, size)
    level = rng.uniform(55, 190)
    face = _face(rng, height, width, size / 256)
    allowed, dark = _outline(rng, height, width)
    surface = as_field(level * face)
    tile = as_field(surface + (dark - surface) * soften(as_field(~allowed), rng.uniform(0.6, 2.0) * size / 256))
    tile = soften(tile, rng.choice([0.0, 0.5, 0.9]))
    tile += grain(rng, height, width, rng.uniform(0.6, 3.5))
    inner = np.asarray(cv2.erode(np.pad(allowed, 1, mode="edge").astype(np.uint8), np.ones((3, 3), np.uint8)))
    allowed = inner[1:-1, 1:-1].astype(bool)
    if rng.random() < 0.12:  # ground across instead of along
        tile, allowed = tile.T.copy(), allowed.T.copy()
        height, width = width, height
    grey, allowed = _padded(tile, allowed, size)
    image = rgb(grey) if rng.random() < 0.9 else rgb(grey, (1.02, 1.0, 0.97))
    return Scene(image, rgb(as_field(np.full((size, size), rng.uniform(12, 45)))), allowed, grey=True)


def _content(rng: np.random.Generator, size: int) -> tuple[int, int]:
    """Height and width of the photograph inside the square."""
    if rng.random() < 0.4:
        return size, size
    short = round(size * rng.uniform(0.42, 0.98))
    return (size, short) if rng.random() < 0.5 else (short, size)


def _face(rng: np.random.Generator, height: int, width: int, scale: float) -> Field:
    """The ground face, relative to its mean grey level of 1."""
    fine = stretched(rng, height, width, height * rng.choice([rng.uniform(0.06, 0.25), rng.uniform(0.25, 1.0)]), 1)
    broad = stretched(rng, height, width, height * rng.uniform(0.3, 1.0), rng.uniform(4, 10) * scale)
    cloud = smooth(rng, height, width, rng.uniform(40, 110) * scale)
    texture = smooth(rng, height, width, rng.uniform(1.2, 3.5) * scale)
    face = lighting(rng, height, width, rng.uniform(0.1, 0.9))
    face *= 1 + rng.uniform(0.01, 0.07) * fine + rng.uniform(0.0, 0.06) * broad
    face *= 1 + rng.uniform(0.02, 0.09) * cloud + rng.uniform(0.005, 0.06) * texture
    _roll_off(rng, face)
    if rng.random() < 0.5:  # a curved face: bright ridges towards its sides
        x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        ridge = np.exp(-(((np.abs(x) - rng.uniform(0.6, 1.0)) / rng.uniform(0.05, 0.2)) ** 2))
        face *= 1 + rng.uniform(-0.15, 0.5) * ridge
    for _ in range(int(rng.integers(0, 6))):
        _smudge(rng, face, scale)
    _handling(rng, face, scale)
    return as_field(np.clip(face, 0.1, 2.2))


def _roll_off(rng: np.random.Generator, face: Field) -> None:
    """Sides that curve away from the light fade to dark, in place."""
    width = face.shape[1]
    x = np.arange(width, dtype=np.float32)[None, :]
    for distance in (x, width - 1 - x):
        if rng.random() < 0.45:
            face *= 1 - rng.uniform(0.2, 0.9) * np.exp(-distance / (width * rng.uniform(0.01, 0.12)))


def _handling(rng: np.random.Generator, face: Field, scale: float) -> None:
    """Hair-thin traces and specks of a used but good part, in place: fainter than any scratch or hole that counts."""
    height, width = face.shape
    traces = np.zeros((height, width), dtype=np.uint8)
    for _ in range(int(rng.integers(0, 9))):
        start = rng.uniform(0, 1, 2) * (width, height)
        turns = np.cumsum(rng.normal(rng.normal(0, 3, 2), 3, (int(rng.integers(3, 12)), 2)), axis=0) * scale
        cv2.polylines(traces, [(start + turns).round().astype(np.int32)], False, int(rng.integers(60, 255)), 1)
    for _ in range(int(rng.integers(0, 14))):
        x, y = (int(v) for v in rng.uniform(0, 1, 2) * (width, height))
        cv2.circle(traces, (x, y), max(1, round(rng.uniform(0.5, 1.6) * scale)), int(rng.integers(60, 255)), -1)
    face *= 1 - rng.uniform(0.01, 0.055) * soften(as_field(traces), 0.8 * scale) / 255


def _smudge(rng: np.random.Generator, face: Field, scale: float) -> None:
    """A soft mark of handling, no defect: fainter and blurrier than anything that counts as one."""
    height, width = face.shape
    y, x = grid(height, width)
    cy, cx = rng.uniform(0, height), rng.uniform(0, width)
    ry, rx = rng.uniform(4, 26, 2) * scale
    face *= 1 - rng.uniform(0.02, 0.08) * np.exp(-(((y - cy) / ry) ** 2)) * np.exp(-(((x - cx) / rx) ** 2))


def _outline(rng: np.random.Generator, height: int, width: int) -> tuple[NDArray[np.bool_], float]:
    """Where the tile is, bool [h, w], and how dark its surroundings are; borders are slightly tilted and worn."""
    y, x = grid(height, width)
    inside = np.ones((height, width), dtype=bool)
    for side in range(4):
        if rng.random() < 0.5:
            continue
        length, across = (height, width) if side < 2 else (width, height)
        margin = across * min(0.12, 0.003 + rng.exponential(0.02))
        tilt = math.tan(rng.normal(0, 0.02))
        wear = np.clip(
            np.interp(np.arange(length), np.linspace(0, length, 30), rng.normal(0, rng.uniform(0.2, 1.1), 30)), 0, None
        )
        border = (margin + tilt * (np.arange(length) - length / 2) + wear).astype(np.float32)
        if side == 0:
            inside &= x >= border[:, None]
        elif side == 1:
            inside &= x <= width - 1 - border[:, None]
        elif side == 2:
            inside &= y >= border[None, :]
        else:
            inside &= y <= height - 1 - border[None, :]
    return inside, float(rng.uniform(6, 48))


def _padded(tile: Field, allowed: NDArray[np.bool_], size: int) -> tuple[Field, NDArray[np.bool_]]:
    height, width = tile.shape
    top, left = (size - height) // 2, (size - width) // 2
    bottom, right = size - height - top, size - width - left
    grey = cv2.copyMakeBorder(tile, top, bottom, left, right, cv2.BORDER_REPLICATE)
    return as_field(grey), np.pad(allowed, ((top, bottom), (left, right)))
