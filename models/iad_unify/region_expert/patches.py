"""Patches, by which frames are compared with good parts and with a template: what they are made of, and maps out of them.

It knows no model and no tiles, and nothing of what a patch is compared with.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, cat, channels_last
from torch.nn import functional

from iad_unify.geometry import Letterbox


def of_detail(finest: Tensor, next_finest: Tensor) -> Tensor:
    """Patches [B, C, S/8, S/8] out of the two finest maps of the detail branch, for an expert whose backbone is a toy.

    Lengths are kept: a strong answer of a filter is what a defect looks like, and it would be lost on unit vectors.
    """
    chosen = []
    for plane in (finest, next_finest):
        beside = plane.contiguous(memory_format=channels_last)  # torch pools it in an eighth of the time
        smooth = functional.avg_pool2d(beside, 3, 1, 1, count_include_pad=False)
        step = smooth.shape[-1] // next_finest.shape[-1]
        chosen.append(functional.avg_pool2d(smooth, step) if step > 1 else smooth)
    return cat(chosen, dim=1)


def of_backbone(features: Tensor, layers: int) -> Tensor:
    """Patches [B, C, h, w] out of the features of a pretrained backbone, every layer of unit length.

    The squared distance of two is then twice their cosine distance (AnomalyDINO), averaged over the layers.
    """
    parts = features.float().chunk(layers, dim=1)
    return cat([functional.normalize(part, dim=1) / layers**0.5 for part in parts], dim=1)


def in_pixels(cells: NDArray[np.float32], letterbox: Letterbox) -> NDArray[np.float32]:
    """Values of patches [h, w] of a letterboxed frame or tile as a map [S, S]; 0 on the padding."""
    rows, columns = cells_of(letterbox, cells.shape[-1])
    grid, side = cells.shape[-1], letterbox.size
    # what the padding looks like must not reach the content through the interpolation
    around = ((rows.start, grid - rows.stop), (columns.start, grid - columns.stop))
    whole = np.pad(cells[rows, columns], around, mode="edge")
    full = cv2.resize(whole, (side, side), interpolation=cv2.INTER_LINEAR)
    x, y, width, height = letterbox.inner
    out = np.zeros((side, side), np.float32)
    out[y : y + height, x : x + width] = full[y : y + height, x : x + width]
    return out


def cells_of(letterbox: Letterbox, grid: int) -> tuple[slice, slice]:
    """Rows and columns of a grid of patches that lie on the content by at least half; one at least."""
    x, y, width, height = letterbox.inner

    def covered(start: int, length: int) -> slice:
        first = min(grid - 1, round(start * grid / letterbox.size))
        return slice(first, max(first + 1, round((start + length) * grid / letterbox.size)))

    return covered(y, height), covered(x, width)
