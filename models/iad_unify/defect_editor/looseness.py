"""Loose masks for training: the larger the area that an edit may use, the more the text has to say what to draw."""

import cv2
import numpy as np


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def dilate(mask: np.ndarray, radius: int) -> np.ndarray:
    """Bool [H, W] grown by `radius` pixels."""
    return mask if radius == 0 else cv2.dilate(mask.astype(np.uint8), _disc(radius)).astype(bool)


def box(mask: np.ndarray, grow: int) -> np.ndarray:
    """The bounding box of the mask, grown by `grow` pixels."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    result = np.zeros_like(mask)
    top, left = max(rows[0] - grow, 0), max(columns[0] - grow, 0)
    result[top : rows[-1] + grow + 1, left : columns[-1] + grow + 1] = True
    return result


def hull(mask: np.ndarray) -> np.ndarray:
    """The convex hull of the mask."""
    points = cv2.findNonZero(mask.astype(np.uint8))
    return cv2.fillConvexPoly(np.zeros(mask.shape, np.uint8), cv2.convexHull(points), 1).astype(bool) | mask


def ellipse(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An upright ellipse that covers most of the mask, united with the mask."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    centre = (int(columns[0] + columns[-1]) // 2, int(rows[0] + rows[-1]) // 2)
    axes = tuple(int(length * rng.uniform(0.55, 0.8)) + 3 for length in (np.ptp(columns) + 1, np.ptp(rows) + 1))
    drawn = cv2.ellipse(np.zeros(mask.shape, np.uint8), centre, axes, 0, 0, 360, 1, -1)
    return drawn.astype(bool) | mask


def loosen(shape: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draws the two masks of one training sample from the defect's own bool mask: (allowed, shape hint).

    35 %: the hint is the shape and the allowed area is at most 2 px wider (soft edges need them).
    25 %: no hint, 1-3 px wider. 40 %: no hint, much wider: dilated, box, hull or ellipse.
    """
    draw = rng.random()
    if draw < 0.35:
        return dilate(shape, int(rng.integers(0, 3))), shape
    nothing = np.zeros_like(shape)
    if draw < 0.60:
        return dilate(shape, int(rng.integers(1, 4))), nothing
    way = rng.integers(4)
    if way == 0:
        return dilate(shape, int(rng.integers(4, 9))), nothing
    if way == 1:
        return box(shape, int(rng.integers(1, 6))), nothing
    if way == 2:
        return dilate(hull(shape), int(rng.integers(1, 4))), nothing
    return dilate(ellipse(shape, rng), 1), nothing
