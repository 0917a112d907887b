"""Detections against annotated boxes. Pure numpy."""

import numpy as np
from numpy.typing import NDArray

#: The overlap that DeepPCB's own rule asks for.
LEAST_IOU = 0.33


def match(
    boxes: NDArray[np.floating],
    kinds: NDArray[np.integer],
    true_boxes: NDArray[np.floating],
    true_kinds: NDArray[np.integer],
    least_iou: float = LEAST_IOU,
) -> NDArray[np.bool_]:
    """A bool [N]: which boxes [N, 4] of kinds [N], by descending score, hit a true box of their kind.

    A hit overlaps by more than `least_iou`, and every true box is hit once, by the first that can.
    """
    hits = np.zeros(len(boxes), dtype=bool)
    free = np.ones(len(true_boxes), dtype=bool)
    overlap = iou(boxes, true_boxes)
    for index in range(len(boxes)):
        usable = np.where(free & (true_kinds == kinds[index]), overlap[index], 0.0)
        if usable.size and usable.max() > least_iou:
            free[int(usable.argmax())] = False
            hits[index] = True
    return hits


def iou(boxes: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union [N, M] of boxes [N, 4] and [M, 4] (x0, y0, x1, y1)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2, dtype=np.float64)
    areas = [np.prod(one[:, 2:] - one[:, :2], axis=1, dtype=np.float64) for one in (boxes, others)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    return shared / np.maximum(union, 1e-12)
