"""Labels from masks, boxes and templates."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from iad_unify.data import truth
from iad_unify.data.samples import Box, DataError, Sample
from iad_unify.data.truth import IGNORED, UNTYPED

TYPES = {"spur": 0, "open": 1}


def _written(path: Path, picture: NDArray[np.uint8]) -> Path:
    cv2.imwrite(str(path), picture)
    return path


def _board() -> NDArray[np.uint8]:
    """Dark tracks on a bright board."""
    board = np.full((400, 420), 255, np.uint8)
    board[100:112, :] = 0
    board[:, 200:212] = 0
    cv2.circle(board, (320, 300), 30, 0, -1)
    return board


def test_a_mask_has_the_label_of_its_type(tmp_path: Path) -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[3:6, 7:9] = 255
    mask[30:32, 40:44] = 255
    image = _written(tmp_path / "a.png", np.full((40, 50), 90, np.uint8))
    sample = Sample(image, _written(tmp_path / "m.png", mask), "open", "g")
    assert (truth.labels(sample, TYPES) == np.where(mask > 0, 2, 0)).all()
    assert (truth.labels(sample, {}) == np.where(mask > 0, UNTYPED, 0)).all()
    assert truth.ignored(sample) is None
    assert truth.boxes_of(sample) == (Box(7, 3, 9, 6, "open"), Box(40, 30, 44, 32, "open"))


def test_a_good_picture_is_good_everywhere(tmp_path: Path) -> None:
    sample = Sample(_written(tmp_path / "a.png", np.full((40, 50), 90, np.uint8)), None, None, "g")
    assert not truth.labels(sample, TYPES).any()
    assert truth.boxes_of(sample) == ()
    assert truth.defects(sample) == []


def test_a_defect_of_unknown_place_leaves_every_pixel_open(tmp_path: Path) -> None:
    sample = Sample(_written(tmp_path / "a.png", np.full((40, 50), 90, np.uint8)), None, "open", "g")
    assert (truth.labels(sample, TYPES) == IGNORED).all()
    assert truth.defects(sample) == []


def test_boxes_without_a_template_are_filled_and_the_smaller_is_on_top(tmp_path: Path) -> None:
    image = _written(tmp_path / "a.png", np.full((40, 50), 90, np.uint8))
    boxes = (Box(10, 10, 12, 13, "spur"), Box(5, 5, 30, 20, "open"))
    labels = truth.labels(Sample(image, None, None, "g", boxes), TYPES)
    assert (labels[10:13, 10:12] == 1).all()
    assert np.count_nonzero(labels == 2) == 25 * 15 - 6
    assert np.count_nonzero(labels) == 25 * 15


def test_a_box_that_leaves_the_picture_is_refused(tmp_path: Path) -> None:
    image = _written(tmp_path / "a.png", np.full((40, 50), 90, np.uint8))
    with pytest.raises(DataError, match="50x40"):
        truth.labels(Sample(image, None, None, "g", (Box(10, 10, 51, 13, "spur"),)), TYPES)


@pytest.mark.parametrize("shift", [(0, 0), (2, 1), (13, -9)])
def test_with_a_template_a_defect_has_the_shape_of_the_difference(tmp_path: Path, shift: tuple[int, int]) -> None:
    template = _written(tmp_path / "t.png", _board())
    test = np.roll(_board(), shift, axis=(0, 1))
    y, x = 100 + shift[0], 200 + shift[1]
    test[y + 12 : y + 20, 300:305] = 0  # a spur below the track
    test[300:307, x : x + 12] = 255  # the other track is open
    boxes = (Box(292, y, 313, y + 30, "spur"), Box(x - 10, 290, x + 22, 317, "open"), Box(30, 200, 50, 220, "spur"))
    sample = Sample(_written(tmp_path / "a.png", test), None, None, "g", boxes, template)
    (_, spur), (_, opened), (_, nothing) = truth.defects(sample)
    assert truth.tight(spur) == (300, y + 12, 305, y + 20)
    assert truth.tight(opened) == (x, 300, x + 12, 307)
    assert truth.tight(nothing) == (35, 205, 45, 215)  # the ellipse in its middle
    labels = truth.labels(sample, TYPES)
    assert set(np.unique(labels)) <= {0, 1, 2, IGNORED}
    assert truth.boxes_of(sample) == boxes


def test_a_large_difference_that_no_box_covers_is_ignored(tmp_path: Path) -> None:
    test = _board()
    test[250:270, 60:80] = 0
    boxes = (Box(300, 20, 310, 30, "spur"),)
    sample = Sample(
        _written(tmp_path / "a.png", test), None, "spur", "g", boxes, _written(tmp_path / "t.png", _board())
    )
    unknown = truth.ignored(sample)
    assert unknown is not None
    assert truth.tight(unknown) == (60, 250, 80, 270)
    assert (truth.labels(sample, TYPES)[255:265, 65:75] == IGNORED).all()


def test_a_template_of_another_size_is_refused(tmp_path: Path) -> None:
    image = _written(tmp_path / "a.png", np.full((40, 50), 90, np.uint8))
    template = _written(tmp_path / "t.png", np.full((40, 51), 90, np.uint8))
    with pytest.raises(DataError, match="another size"):
        truth.labels(Sample(image, None, None, "g", (Box(1, 1, 9, 9, "spur"),), template), TYPES)
