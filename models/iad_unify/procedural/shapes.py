"""Where a defect lies: one connected mask per defect, several families of outline for every defect type.

A shape is drawn inside the pixels where the product allows it. It knows nothing of colours; `marks` paints it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Canvas = NDArray[np.uint8]

#: Smallest defect that is drawn, in pixels.
SMALLEST_AREA = 10
_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Shape:
    """`mask` is the labelled region; `ink`, inside it, is where the surface really changes most (strokes, specks)."""

    mask: Mask  # bool [H, W]
    ink: Mask  # bool [H, W]
    family: str


@dataclass(frozen=True, slots=True)
class Spot:
    """Where to draw: an anchor, the direction along the part's border there, and a length to work with."""

    x: int
    y: int
    angle: float  # radians
    extent: float  # pixels
    scale: float  # frame side / 256


Family = Callable[[np.random.Generator, Canvas, Spot], None]


def blob(
    rng: np.random.Generator, extent: float, roughness: float, elongation: float, angle: float
) -> NDArray[np.int32]:
    """A closed outline about the origin, int32 [N, 2]: a radial Fourier curve of mean diameter `extent`."""
    theta = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    radius = np.ones_like(theta)
    for order in range(2, 7):
        radius += roughness / order * rng.normal() * np.cos(order * theta + rng.uniform(0, 6.3))
    radius = np.clip(radius, 0.35, 1.9) * extent / 2
    stretch = math.sqrt(elongation)
    x, y = radius * np.cos(theta) * stretch, radius * np.sin(theta) / stretch
    turn, side = math.cos(angle), math.sin(angle)
    return np.stack([x * turn - y * side, x * side + y * turn], axis=1).round().astype(np.int32)


def walk(rng: np.random.Generator, spot: Spot, angle: float, step: float, jag: float) -> NDArray[np.int32]:
    """A path from the spot, int32 [N, 2]: steps of about `step` pixels whose heading wanders by `jag` radians."""
    count = max(2, round(spot.extent / step))
    drift = np.cumsum(rng.normal(0, jag * 0.35, count)) + rng.normal(0, jag, count)
    drift -= np.linspace(0, drift[-1] * 0.7, count)  # keep the main direction
    lengths = step * rng.uniform(0.5, 1.5, count)
    x = spot.x + np.concatenate([[0], np.cumsum(lengths * np.cos(angle + drift))])
    y = spot.y + np.concatenate([[0], np.cumsum(lengths * np.sin(angle + drift))])
    return np.stack([x, y], axis=1).round().astype(np.int32)


def stroke(canvas: Canvas, path: NDArray[np.int32], thickness: int) -> None:
    """Draw an open path, at least one pixel thick."""
    cv2.polylines(canvas, [path], isClosed=False, color=1, thickness=max(1, thickness))


def fill(canvas: Canvas, outline: NDArray[np.int32], x: float, y: float) -> None:
    """Fill a closed outline that is given about (x, y)."""
    cv2.fillPoly(canvas, [outline + np.array([round(x), round(y)], dtype=np.int32)], color=1)


def place(
    rng: np.random.Generator, allowed: Mask, families: tuple[tuple[str, Family, bool], ...], extent: float
) -> Shape:
    """Draw one of the families where `allowed` is true, and keep its largest connected piece.

    A family is (name, draw, at the border of the allowed pixels). Raises ValueError when too few pixels are allowed.
    """
    best: Shape | None = None
    for _ in range(_ATTEMPTS):
        name, family, at_border = families[int(rng.integers(len(families)))]
        spot = _spot(rng, allowed, extent, at_border)
        canvas = np.zeros(allowed.shape, dtype=np.uint8)
        family(rng, canvas, spot)
        drawn = int(np.count_nonzero(canvas))
        shape = _connected(canvas.astype(bool) & allowed, name, spot.scale)
        kept = int(np.count_nonzero(shape.ink))
        if kept >= max(SMALLEST_AREA, 0.4 * drawn):
            return shape
        if kept >= SMALLEST_AREA and (best is None or kept > np.count_nonzero(best.ink)):
            best = shape
    if best is None:
        raise ValueError("the allowed pixels leave no room for a defect")
    return best


def _connected(ink: Mask, name: str, scale: float) -> Shape:
    """Close small gaps between strokes and specks, then keep the largest 8-connected piece."""
    gap = 2 * max(1, round(2 * scale)) + 1
    seed = ink.astype(np.uint8)
    count, _ = cv2.connectedComponents(seed, connectivity=8)
    if count > 2:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap, gap))
        seed = np.asarray(cv2.morphologyEx(seed, cv2.MORPH_CLOSE, kernel), dtype=np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(seed, connectivity=8)
    if count <= 1:
        return Shape(ink, ink, name)
    largest = 1 + int(np.asarray(stats)[1:, cv2.CC_STAT_AREA].argmax())
    mask = np.asarray(labels) == largest
    return Shape(mask, mask & ink, name)


def _spot(rng: np.random.Generator, allowed: Mask, extent: float, at_border: bool) -> Spot:
    height, width = allowed.shape
    candidates = _border(allowed) if at_border else _whole(allowed, extent)
    ys, xs = np.nonzero(candidates)
    if ys.size == 0:
        raise ValueError("no pixel is allowed")
    index = int(rng.integers(ys.size))
    x, y = int(xs[index]), int(ys[index])
    angle = _tangent(xs, ys, x, y) if at_border else rng.uniform(0, 2 * math.pi)
    return Spot(x, y, angle, extent, max(height, width) / 256)


def _whole(allowed: Mask, extent: float) -> Mask:
    """The allowed pixels about which a defect is not cut off by the frame's border, if there are any."""
    margin = min(round(extent / 2), min(allowed.shape) // 5)
    inside = np.zeros_like(allowed)
    inside[margin : allowed.shape[0] - margin, margin : allowed.shape[1] - margin] = True
    return allowed & inside if (allowed & inside).any() else allowed


def _border(allowed: Mask) -> Mask:
    """The allowed pixels next to a pixel that is not; the frame's own border counts."""
    padded = np.pad(allowed, 1).astype(np.uint8)
    inner = np.asarray(cv2.erode(padded, np.ones((3, 3), np.uint8)))[1:-1, 1:-1]
    return np.asarray(allowed & (inner == 0), dtype=bool)


def _tangent(xs: NDArray[np.intp], ys: NDArray[np.intp], x: int, y: int) -> float:
    near = (np.abs(xs - x) <= 7) & (np.abs(ys - y) <= 7)
    dx, dy = xs[near] - xs[near].mean(), ys[near] - ys[near].mean()
    return 0.5 * math.atan2(2 * float((dx * dy).sum()), float((dx * dx).sum() - (dy * dy).sum()))
