"""What the heads look at, cut out of one frame for a runtime: windows, mean features and shape numbers of its regions.

The same numbers as `closeup.cut` and `pooling`, from the surroundings of each region only: the whole square would be
read several times for a region of a few pixels. It knows no weights and no gradients.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from iad_unify.region_expert.closeup import ROOM_PX, WINDOW_PX
from iad_unify.region_expert.connections import CONNECTION_NUMBERS, changes
from iad_unify.region_expert.decoder import SHAPE_NUMBERS, STRIDE
from iad_unify.region_expert.described import Frame
from iad_unify.region_expert.pooling import RING_CELLS

_EPSILON = 1e-6
_RING = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * RING_CELLS + 1, 2 * RING_CELLS + 1))


class Cuts(NamedTuple):
    """Of N regions, what the exported heads take. Channels of a window: picture, mask and, where used, template."""

    windows: NDArray[np.float32]  # [N, 64, 64, 4 or 7]; colours 0..255, mask 0..1
    pooled: NDArray[np.float32]  # [N, 2, D]: mean features inside and around
    shape: NDArray[np.float32]  # [N, 6], of `pooling.shape_numbers`; with templates [N, 15], then `connections.changes`


def cut(frame: Frame, masks: Sequence[NDArray[np.bool_]], *, template: bool) -> Cuts:
    """The cuts of masks [S, S] of a frame, none of them empty.

    With `template` the windows show the frame's template as well; a frame without one is its own.
    """
    shown = [frame.square] + ([frame.square if frame.template is None else frame.template] if template else [])
    cells = frame.features[0].permute(1, 2, 0)  # [h, w, D]; a view
    content = _content(frame)
    out = Cuts(
        np.empty((len(masks), WINDOW_PX, WINDOW_PX, 1 + 3 * len(shown)), np.float32),
        np.empty((len(masks), 2, cells.shape[2]), np.float32),
        np.zeros((len(masks), SHAPE_NUMBERS + (CONNECTION_NUMBERS if template else 0)), np.float32),
    )
    for row, mask in enumerate(masks):
        plane = mask.view(np.uint8)
        box = _Box(*cv2.boundingRect(plane))
        _window(out.windows[row], shown, plane, box)
        out.pooled[row] = _pooled(cells, content, plane, box)
        out.shape[row, :SHAPE_NUMBERS] = _shape(plane[box.y : box.y + box.height, box.x : box.x + box.width])
        if template and frame.template is not None:
            out.shape[row, SHAPE_NUMBERS:] = changes(frame.square, frame.template, mask)
    return out


class _Box(NamedTuple):
    x: int
    y: int
    width: int
    height: int


def _window(out: NDArray[np.float32], shown: Sequence[NDArray[np.uint8]], mask: NDArray[np.uint8], box: _Box) -> None:
    """Fills out [64, 64, C]; where it lies is told by `closeup.cut`."""
    size, need, step = mask.shape[0], max(box.width, box.height) + 2 * ROOM_PX, 1
    while need > WINDOW_PX * step and WINDOW_PX * 2 * step <= size:
        step *= 2
    last = size // step - WINDOW_PX
    x, y = (
        min(max(round((2 * start + length) / (2 * step) - WINDOW_PX / 2), 0), last) * step
        for start, length in ((box.x, box.width), (box.y, box.height))
    )
    side = WINDOW_PX * step
    out[..., 3] = _shrunk(mask[y : y + side, x : x + side], step)
    for first, plane in zip((0, 4), shown, strict=False):
        out[..., first : first + 3] = _shrunk(plane[y : y + side, x : x + side], step)


def _shrunk(plane: NDArray[np.uint8], step: int) -> NDArray[np.generic]:
    """Means over blocks of `step` by `step`, float32; the plane itself when that is 1."""
    if step == 1:
        return plane
    size = plane.shape[1] // step, plane.shape[0] // step
    return np.asarray(cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA))


def _content(frame: Frame) -> NDArray[np.float32]:
    """The share of each cell [h, w] that the frame and not its padding fills."""
    return np.asarray(_shrunk(frame.letterbox.content().view(np.uint8), STRIDE), np.float32)


def _pooled(
    cells: torch.Tensor, content: NDArray[np.float32], mask: NDArray[np.uint8], box: _Box
) -> NDArray[np.float32]:
    """The two rows of `pooling.pool`, [2, D]. In torch, whose threads are those of the service."""
    height, width = content.shape
    x0, y0 = (max(0, start // STRIDE - RING_CELLS) for start in (box.x, box.y))
    x1 = min(width, -(-(box.x + box.width) // STRIDE) + RING_CELLS)
    y1 = min(height, -(-(box.y + box.height) // STRIDE) + RING_CELLS)
    inside = _shrunk(mask[y0 * STRIDE : y1 * STRIDE, x0 * STRIDE : x1 * STRIDE], STRIDE).astype(np.float32, copy=False)
    near = cv2.dilate((inside > 0).view(np.uint8), _RING)
    ring = content[y0:y1, x0:x1] * ((near > 0) & (inside <= 0))
    if not ring.any():
        whole = _mean(cells, content)
        return np.concatenate([_mean(cells[y0:y1, x0:x1], inside), whole])
    return _mean(cells[y0:y1, x0:x1], inside, ring)


def _mean(cells: torch.Tensor, *weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weighted means [W, D] of cells [h, w, D] under weights [h, w]."""
    flat = np.stack(weights).reshape(len(weights), -1)
    flat /= flat.sum(axis=1, keepdims=True) + _EPSILON
    return (torch.from_numpy(flat) @ cells.reshape(flat.shape[1], -1)).numpy()


def _shape(mask: NDArray[np.uint8]) -> tuple[float, ...]:
    """The numbers of `pooling.shape_numbers`, of a mask cut to its box."""
    moments = cv2.moments(mask, binaryImage=True)
    area, height, width = moments["m00"], *mask.shape
    xx, yy, xy = (moments[name] / area for name in ("mu20", "mu02", "mu11"))
    half_gap = math.hypot((xx - yy) / 2, xy)
    major, minor = (xx + yy) / 2 + half_gap, max(0.0, (xx + yy) / 2 - half_gap)
    elongation = 0.5 * math.log((major + 0.25) / (minor + 0.25))
    thickness = math.log(area / math.sqrt(max(0.25, major)))
    return math.log(width), math.log(height), math.log(area), area / (width * height), elongation, thickness
