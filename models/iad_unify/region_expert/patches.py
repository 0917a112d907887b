"""Patch features of pictures, tile by tile, and maps out of what is said of each patch.

What compares frames with good parts or with a template works on these; it knows neither.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from iad_unify.geometry import Letterbox
from iad_unify.region_expert import tiling
from iad_unify.region_expert.model import RegionExpert

#: Maps of the detail branch that describe a patch of the toy expert, and the one whose grid they are put on (stride 8).
_DETAIL_LEVELS, _GRID_LEVEL = (0, 1), 1


def of_pictures(model: RegionExpert, pictures: NDArray[np.uint8]) -> Tensor:
    """Patch features [B, C, h, w] of uint8 squares [B, S, S, 3], of the detail branch or of a pretrained backbone."""
    with torch.inference_mode():
        squares = torch.from_numpy(np.ascontiguousarray(pictures)).to(model.mean.device)
        normalised = model.normalised(squares)
        if model.config.name == "tiny":
            return of_detail(model.detail(normalised))
        return of_backbone(model.backbone(normalised), len(model.backbone.layers))


def compared(
    model: RegionExpert,
    planes: Sequence[NDArray[np.uint8]],
    letterboxes: Sequence[Letterbox],
    compare: Callable[[int, tuple[Tensor, ...], Letterbox], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Maps [B, W, W] of what `compare` makes of patches; planes are uint8 squares [B, W, W, 3], one or more for a frame.

    It is given the frame's number, the patches [C, h, w] of each plane and the letterbox of the frame, or of the part of it
    in one tile, and gives that square's map [S, S].
    """
    whole, side = planes[0].shape[1], model.config.size
    places = tiling.tiles(whole, side)
    canvas = tiling.Canvas(len(planes[0]), whole, side)
    for some in tiling.batches(len(planes[0]), places):
        grids, parts = [of_pictures(model, tiling.cut(plane, some, side)) for plane in planes], []
        for row, (index, tile) in enumerate(some):
            # a frame in one piece keeps its own letterbox: what a tile says of it is not rounded twice
            box = letterboxes[index] if len(places) == 1 else tiling.part(letterboxes[index], tile, side)
            cells = tuple(grid[row] for grid in grids)
            parts.append(np.zeros((side, side), np.float32) if box is None else compare(index, cells, box))
        canvas.add(some, torch.from_numpy(np.stack(parts)))
    found: NDArray[np.float32] = canvas.blended().numpy()
    return found


def of_detail(maps: Sequence[Tensor]) -> Tensor:
    """Patches [B, C, S/8, S/8] out of the maps of the detail branch, for an expert whose backbone is a toy.

    Lengths are kept: a strong answer of a filter is what a defect looks like, and it would be lost on unit vectors.
    """
    chosen = []
    for level in _DETAIL_LEVELS:
        smooth = functional.avg_pool2d(maps[level], 3, 1, 1, count_include_pad=False)
        step = smooth.shape[-1] // maps[_GRID_LEVEL].shape[-1]
        chosen.append(functional.avg_pool2d(smooth, step) if step > 1 else smooth)
    return torch.cat(chosen, dim=1)


def of_backbone(features: Tensor, layers: int) -> Tensor:
    """Patches [B, C, h, w] out of the features of a pretrained backbone, every layer of unit length.

    The squared distance of two is then twice their cosine distance (AnomalyDINO), averaged over the layers.
    """
    parts = features.float().chunk(layers, dim=1)
    return torch.cat([functional.normalize(part, dim=1) / layers**0.5 for part in parts], dim=1)


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
