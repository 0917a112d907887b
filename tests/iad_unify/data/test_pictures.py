"""Pictures of every kind a camera writes become RGB of 8 bits."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from iad_unify.data import pictures
from iad_unify.data.samples import DataError

COLOUR = np.dstack([np.full((9, 7), value, np.uint8) for value in (10, 20, 30)])  # BGR


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (COLOUR, (30, 20, 10)),
        (np.full((9, 7), 77, np.uint8), (77, 77, 77)),
        (np.full((9, 7), 0x8080, np.uint16), (128, 128, 128)),
        (COLOUR.astype(np.uint16) * 257, (30, 20, 10)),
        (np.dstack([COLOUR, np.full((9, 7), 5, np.uint8)]), (30, 20, 10)),
    ],
    ids=["colour", "grey", "grey 16 bits", "colour 16 bits", "alpha"],
)
def test_what_is_stored_comes_back_as_rgb(
    tmp_path: Path, stored: NDArray[np.generic], expected: tuple[int, int, int]
) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), stored)
    rgb = pictures.read_rgb(tmp_path / "x.png")
    assert rgb.shape == (9, 7, 3)
    assert rgb.dtype == np.uint8
    assert (rgb == expected).all()


@pytest.mark.parametrize("ones", [1, 255])
def test_a_mask_is_what_is_brighter_than_half_of_its_brightest(tmp_path: Path, ones: int) -> None:
    mask = np.zeros((9, 7), np.uint8)
    mask[2:4, 3] = ones
    cv2.imwrite(str(tmp_path / "m.png"), mask)
    assert (pictures.read_mask(tmp_path / "m.png", 7, 9) == (mask > 0)).all()
    with pytest.raises(DataError, match="7x9"):
        pictures.read_mask(tmp_path / "m.png", 9, 7)


def test_a_mask_of_class_numbers_is_all_that_is_not_0(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "m.png"), np.array([[0, 1, 7]], np.uint8))
    assert pictures.read_mask(tmp_path / "m.png", 3, 1).tolist() == [[False, True, True]]


def test_an_empty_mask_stays_empty(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "m.png"), np.zeros((9, 7), np.uint8))
    assert not pictures.read_mask(tmp_path / "m.png", 7, 9).any()


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_what_is_not_a_picture_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(DataError):
        pictures.read_rgb(tmp_path / "x.png")
