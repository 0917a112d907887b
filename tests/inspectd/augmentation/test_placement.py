"""A placed defect is a shape like the confirmed one, wholly inside the frame."""

import numpy as np
import pytest

from inspectd.augmentation.placement import LEAST_PIXELS, place


def blob(width: int, height: int, x: int, y: int, w: int, h: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[y : y + h, x : x + w] = True
    return mask


@pytest.mark.parametrize(
    ("source", "width", "height"),
    [
        (blob(320, 240, 40, 30, 60, 12), 320, 240),
        (blob(320, 240, 0, 0, 20, 20), 320, 240),
        (blob(320, 240, 300, 220, 20, 20), 640, 480),
        (blob(1280, 720, 600, 300, 3, 1), 256, 256),
        (blob(64, 64, 0, 0, 64, 64), 64, 64),
    ],
)
def test_every_placement_has_pixels_and_keeps_its_size(source: np.ndarray, width: int, height: int) -> None:
    rng = np.random.default_rng(0)
    share = source.mean()
    for _ in range(40):
        placed = place(source, width, height, rng)
        assert placed.shape == (height, width)
        assert placed.sum() >= min(LEAST_PIXELS, width * height)
        assert placed.mean() <= max(2.5 * share, 40 / (width * height))


def test_placements_vary_and_repeat_with_the_seed() -> None:
    source = blob(320, 240, 100, 100, 40, 10)
    first = [place(source, 320, 240, np.random.default_rng(seed)) for seed in range(4)]
    again = [place(source, 320, 240, np.random.default_rng(seed)) for seed in range(4)]
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert not (first[0] == first[1]).all()


def test_an_empty_mask_has_no_place() -> None:
    with pytest.raises(ValueError, match="empty"):
        place(np.zeros((10, 10), bool), 10, 10, np.random.default_rng(0))
