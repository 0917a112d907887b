"""Synthetic anomalies on good pictures: imitated flaws, and shapes filled with textures that do not belong there.

The filled shapes follow the ideas of CutPaste (arXiv 2104.04015) and DRAEM (arXiv 2108.07610); the imitated flaws of
`flaws` are what such generators lack. The anomalies have no type. It knows nothing of models.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.data.flaws import FLAWS, Flaw

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

#: An anomaly whose mean visible change is below this (grey levels) is filled again, stronger.
_VISIBLE = 7.0
#: The share of anomalies that imitate a flaw of real parts.
_IMITATED = 0.55


def add_anomaly(
    picture: Image,
    donor: Image,
    rng: np.random.Generator,
    allowed: Mask | None = None,
    flaws: Sequence[Flaw] = FLAWS,
) -> tuple[Image, Mask]:
    """A copy of `picture` uint8 [H, W, 3] with one anomaly, and its mask; other pixels are unchanged.

    `donor` is another picture of the same size that textures may be cut from; `allowed` bounds the mask. The mask may
    come out empty when nothing of the drawn shape is allowed. About half are imitated flaws, one of `flaws`, the rest shapes
    of any kind with any filling.
    """
    shown = np.ones(picture.shape[:2], dtype=bool) if allowed is None else allowed
    if rng.random() < _IMITATED:
        changed, mask = flaws[int(rng.integers(len(flaws)))](picture, donor, shown, rng)
        mask = mask & shown
        if mask.any() and cv2.absdiff(picture[mask], changed[mask]).mean() >= _VISIBLE:
            return np.where(mask[:, :, None], changed, picture), mask
    return _filled_shape(picture, donor, rng, shown)


def _filled_shape(picture: Image, donor: Image, rng: np.random.Generator, allowed: Mask) -> tuple[Image, Mask]:
    shape = _SHAPES[rng.integers(len(_SHAPES))]
    mask = shape(picture.shape[0], picture.shape[1], rng) & allowed
    if not mask.any():
        return picture.copy(), mask
    fill = _FILLS[rng.integers(len(_FILLS))](picture, donor, mask, rng)
    opacity = rng.uniform(0.35, 1.0)
    if np.abs(fill[mask].astype(np.float32) - picture[mask]).mean() * opacity < _VISIBLE:
        fill, opacity = _shade(picture, donor, mask, rng), 1.0
    alpha = mask.astype(np.float32) * opacity
    if rng.random() < 0.6:
        alpha = np.where(mask, cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.5, 1.5)), 0.0).astype(np.float32)
    mixed = picture + (fill.astype(np.float32) - picture) * alpha[:, :, None]
    return np.clip(mixed, 0, 255).round().astype(np.uint8), mask


def _noise(height: int, width: int, cells: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise in [H, W], about `cells` bumps along the side."""
    grid = rng.standard_normal((max(2, round(cells)) + 2, max(2, round(cells)) + 2)).astype(np.float32)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32, copy=False)


def _blob(height: int, width: int, rng: np.random.Generator) -> Mask:
    noise = _noise(height, width, rng.uniform(3, 14), rng)
    level = np.quantile(noise[::4, ::4], 1 - rng.uniform(0.01, 0.12))
    count, labels = cv2.connectedComponents((noise > level).astype(np.uint8))
    keep = rng.permutation(np.arange(1, count))[: rng.integers(1, 3)]
    return np.isin(labels, keep)


def _crack(height: int, width: int, rng: np.random.Generator) -> Mask:
    canvas = np.zeros((height, width), dtype=np.uint8)
    steps, angle = int(rng.integers(6, 40)), rng.uniform(0, 2 * np.pi)
    turns = np.cumsum(rng.normal(0, rng.uniform(0.05, 0.5), steps)) + angle
    stride = rng.uniform(1.5, 5.0) * max(height, width) / 256
    path = np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1) * stride, axis=0)
    path += rng.uniform(0, 1, 2) * (width, height) - path.mean(axis=0) * rng.uniform(0.5, 1)
    for index in range(steps - 1):
        ends = [(int(path[at][0]), int(path[at][1])) for at in (index, index + 1)]
        cv2.line(canvas, ends[0], ends[1], 1, int(rng.choice([1, 1, 2, 3])))
    return canvas.astype(bool)


