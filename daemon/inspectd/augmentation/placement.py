"""Where a synthetic defect goes: the confirmed region's own shape, turned, mirrored, resized and moved a little. Pure."""

import cv2
import numpy as np
from numpy.typing import NDArray

#: How far a defect may move from where it was seen, as a share of the frame's side: parts sit still, backgrounds differ.
LARGEST_SHIFT = 0.15
#: Bounds of the random change of size.
SMALLEST_SCALE, LARGEST_SCALE = 0.7, 1.3
#: Fewest pixels that an edit is worth.
LEAST_PIXELS = 12


def place(mask: NDArray[np.bool_], width: int, height: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Bool [height, width]: the mask's shape, placed anew and wholly inside the frame.

    `mask` is of a frame of any size; it is brought to width x height first. Raises ValueError when it is empty.
    """
    if not mask.any():
        raise ValueError("an empty mask has no place")
    source = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    rows, columns = np.nonzero(source)
    if len(rows) == 0:  # so small that the resize lost it
        source[min(height - 1, height // 2), min(width - 1, width // 2)] = 1
        rows, columns = np.nonzero(source)
    centre = (float(columns.mean()), float(rows.mean()))
    turned = cv2.getRotationMatrix2D(centre, rng.uniform(0, 360), rng.uniform(SMALLEST_SCALE, LARGEST_SCALE))
    transform = np.asarray(turned, dtype=np.float64)  # [2, 3]
    if rng.random() < 0.5:
        transform = transform @ np.array([[-1, 0, 2 * centre[0]], [0, 1, 0], [0, 0, 1]])
    transform[:, 2] += rng.uniform(-LARGEST_SHIFT, LARGEST_SHIFT, 2) * (width, height)
    corners = transform[:, :2] @ np.stack([columns, rows]).astype(np.float64) + transform[:, 2:]
    transform[:, 2] += _inward(corners, width, height)
    placed = cv2.warpAffine(source, transform, (width, height), flags=cv2.INTER_NEAREST).astype(bool)
    return placed if np.count_nonzero(placed) >= LEAST_PIXELS else _grown(placed, centre, width, height)


def _inward(points: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """The shift [2] that brings points [2, N] back into the frame."""
    low, high = points.min(axis=1), points.max(axis=1)
    limit = np.array([width - 1, height - 1], dtype=np.float64)
    return np.maximum(0.0, -low) - np.maximum(0.0, high - limit)


def _grown(mask: NDArray[np.bool_], centre: tuple[float, float], width: int, height: int) -> NDArray[np.bool_]:
    seed = mask.astype(np.uint8)
    if not seed.any():
        seed[min(height - 1, int(centre[1])), min(width - 1, int(centre[0]))] = 1
    return cv2.dilate(seed, np.ones((5, 5), np.uint8)).astype(bool)
