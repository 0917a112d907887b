"""Regions as outlines, and drawn over a picture for people. Knows no page and no terminal."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.masks import Rle, decode_window
from inspectd.records import Mask, Region

#: RGB of regions, by number; distinct on grey metal, green boards and dark cloth alike.
COLOURS: tuple[tuple[int, int, int], ...] = ((255, 93, 93), (255, 196, 61), (77, 208, 255), (190, 140, 255))
#: Contours with less area than this many square pixels are not simplified, so that a hairline keeps its shape.
_SMALL = 64.0


def colour_of(number: int) -> tuple[int, int, int]:
    """RGB of region `number` (from 1)."""
    return COLOURS[(number - 1) % len(COLOURS)]


def outlines(mask: Mask) -> list[NDArray[np.int32]]:
    """Closed polygons int32 [N, 2] (x, y) along the mask's border pixels, outer and inner, in pixels of the frame.

    Raises iad_unify.masks.MaskError for damaged counts.
    """
    window, x, y = decode_window(Rle(mask.width, mask.height, mask.counts))
    if window.size == 0:
        return []
    # A border of zeros, so that a mask at the window's edge is closed there.
    padded = np.pad(window.astype(np.uint8), 1)
    found, _ = cv2.findContours(padded, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    polygons = []
    for contour in found:
        tolerance = 0.5 if cv2.contourArea(contour) >= _SMALL else 0.0
        simple = cv2.approxPolyDP(contour, tolerance, True) if tolerance else contour
        polygons.append((simple.reshape(-1, 2) + np.array([x - 1, y - 1])).astype(np.int32))
    return polygons


def draw(picture: NDArray[np.uint8], regions: Sequence[Region], threshold: float) -> NDArray[np.uint8]:
    """uint8 [H, W, 3] RGB in and out (a copy): regions tinted and outlined; those under the threshold only outlined."""
    drawn = picture.copy()
    thickness = max(1, round(max(picture.shape[:2]) / 640))
    for region in reversed(regions):  # the strongest ends up on top
        colour = colour_of(region.number)
        polygons = outlines(region.mask)
        if region.score >= threshold:
            tinted = drawn.copy()
            cv2.fillPoly(tinted, polygons, colour)
            drawn = cv2.addWeighted(tinted, 0.35, drawn, 0.65, 0.0).astype(np.uint8, copy=False)
        cv2.polylines(drawn, polygons, True, colour, thickness, cv2.LINE_AA)
        x, y = int(region.box[0]), int(region.box[1])
        label = f"{region.number} {region.defect_type.replace('_', ' ')} {region.score:.2f}"
        size = 0.4 * thickness + 0.1
        anchor = (max(0, x), max(14 * thickness, y - 4 * thickness))
        cv2.putText(drawn, label, anchor, cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), 3 * thickness, cv2.LINE_AA)
        cv2.putText(drawn, label, anchor, cv2.FONT_HERSHEY_SIMPLEX, size, colour, thickness, cv2.LINE_AA)
    return drawn
