"""Known defects on other parts: one is cut out of its picture and put onto a good picture of another part.

Where only a few parts show a kind of defect, a network learns those parts by heart. Copied from part to part, after
Ghiasi et al. 2021 (arXiv 2012.07177, copy and paste for instance segmentation), the defect is all that its pictures have in
common. It knows no model and no loss.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.data.truth import MADE_UP
from iad_unify.region_expert.squares import Labelled

#: Pixels around a defect that its part's own grey is taken from.
_RING_PX = 6
#: Softness of the edge of what is put on (sigma): pixels, and more of them by this share of its size.
_FEATHER_PX, _FEATHER_SHARE = 1.0, 0.03
#: A defect that covers more than the first share of the square is a state of its whole part and stays there; a piece of a
#: good picture that covers more than the second would look like one.
_LARGEST, _LARGEST_PIECE = 0.1, 0.02
#: Spread (of the logarithm) of the scale.
_SPREAD = 0.25

Plane = NDArray[np.bool_]


def transplanted(good: Labelled, donor: Labelled, rng: np.random.Generator) -> Labelled | None:
    """`good` with a defect of `donor`, mirrored and scaled by chance; None when it is too large or does not fit.

    What is carried over is how the defect differs from its surroundings, so that it takes the new part's light.
    """
    found = [label for label in np.unique(donor.labels) if label not in (0, MADE_UP)]
    if not found:
        return None
    label = int(rng.choice(found))
    mask = donor.labels == label
    if mask.mean() > _LARGEST:
        return None
    put = _put(good, donor, mask, donor.labels > 0, rng)
    if put is None:
        return None
    rgb, there = put
    labels = np.where(there, np.uint8(label), np.uint8(0))
    return replace(good, rgb=rgb, labels=labels, clean=good.rgb, boxes=None)


def patched(good: Labelled, other: Labelled, shape: Labelled, rng: np.random.Generator) -> Labelled | None:
    """`good` with a piece of the good picture `other`, of the shape of a defect of `shape`; None when it does not fit.

    It is good all the same: without such pictures the seams would be learnt instead of the defects.
    """
    mask = (shape.labels > 0) & other.content
    put = _put(good, other, mask, mask, rng) if 0 < mask.mean() <= _LARGEST_PIECE else None
    return None if put is None else replace(good, rgb=put[0])


def _put(
    good: Labelled, donor: Labelled, mask: Plane, defective: Plane, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Plane] | None:
    """The picture with what lies under `mask` in `donor`, and where it came to lie."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    side, size = mask.shape[0], float(np.sqrt(np.count_nonzero(mask)))
    area = (
        slice(max(0, y - _RING_PX), min(side, y + height + _RING_PX)),
        slice(max(0, x - _RING_PX), min(side, x + width + _RING_PX)),
    )
    ring = donor.content[area] & ~defective[area]
    if not ring.any():
        return None
    piece = donor.rgb[area].astype(np.float32) - np.median(donor.rgb[area][ring], axis=0).astype(np.float32)
    piece, cut = _mirrored(piece, mask[area], rng)
    rows, columns = cut.shape
    if rows > side or columns > side or not cut.any():
        return None
    top, left = (int(rng.integers(side - length + 1)) for length in (rows, columns))
    here = slice(top, top + rows), slice(left, left + columns)
    there = np.zeros((side, side), bool)
    there[here] = cut & good.content[here]
    if np.count_nonzero(there) < np.count_nonzero(cut) // 2:
        return None
    edge = _FEATHER_PX + _FEATHER_SHARE * size
    alpha = cv2.GaussianBlur(cv2.dilate(cut.view(np.uint8), np.ones((3, 3), np.uint8)) * 1.0, (0, 0), edge)
    rgb = good.rgb.copy()
    mixed = rgb[here] + piece * alpha[:, :, None] * good.content[here][:, :, None]
    rgb[here] = np.clip(mixed, 0, 255).round().astype(np.uint8)
    return rgb, there


def _mirrored(
    piece: NDArray[np.float32], mask: Plane, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Never by a quarter turn: a ground surface has a grain."""
    down, across = rng.random() < 0.5, rng.random() < 0.5
    scale = float(np.exp(rng.normal(0, _SPREAD))) if rng.random() < 0.5 else 1.0
    step = slice(None, None, -1 if down else 1), slice(None, None, -1 if across else 1)
    size = max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale))
    large = cv2.resize(np.ascontiguousarray(piece[step]), size, interpolation=cv2.INTER_LINEAR)
    small = cv2.resize(np.ascontiguousarray(mask[step]).view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, np.float32), small > 0
