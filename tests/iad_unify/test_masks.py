"""Run-length masks against pycocotools."""

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as reference

from iad_unify import masks
from iad_unify.masks import MaskError, Rle


def _random_masks() -> list[NDArray[np.bool_]]:
    rng = np.random.default_rng(7)
    made = [np.zeros((5, 7), bool), np.ones((5, 7), bool), np.ones((1, 1), bool), np.zeros((1, 1), bool)]
    for density in (0.02, 0.3, 0.5, 0.9):
        for _ in range(15):
            made.append(rng.random((int(rng.integers(1, 60)), int(rng.integers(1, 60)))) < density)
    blob = np.zeros((480, 640), bool)
    blob[100:300, 200:500] = True
    tall = np.zeros((480, 640), bool)
    tall[:, 17:40] = True  # whole columns: one run goes over their ends
    return [*made, blob, tall]


@pytest.mark.parametrize("mask", _random_masks())
def test_the_strings_are_those_of_pycocotools(mask: NDArray[np.bool_]) -> None:
    expected = reference.encode(np.asfortranarray(mask.astype(np.uint8)))
    rle = masks.encode(mask)
    assert rle.counts == expected["counts"].decode()
    assert (masks.decode(rle) == mask).all()
    assert masks.area(rle) == int(reference.area(expected))
    if mask.any():
        assert masks.bounding_box(rle) == tuple(int(v) for v in reference.toBbox(expected))


def test_a_window_encodes_as_the_whole_frame_would() -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        height, width = (int(v) for v in rng.integers(1, 40, 2))
        y0, x0 = int(rng.integers(0, height)), int(rng.integers(0, width))
        rows, columns = int(rng.integers(0, height - y0 + 1)), int(rng.integers(0, width - x0 + 1))
        frame = np.zeros((height, width), bool)
        frame[y0 : y0 + rows, x0 : x0 + columns] = rng.random((rows, columns)) < 0.6
        window = frame[y0 : y0 + rows, x0 : x0 + columns]
        assert masks.encode_window(window, x0, y0, width, height) == masks.encode(frame)
        cut, x, y = masks.decode_window(masks.encode(frame))
        assert (frame[y : y + cut.shape[0], x : x + cut.shape[1]] == cut).all()
        assert cut.sum() == frame.sum()


def test_a_window_outside_the_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="not inside"):
        masks.encode_window(np.ones((3, 3), bool), 8, 0, 10, 10)


@pytest.mark.parametrize("counts", ["", "a", "zz", "0 0", "T3\u00e9", "oooooooooooooooo", "13"])
def test_damaged_counts_are_refused(counts: str) -> None:
    with pytest.raises(MaskError):
        masks.decode(Rle(4, 4, counts))
    with pytest.raises(MaskError):
        masks.bounding_box(Rle(4, 4, counts))
