"""Makes a mask worse by a given amount, as a poor segmentation would. Knows no model."""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def degraded(mask: Mask, iou: float, rng: np.random.Generator) -> Mask:
    """A mask [H, W] whose IoU with the given one is `iou` up to rounding to whole pixels.

    It loses its pixels at one end, in a direction drawn from `rng`, and swells at the other by as many; so it works for
    a hairline as for a patch, which moving it as a whole would not. Of a mask of n pixels it keeps n - r and wins r
    with (n - r) / (n + r) = `iou`. Raises ValueError for an empty mask or an `iou` outside 0 to 1.
    """
    area = int(np.count_nonzero(mask))
    if area == 0 or not 0 < iou <= 1:
        raise ValueError(f"a mask of {area} pixels and an IoU of {iou}")
    moved = min(area - 1, round(area * (1 - iou) / (1 + iou)))
    if moved == 0:
        return mask.copy()
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.indices(mask.shape)
    along = columns * np.cos(angle) + rows * np.sin(angle)  # [H, W], pixels
    out = mask.copy()
    out[_first(mask, along, moved)] = False
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    behind = along < np.median(along[mask])
    out[_first(~mask, away + behind * float(sum(mask.shape)), moved)] = (
        True  # the other side only when this one is full
    )
    return out


def overlap(first: Mask, second: Mask) -> float:
    """IoU of two masks [H, W]; 0 when both are empty."""
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 0.0


def _first(candidates: Mask, order: NDArray[np.floating], count: int) -> Mask:
    """The `count` candidates that come first in that order."""
    places = np.flatnonzero(candidates)
    chosen = places[np.argsort(order.reshape(-1)[places], kind="stable")[:count]]
    out = np.zeros(candidates.size, dtype=bool)
    out[chosen] = True
    return out.reshape(candidates.shape)
