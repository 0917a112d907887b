"""What differs between a picture of two tones and its template: the exact shape of a defect inside a given box.

Made for boards photographed and thresholded, where the edges of test and template never agree to the pixel and the
pair may be shifted by several. So each place is aligned on its own, and only a difference that an edge's jitter cannot
explain counts. It knows nothing of defect types.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.data.samples import Box

Mask = NDArray[np.bool_]
Tones = NDArray[np.uint8]  # [H, W]: 0 dark, 1 bright

_BRIGHT = 127
_FAR = 40  # pixels: the largest shift of a whole pair
_NEAR = 5  # pixels: what is left of it around one box
_SURROUNDINGS = 12  # pixels around a box that are looked at to align it
_SHIFT_COST = 2.0  # mismatched pixels that one pixel of shift must save: edges along one direction leave it open
_SPECKS = 0.1  # parts of a difference smaller than this share of its largest part are noise
_GROWN = 6  # pixels around a box that still belong to its defect when unexplained differences are sought
_EXPLAINED = 4  # pixels: a tone that the template has this close by is a matter of alignment
_LARGE = 50  # pixels: the least area of an unexplained difference


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture and its template in two tones, the template shifted as a whole onto the picture."""

    test: Tones
    template: Tones

    @staticmethod
    def of(picture: NDArray[np.uint8], template: NDArray[np.uint8]) -> "Pair":
        """From two RGB pictures uint8 [H, W, 3] of one size."""
        test, other = ((_brightest(values) > _BRIGHT).astype(np.uint8) for values in (picture, template))
        return Pair(test, _moved(other, _shift(test, other)))


def difference(pair: Pair, box: Box) -> Mask:
    """A bool [H, W]: the pixels inside `box` that differ; of the two tones, the one that most of the difference has.

    Empty when edges that do not quite agree explain all of it.
    """
    height, width = pair.test.shape
    x0, y0 = max(0, box.x0 - _SURROUNDINGS), max(0, box.y0 - _SURROUNDINGS)
    x1, y1 = min(width, box.x1 + _SURROUNDINGS), min(height, box.y1 + _SURROUNDINGS)
    test = pair.test[y0:y1, x0:x1]
    template = _aligned(test, pair.template, x0, y0)
    inside = np.zeros(test.shape, dtype=bool)
    inside[box.y0 - y0 : box.y1 - y0, box.x0 - x0 : box.x1 - x0] = True
    changes = [_changed(test == tone, template == tone, inside) for tone in (0, 1)]
    found = np.zeros((height, width), dtype=bool)
    found[y0:y1, x0:x1] = _cleaned(max(changes, key=np.count_nonzero)) & inside
    return found


def unexplained(pair: Pair, boxes: tuple[Box, ...]) -> Mask:
    """A bool [H, W]: large differences outside all boxes, which nobody labelled and no small shift explains.

    A pixel differs when its tone does not occur in the shifted template within 4 pixels; connected differences of 50
    pixels or more, farther than 6 pixels from every box, are marked.
    """
    reach = _round(_EXPLAINED)
    differs = np.zeros(pair.test.shape, dtype=np.uint8)
    for tone in (0, 1):
        known = cv2.dilate((pair.template == tone).astype(np.uint8), reach)
        differs |= ((pair.test == tone) & (known == 0)).astype(np.uint8)
    for box in boxes:
        differs[max(0, box.y0 - _GROWN) : box.y1 + _GROWN, max(0, box.x0 - _GROWN) : box.x1 + _GROWN] = 0
    _, parts, stats, _ = cv2.connectedComponentsWithStats(differs)
    large = np.asarray(stats[:, cv2.CC_STAT_AREA] >= _LARGE)
    large[0] = False
    return np.asarray(large[parts], dtype=bool)


def _brightest(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The largest channel of each pixel, uint8 [H, W]; many times faster than a reduction over the last axis."""
    red, green, blue = cv2.split(rgb)
    return np.maximum(np.maximum(red, green), blue)


def _shift(test: Tones, template: Tones) -> tuple[int, int]:
    """Pixels (x, y) by which the template lies off the test, in steps of two."""
    edge = _FAR // 2
    if min(test.shape) < 8 * _FAR:
        return 0, 0
    small, other = (
        cv2.resize(tones * 255, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for tones in (test, template)
    )
    inner = small[edge:-edge, edge:-edge]
    cost = cv2.matchTemplate(other, inner, cv2.TM_SQDIFF) / (255.0**2 * inner.size)
    rows, columns = np.mgrid[-edge : edge + 1, -edge : edge + 1][:, : cost.shape[0], : cost.shape[1]]
    best = int((cost + 1e-4 * np.hypot(rows, columns)).argmin())
    return 2 * int(columns.flat[best]), 2 * int(rows.flat[best])


def _moved(tones: Tones, shift: tuple[int, int]) -> Tones:
    if shift == (0, 0):
        return tones
    matrix = np.array([[1, 0, -shift[0]], [0, 1, -shift[1]]], dtype=np.float32)
    moved = cv2.warpAffine(tones, matrix, tones.shape[::-1], flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    return moved.astype(np.uint8, copy=False)


def _aligned(test: Tones, template: Tones, x0: int, y0: int) -> Tones:
    """The piece of the template that fits `test` best near (x0, y0)."""
    rows, columns = test.shape
    height, width = template.shape
    ys = np.clip(np.arange(y0 - _NEAR, y0 + rows + _NEAR), 0, height - 1)
    xs = np.clip(np.arange(x0 - _NEAR, x0 + columns + _NEAR), 0, width - 1)
    around = template[np.ix_(ys, xs)]
    cost = cv2.matchTemplate(around, test, cv2.TM_SQDIFF)
    away = np.hypot(*np.mgrid[-_NEAR : _NEAR + 1, -_NEAR : _NEAR + 1])
    y, x = np.unravel_index(int((cost + _SHIFT_COST * away).argmin()), cost.shape)
    return around[y : y + rows, x : x + columns]


def _changed(test: Mask, template: Mask, inside: Mask) -> NDArray[np.uint8]:
    """Pixels of one tone in the test that the template lacks, grown from those that it lacks nearby as well."""
    differs = (test & ~template & inside).astype(np.uint8)
    near = cv2.dilate(template.astype(np.uint8), _square(1))
    seeds = np.where(near == 0, differs, 0).astype(np.uint8)
    return np.where(cv2.dilate(seeds, _square(1), iterations=2) > 0, differs, 0).astype(np.uint8)


def _cleaned(mask: NDArray[np.uint8]) -> Mask:
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _square(1))
    _, parts, stats, _ = cv2.connectedComponentsWithStats(closed)
    areas = np.asarray(stats[:, cv2.CC_STAT_AREA])
    areas[0] = 0
    keep = (areas > 1) & (areas >= _SPECKS * areas.max())
    return np.asarray(keep[parts], dtype=bool)


def _square(radius: int) -> NDArray[np.uint8]:
    return np.ones((2 * radius + 1, 2 * radius + 1), dtype=np.uint8)


def _round(radius: int) -> NDArray[np.uint8]:
    side = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), dtype=np.uint8)
