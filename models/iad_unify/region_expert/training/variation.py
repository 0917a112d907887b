"""How training pictures are varied: turned, scaled, relit, cut, their defects emphasised or made up.

Everything happens to a picture, its labels, its clean twin and its template alike.
"""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.data.anomalies import add_anomaly
from iad_unify.data.flaws import FLAWS, SURFACE_FLAWS
from iad_unify.data.truth import MADE_UP
from iad_unify.region_expert.squares import Labelled

_MOST_GAIN = 8.0
#: How often a picture is turned a little, scaled and shifted, and the spread (of the logarithm) of its scale. The second is
#: for pictures with a template: one board's tracks are twice as wide as another's, and what is a gap on one is a bite on
#: the other, to who knows one width only.
_PLACED, _SPREAD = 0.5, 0.22
_BOARDS_PLACED, _BOARDS_SPREAD = 0.8, 0.45
#: On real good pictures; those that only they get count twice.
_REAL_FLAWS = (*FLAWS, *SURFACE_FLAWS, *SURFACE_FLAWS)


def with_anomaly(good: Labelled, donor: Labelled, rng: np.random.Generator) -> Labelled:
    """A good square with one or two synthetic anomalies, whose textures may come from another square."""
    rgb, labels = good.rgb, np.zeros_like(good.labels)
    for _ in range(int(rng.choice([1, 1, 1, 2]))):
        rgb, mask = add_anomaly(rgb, donor.rgb, rng, good.content, _REAL_FLAWS)
        labels[mask] = MADE_UP
    return replace(good, rgb=rgb, labels=labels, clean=good.rgb)


def vary(item: Labelled, rng: np.random.Generator) -> Labelled:
    """Flip, turn, sometimes scale and shift; then brightness, contrast, colour, noise, blur, JPEG.

    The clean picture, where there is one, is varied in exactly the same way. A template is too, except that it may then
    lie a little beside the picture and has a noise of its own, as golden pictures do.
    """
    turn, flip = int(rng.integers(4)) if rng.random() < 0.5 else 0, rng.random() < 0.5
    share, spread = (_PLACED, _SPREAD) if item.template is None else (_BOARDS_PLACED, _BOARDS_SPREAD)
    matrix = _placement(item.rgb.shape[0], spread, rng) if rng.random() < share else None
    seed = int(rng.integers(1 << 62))
    moved = item.map(
        lambda picture: _placed(_turned(picture, turn, flip), matrix, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE),
        lambda plane: _placed(_turned(plane, turn, flip), matrix, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT),
    )
    template = moved.template
    if template is not None:
        if rng.random() < 0.4:
            beside = np.array([[1, 0, rng.normal(0, 0.7)], [0, 1, rng.normal(0, 0.7)]])
            template = _placed(template, beside, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)
        template = _relight(template, np.random.default_rng(seed), np.random.default_rng(seed + 1))
    return replace(
        moved,
        rgb=_relight(moved.rgb, np.random.default_rng(seed)),
        clean=None if moved.clean is None else _relight(moved.clean, np.random.default_rng(seed)),
        template=template,
    )


def crop(item: Labelled, side: int, rng: np.random.Generator, margin: int = 0) -> Labelled:
    """A crop that mostly holds part of a defect when there is one, farther than `margin` pixels from its border."""
    room = item.rgb.shape[0] - side
    rows, columns = np.nonzero(item.labels)
    corner = rng.integers(0, room + 1, 2)
    if rows.size and rng.random() < 0.75:
        pixel = int(rng.integers(rows.size))
        least = margin + (side - 2 * margin) // 8
        inset = rng.integers(least, side - least, 2)
        corner = np.clip(np.array([rows[pixel], columns[pixel]]) - inset, 0, room)
    area = slice(int(corner[0]), int(corner[0]) + side), slice(int(corner[1]), int(corner[1]) + side)
    return item.map(lambda picture: picture[area], lambda plane: plane[area])


def emphasise(item: Labelled, visibility: float) -> Labelled:
    """The same picture with each kind of defect at least `visibility` grey levels (median) away from its clean twin.

    Faint defects alone teach nothing at first: trained on them from the start, the loss stays where it began. So a
    training starts with marked defects and lets them fade. Without a clean twin the picture stays as it is.
    """
    if item.clean is None or visibility <= 0:
        return item
    change = item.rgb.astype(np.float32) - item.clean
    strength = np.abs(change).max(axis=2)
    gain = np.ones(item.labels.shape, dtype=np.float32)
    for label in np.unique(item.labels[item.labels > 0]):
        here = item.labels == label
        seen = float(np.median(strength[here]))
        gain[here] = min(_MOST_GAIN, max(1.0, visibility / max(seen, 1.0)))
    rgb = np.clip(item.clean + change * gain[:, :, None], 0, 255).round().astype(np.uint8)
    return replace(item, rgb=rgb)


def _turned(array: NDArray[Any], quarters: int, flip: bool) -> NDArray[Any]:
    turned = np.rot90(array, quarters)
    return np.ascontiguousarray(turned[:, ::-1] if flip else turned)


def _placement(size: int, spread: float, rng: np.random.Generator) -> NDArray[np.float64]:
    angle, scale = float(rng.normal(0, 4)), float(np.exp(rng.normal(0, spread)))
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), angle, scale)
    return np.asarray(matrix, np.float64) + np.array([[0, 0, 1], [0, 0, 1]]) * rng.normal(0, size * 0.05, (2, 1))


def _placed(
    array: NDArray[np.uint8], matrix: NDArray[np.float64] | None, interpolation: int, border: int
) -> NDArray[np.uint8]:
    if matrix is None:
        return array
    moved = cv2.warpAffine(array, matrix, array.shape[1::-1], flags=interpolation, borderMode=border)
    return moved.astype(np.uint8, copy=False)


def _relight(
    rgb: NDArray[np.uint8], rng: np.random.Generator, own: np.random.Generator | None = None
) -> NDArray[np.uint8]:
    """Light and colour by `rng`; blur, noise and JPEG by `own` when it is given."""
    table = np.arange(256, dtype=np.float32) / 255
    curves = np.repeat((table ** np.exp(rng.normal(0, 0.12)))[:, None], 3, axis=1)
    if rng.random() < 0.3:
        curves *= 1 + rng.normal(0, 0.05, 3)
    curves = (curves - 0.5) * np.exp(rng.normal(0, 0.12)) + 0.5 + rng.normal(0, 0.06)
    rng = own or rng
    out: NDArray[Any] = cv2.LUT(rgb, np.clip(curves * 255, 0, 255).round().astype(np.uint8)[None])
    if rng.random() < 0.1:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.3, 0.9)))
    if rng.random() < 0.3:
        noise = rng.standard_normal(out.shape, dtype=np.float32) * rng.uniform(1, 6)
        out = np.clip(out + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        _, data = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 96))])
        out = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return out.astype(np.uint8, copy=False)
