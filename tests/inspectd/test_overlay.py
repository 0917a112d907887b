"""Outlines of masks, and masks drawn over a picture."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.line import region_of

from iad_unify import masks
from inspectd.overlay import draw, outlines
from inspectd.records import Mask


def encoded(mask: NDArray[np.bool_]) -> Mask:
    rle = masks.encode(mask)
    return Mask(rle.width, rle.height, rle.counts)


def filled(mask: Mask) -> NDArray[np.bool_]:
    canvas = np.zeros((mask.height, mask.width), np.uint8)
    cv2.fillPoly(canvas, outlines(mask), 1)
    return canvas.astype(bool)


@pytest.mark.parametrize("place", [(0, 0, 5, 4), (15, 16, 5, 4), (3, 2, 10, 12), (7, 0, 1, 20), (4, 4, 1, 1)])
def test_an_outline_filled_again_is_the_mask_also_at_the_frames_edge(place: tuple[int, int, int, int]) -> None:
    x, y, w, h = place
    mask = np.zeros((20, 20), bool)
    mask[y : y + h, x : x + w] = True
    assert (filled(encoded(mask)) == mask).all()


def test_a_round_mask_is_outlined_within_a_pixel() -> None:
    rows, columns = np.mgrid[:200, :300]
    mask = (rows - 100) ** 2 + (columns - 150) ** 2 < 60**2
    (polygon,) = outlines(encoded(mask))
    assert len(polygon) < 120
    wrong = filled(encoded(mask)) ^ mask
    assert not cv2.erode(wrong.astype(np.uint8), np.ones((3, 3), np.uint8)).any()


def test_a_mask_with_a_hole_has_two_outlines() -> None:
    mask = np.zeros((40, 40), bool)
    mask[5:35, 5:35] = True
    mask[15:25, 15:25] = False
    assert len(outlines(encoded(mask))) == 2


def test_an_empty_mask_has_no_outline() -> None:
    assert outlines(encoded(np.zeros((8, 8), bool))) == []


def test_a_drawing_changes_a_copy_where_the_region_is() -> None:
    picture = np.full((120, 160, 3), 128, np.uint8)
    mask = np.zeros((120, 160), bool)
    mask[40:80, 60:100] = True
    strong, weak = draw(picture, [region_of(mask, 0.9)], 0.5), draw(picture, [region_of(mask, 0.4)], 0.5)
    assert (picture == 128).all()
    assert (strong[60, 80] != 128).any()
    assert (weak[60, 80] == 128).all()  # below the threshold: an outline only
    assert (weak[40, 60:100] != 128).any()
    assert (strong[100:, 120:] == 128).all()
