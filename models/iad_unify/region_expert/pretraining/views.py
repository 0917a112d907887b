"""What the student and the teacher look at: two views of each picture, and which patches of them are hidden."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from iad_unify.region_expert.pretraining.frames import Frames

#: A view shows a square of this many times its own side, so that parts are seen at about the scale of service.
_SCALES = (0.6, 1.6)
#: Share of the patches that is hidden in a view, least and most.
_HIDDEN = (0.2, 0.6)
#: Sides of a hidden block, as a share of the grid's side, least and most.
_BLOCK = (0.1, 0.4)


@dataclass(frozen=True, slots=True)
class Views:
    """Of B pictures: first all first views, then all second ones."""

    pixels: Tensor  # float32 [2B, 3, V, V], normalised as DINOv2's input
    hidden: Tensor  # bool [2B, N], N patches row by row


def make(frames: Frames, count: int, side: int, patch: int, rng: np.random.Generator) -> Views:
    """Views of `count` pictures with `side` pixels, a multiple of `patch`."""
    chosen = [frames.next(rng).rgb for _ in range(count)]
    pictures = np.stack([_view(rgb, side, rng) for _ in range(2) for rgb in chosen])
    hidden = np.stack([_blocks(side // patch, rng) for _ in pictures])
    return Views(normalised(pictures), torch.from_numpy(hidden))


def normalised(pictures: NDArray[np.uint8]) -> Tensor:
    """uint8 [B, H, W, 3] to float32 [B, 3, H, W] as DINOv2 takes it."""
    mean, std = (
        torch.tensor(values).view(1, 3, 1, 1) * 255 for values in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
    )
    return (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - mean) / std


def middle(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The middle of a picture as a square uint8 [side, side, 3], unvaried."""
    height, width = rgb.shape[:2]
    shown = min(height, width, side)
    top, left = (height - shown) // 2, (width - shown) // 2
    return _resized(rgb[top : top + shown, left : left + shown], side)


def _resized(square: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    method = cv2.INTER_AREA if square.shape[0] > side else cv2.INTER_LINEAR
    resized = np.asarray(cv2.resize(square, (side, side), interpolation=method))
    return resized.astype(np.uint8, copy=False)


def _view(rgb: NDArray[np.uint8], side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A square cut out anywhere, brought to the view's side, mirrored, turned by quarters and relit."""
    height, width = rgb.shape[:2]
    low, high = np.log(_SCALES)
    shown = int(min(height, width, max(8, round(side * np.exp(rng.uniform(low, high))))))
    top, left = int(rng.integers(height - shown + 1)), int(rng.integers(width - shown + 1))
    view = _resized(rgb[top : top + shown, left : left + shown], side)
    view = np.rot90(view, int(rng.integers(4)))
    if rng.random() < 0.5:
        view = view[:, ::-1]
    return _relit(np.ascontiguousarray(view), rng)


def _relit(rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Brightness, contrast, gamma and a tint, and sometimes noise: what changes between two shots of one part."""
    curve = (np.arange(256) / 255.0) ** np.exp(rng.normal(0, 0.2))
    curve = (curve - 0.5) * np.exp(rng.normal(0, 0.2)) + 0.5 + rng.normal(0, 0.08)
    table = np.clip(curve[:, None] * (1 + rng.normal(0, 0.04, 3)) * 255, 0, 255).round().astype(np.uint8)
    out = np.asarray(cv2.LUT(rgb, table[None])).astype(np.uint8, copy=False)
    if rng.random() < 0.3:
        noise = rng.standard_normal(out.shape, dtype=np.float32) * rng.uniform(1, 5)
        out = np.clip(out + noise, 0, 255).astype(np.uint8)
    return out


def _blocks(grid: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Bool [grid * grid]: rectangles until a random share is hidden; neither none nor all."""
    hidden = np.zeros((grid, grid), bool)
    wanted = min(grid * grid - 1, max(1, round(rng.uniform(*_HIDDEN) * grid * grid)))
    while (missing := wanted - int(hidden.sum())) > 0:
        height, width = (min(grid, max(1, round(rng.uniform(*_BLOCK) * grid))) for _ in range(2))
        top, left = int(rng.integers(grid - height + 1)), int(rng.integers(grid - width + 1))
        rows, columns = np.nonzero(~hidden[top : top + height, left : left + width])
        hidden[top + rows[:missing], left + columns[:missing]] = True
    return hidden.ravel()