def _patch(height: int, width: int, rng: np.random.Generator) -> Mask:
    canvas = np.zeros((height, width), dtype=np.uint8)
    side = max(height, width)
    axes = np.maximum(1.5, side * np.exp(rng.uniform(np.log(0.01), np.log(0.12), 2)))
    centre = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))
    if rng.random() < 0.5:
        cv2.ellipse(canvas, (centre, (float(axes[0] * 2), float(axes[1] * 2)), float(rng.uniform(0, 180))), 1, -1)
    else:
        corners = cv2.boxPoints((centre, (float(axes[0] * 2), float(axes[1] * 2)), float(rng.uniform(0, 180))))
        cv2.fillPoly(canvas, [corners.astype(np.int32)], 1)
    return canvas.astype(bool)


def _speckle(height: int, width: int, rng: np.random.Generator) -> Mask:
    """A cluster of small dots."""
    canvas = np.zeros((height, width), dtype=np.uint8)
    centre, spread = rng.uniform(0, 1, 2) * (width, height), rng.uniform(2, 16) * max(height, width) / 256
    for _ in range(int(rng.integers(1, 9))):
        at = rng.normal(centre, spread)
        cv2.circle(canvas, (int(at[0]), int(at[1])), int(rng.integers(1, 5)), 1, -1)
    return canvas.astype(bool)


def _cut(picture: Image, donor: Image, mask: Mask, rng: np.random.Generator) -> Image:
    shift = (int(rng.integers(donor.shape[0])), int(rng.integers(donor.shape[1])))
    turned = np.rot90(donor, 2 * int(rng.integers(2)))
    return np.roll(turned, shift, axis=(0, 1))


def _own(picture: Image, donor: Image, mask: Mask, rng: np.random.Generator) -> Image:
    return _cut(picture, picture, mask, rng)


def _shade(picture: Image, donor: Image, mask: Mask, rng: np.random.Generator) -> Image:
    """Darker or brighter, evenly or in patches, sometimes tinted."""
    strength = rng.uniform(12, 90) * rng.choice([-1.0, -1.0, 1.0])
    tint = rng.uniform(0.6, 1.0, 3) if rng.random() < 0.4 else np.ones(3)
    patches = 1 + 0.3 * _noise(picture.shape[0], picture.shape[1], rng.uniform(4, 30), rng)
    return np.clip(picture + strength * tint * patches[:, :, None], 0, 255).astype(np.uint8)


def _grain(picture: Image, donor: Image, mask: Mask, rng: np.random.Generator) -> Image:
    """A texture of its own: noise around some grey or colour."""
    level = picture[mask].mean(axis=0) + rng.normal(0, 35, 3 if rng.random() < 0.4 else 1)
    bumps = _noise(picture.shape[0], picture.shape[1], rng.uniform(8, 100), rng) * rng.uniform(3, 30)
    return np.clip(level + bumps[:, :, None], 0, 255).astype(np.uint8)


def _smear(picture: Image, donor: Image, mask: Mask, rng: np.random.Generator) -> Image:
    """The part's own texture, blurred along one direction, and shaded a little."""
    length = int(rng.integers(5, 25))
    kernel = (length, 1) if rng.random() < 0.5 else (1, length)
    return np.clip(cv2.blur(picture, kernel) + rng.uniform(-25, 25), 0, 255).astype(np.uint8)


_SHAPES: tuple[Callable[[int, int, np.random.Generator], Mask], ...] = (_blob, _crack, _crack, _patch, _patch, _speckle)
_FILLS: tuple[Callable[[Image, Image, Mask, np.random.Generator], Image], ...] = (
    _cut,
    _own,
    _shade,
    _shade,
    _grain,
    _smear,
)
