"""Patches, by which frames are compared with good parts and with a template: what they are made of, and maps out of them.

It knows no model and no tiles, and nothing of what a patch is compared with.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, arange, cat
from torch.nn import functional

from iad_unify.geometry import Letterbox


def of_detail(finest: Tensor, next_finest: Tensor) -> Tensor:
    """Patches [B, C, S/8, S/8] out of the two finest maps of the detail branch, for an expert whose backbone is a toy.

    A patch is the mean of the cells' means over three by three. Lengths are kept: a strong answer of a filter is what a defect
    looks like, and it would be lost on unit vectors.
    """
    cells = next_finest.shape[-1]
    planes = []
    for plane in (finest, next_finest):
        mean = averaging(plane.shape[-1], cells).to(plane)
        # two products and not two poolings: less time in every runtime, and in bf16 where that is asked for
        across = mean @ plane.permute(0, 2, 3, 1)  # [B, h, cells, C]
        planes.append((mean @ across.flatten(2)).unflatten(2, (cells, -1)))
    return cat(planes, dim=3).permute(0, 3, 1, 2)


def averaging(size: int, cells: int) -> Tensor:
    """[cells, size]: the mean of three neighbours, two at the ends, and then of the size / cells that a cell has."""
    line = arange(size)
    near = ((line[:, None] - line).abs() <= 1).float()
    return (near / near.sum(dim=1, keepdim=True)).view(cells, size // cells, size).mean(dim=1)


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
