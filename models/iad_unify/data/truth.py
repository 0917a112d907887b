"""The truth of a sample as pixels: whatever it has — a mask, boxes with or without a template — becomes labels.

Everything is in pixels of the original picture.
"""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.data import pictures
from iad_unify.data.samples import Box, DataError, Sample
from iad_unify.data.template import Pair, difference, unexplained
from iad_unify.types import UNKNOWN

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

#: Label of a pixel without a defect; 1 + index is a type.
GOOD = 0
#: Label of a pixel of an anomaly that was made up and is of no type.
MADE_UP = 253
#: Label of a pixel that nobody can tell: neither training nor evaluation should count it.
IGNORED = 254
#: Label of an anomalous pixel whose type nobody knows.
UNTYPED = 255
#: Parts of a mask nearer than this (pixels) share a box.
_GAP = 5


def labels(sample: Sample, type_index: Mapping[str, int], picture: Image | None = None) -> NDArray[np.uint8]:
    """A uint8 [H, W]: GOOD, 1 + index of the type (`type_index` counts from 0), UNTYPED for a type it lacks, IGNORED.

    IGNORED is what `ignored` says. Where defects overlap, the smaller one is on top. `picture` uint8 [H, W, 3] saves
    reading `sample.image` again. Raises DataError when a file cannot be read or has another size.
    """
    rgb = pictures.read_rgb(sample.image) if picture is None else picture
    pair = _pair(sample, rgb)
    found = _defects(sample, rgb, pair)
    out = np.full(rgb.shape[:2], GOOD, dtype=np.uint8)
    unknown = _ignored(sample, rgb, pair)
    if unknown is not None:
        out[unknown] = IGNORED
    for name, mask in sorted(found, key=lambda defect: -np.count_nonzero(defect[1])):
        out[mask] = 1 + type_index[name] if name in type_index and name != UNKNOWN else UNTYPED
    return out


def defects(sample: Sample, picture: Image | None = None) -> list[tuple[str, Mask]]:
    """The type and the mask bool [H, W] of each defect: one for a mask file, one for each box, in its order.

    A defect in a box takes the shape of what differs from the template; an ellipse of half the box's size in its
    middle where nothing does; the whole box where there is no template. Raises as `labels`.
    """
    rgb = pictures.read_rgb(sample.image) if picture is None else picture
    return _defects(sample, rgb, _pair(sample, rgb))


def ignored(sample: Sample, picture: Image | None = None) -> Mask | None:
    """A bool [H, W]: where the truth is unknown; None where it is known everywhere.

    That is the whole picture when only the type of its defect is known, and with a template every large difference
    that no box covers and no shift explains (see `template.unexplained`). Raises as `labels`.
    """
    rgb = pictures.read_rgb(sample.image) if picture is None else picture
    return _ignored(sample, rgb, _pair(sample, rgb))


def boxes_of(sample: Sample) -> tuple[Box, ...]:
    """The boxes that the sample gives, else the tight boxes of its mask's parts, from top to bottom.

    Given boxes are as loose as whoever drew them; `tight(mask)` of `defects` is not. Parts of a mask nearer than 5
    pixels share a box. Empty for a good picture and for a defective one without mask. Raises as `labels`.
    """
    if sample.boxes or sample.mask is None or sample.defect_type is None:
        return sample.boxes
    height, width = pictures.read_rgb(sample.image).shape[:2]
    mask = pictures.read_mask(sample.mask, width, height).astype(np.uint8)
    joined = cv2.dilate(mask, np.ones((_GAP, _GAP), dtype=np.uint8))
    count, parts = cv2.connectedComponents(joined)
    tights = (tight((parts == part) & (mask > 0)) for part in range(1, count))
    return tuple(Box(*corners, sample.defect_type) for corners in tights if corners is not None)


def tight(mask: Mask) -> tuple[int, int, int, int] | None:
    """The smallest (x0, y0, x1, y1) around the true pixels, right and bottom exclusive; None when there are none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _pair(sample: Sample, rgb: Image) -> Pair | None:
    if sample.template is None or not sample.boxes:
        return None
    template = pictures.read_rgb(sample.template)
    if template.shape != rgb.shape:
        raise DataError(sample.template, f"a template of another size than {sample.image.name}")
    return Pair.of(rgb, template)


def _defects(sample: Sample, rgb: Image, pair: Pair | None) -> list[tuple[str, Mask]]:
    height, width = rgb.shape[:2]
    if sample.mask is not None and sample.defect_type is not None:
        return [(sample.defect_type, pictures.read_mask(sample.mask, width, height))]
    found = []
    for box in sample.boxes:
        if box.x1 > width or box.y1 > height:
            raise DataError(sample.image, f"is {width}x{height} and has a box that ends at ({box.x1}, {box.y1})")
        found.append((box.defect_type, _inside(box, height, width, pair)))
    return found


def _inside(box: Box, height: int, width: int, pair: Pair | None) -> Mask:
    if pair is None:
        filled = np.zeros((height, width), dtype=bool)
        filled[box.y0 : box.y1, box.x0 : box.x1] = True
        return filled
    mask = difference(pair, box)
    return mask if mask.any() else _middle(box, height, width)


def _middle(box: Box, height: int, width: int) -> Mask:
    """An ellipse with half the box's sides: boxes are drawn with some room around the defect."""
    rows, columns = np.ogrid[:height, :width]
    y = (rows - (box.y0 + box.y1 - 1) / 2) / max(0.75, (box.y1 - box.y0) / 4)
    x = (columns - (box.x0 + box.x1 - 1) / 2) / max(0.75, (box.x1 - box.x0) / 4)
    return np.asarray(x * x + y * y <= 1)


def _ignored(sample: Sample, rgb: Image, pair: Pair | None) -> Mask | None:
    if not sample.good and sample.mask is None and not sample.boxes:
        return np.ones(rgb.shape[:2], dtype=bool)
    unknown = unexplained(pair, sample.boxes) if pair is not None else None
    return unknown if unknown is not None and unknown.any() else None
