"""Comparing a picture with its golden template: bringing the two together, and what then still differs.

The template is a defect-free picture of the same view (a printed circuit board's, a label's). Cameras and parts shift a
little between the two, and edges are never drawn twice alike, so a difference counts only where no pixel nearby explains it.
"""

from functools import reduce

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

#: Largest shift between picture and template that is looked for, as a share of the side.
MOST_SHIFT = 1 / 16
#: A pixel is explained by any template pixel within this distance.
TOLERANCE_PX = 2
#: Side that the first, widest search is made at, pixels.
_COARSE_PX = 160
#: A shift of one pixel must lower the mean squared difference by this much (grey levels squared): plain ground and
#: stripes leave a direction open, and then the template stays where it is.
_SHIFT_COST = 0.5
#: Blocks of this side are aligned each on its own, within this reach, because boards also turn, stretch and bend a little.
_BLOCK_PX, _BLOCK_REACH_PX = 128, 4

Shift = tuple[int, int]


def align(template: NDArray[np.uint8], picture: NDArray[np.uint8], most: float = MOST_SHIFT) -> NDArray[np.uint8]:
    """The template uint8 [H, W, 3] moved onto a picture of the same size, borders replicated.

    One shift for the whole is looked for at a coarse scale and refined at finer ones; then every block looks for its own
    nearby, and between the blocks' middles the shift changes evenly.
    """
    test, golden = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (picture, template))
    side = min(test.shape)
    if side < 32:
        return template
    levels = max(0, round(np.log2(side / _COARSE_PX)))
    shift = (0, 0)
    reach = max(1, round(side * most / 2**levels))
    for level in range(levels, -1, -1):
        share = 0.5**level
        fine, gold = (cv2.resize(one, None, fx=share, fy=share, interpolation=cv2.INTER_AREA) for one in (test, golden))
        shift = _search(fine, gold, (0, 0, *fine.shape[::-1]), (2 * shift[0], 2 * shift[1]), reach)
        reach = 1
    field = _field(test, golden, shift)
    return _moved(template, field) if field.any() else template


def _field(test: cv2.typing.MatLike, golden: cv2.typing.MatLike, shift: Shift) -> NDArray[np.float32]:
    """The shift (x, y) of each block, float32 [rows, columns, 2]."""
    height, width = test.shape
    rows, columns = max(1, round(height / _BLOCK_PX)), max(1, round(width / _BLOCK_PX))
    field = np.empty((rows, columns, 2), dtype=np.float32)
    for row in range(rows):
        for column in range(columns):
            area = (column * width // columns, row * height // rows,
                    (column + 1) * width // columns, (row + 1) * height // rows)  # fmt: skip
            field[row, column] = _search(test, golden, area, shift, _BLOCK_REACH_PX)
    return field


def _search(
    test: cv2.typing.MatLike, golden: cv2.typing.MatLike, area: tuple[int, int, int, int], around: Shift, reach: int
) -> Shift:
    """The best shift (x, y) of `golden` for an area (x0, y0, x1, y1) of `test`, within `reach` pixels of `around`."""
    best, chosen = np.inf, around
    for dy in range(around[1] - reach, around[1] + reach + 1):
        for dx in range(around[0] - reach, around[0] + reach + 1):
            cost = _cost(test, golden, area, dx, dy) + _SHIFT_COST * float(np.hypot(dx - around[0], dy - around[1]))
            if cost < best:
                best, chosen = cost, (dx, dy)
    return chosen


def _cost(
    test: cv2.typing.MatLike, golden: cv2.typing.MatLike, area: tuple[int, int, int, int], dx: int, dy: int
) -> float:
    """Mean squared difference where the shifted template covers the area."""
    height, width = test.shape
    x0, y0 = max(area[0], dx, 0), max(area[1], dy, 0)
    x1, y1 = min(area[2], width + dx, width), min(area[3], height + dy, height)
    if x1 <= x0 or y1 <= y0:
        return np.inf
    there = golden[y0 - dy : y1 - dy, x0 - dx : x1 - dx]
    return float(cv2.norm(test[y0:y1, x0:x1], there, cv2.NORM_L2SQR)) / ((x1 - x0) * (y1 - y0))


def _moved(picture: NDArray[np.uint8], field: NDArray[np.float32]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    if (field == field[0, 0]).all():
        matrix = np.array([[1, 0, field[0, 0, 0]], [0, 1, field[0, 0, 1]]], dtype=np.float64)
        moved = cv2.warpAffine(
            picture, matrix, (width, height), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
        )
        return moved.astype(np.uint8, copy=False)
    dense = cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved = cv2.remap(
        picture, columns - dense[..., 0], rows - dense[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return moved.astype(np.uint8, copy=False)


class TemplateDifference(nn.Module):
    """Picture and aligned template [B, 3, S, S] to [B, 9, S, S]: the template, the difference, and the tolerant one.

    The tolerant difference is how far a pixel lies outside the range of the template's pixels around it: 0 along an edge
    that merely moved, large where something is missing or too much.
    """

    channels = 9

    def forward(self, picture: Tensor, template: Tensor) -> Tensor:
        """See the class."""
        outside = torch.relu(picture - _highest(template)) - torch.relu(-_highest(-template) - picture)
        return torch.cat([template, picture - template, outside], dim=1)


def _highest(values: Tensor) -> Tensor:
    """The maximum of [B, C, H, W] within TOLERANCE_PX of each pixel.

    Rows and columns by turns, as maxima of shifted views: on a processor 20 times faster than a pooling layer.
    """
    side = 2 * TOLERANCE_PX + 1
    padded = functional.pad(values, (TOLERANCE_PX,) * 4, mode="replicate")
    height, width = values.shape[-2:]
    columns = reduce(torch.maximum, [padded[..., at : at + width] for at in range(side)])
    return reduce(torch.maximum, [columns[..., at : at + height, :] for at in range(side)])
