"""Views of pictures: what is shown and what is hidden."""

import numpy as np
import pytest
import torch

from iad_unify.region_expert.pretraining import frames, views


class _Ramp:
    """Pictures of 90 x 60 pixels whose red is the row and whose green is the column."""

    def next(self, rng: np.random.Generator) -> frames.Frame:
        rows, columns = np.mgrid[:60, :90]
        return frames.Frame(np.stack([rows, columns, np.zeros_like(rows)], axis=2).astype(np.uint8))


@pytest.mark.parametrize(("side", "patch"), [(64, 16), (56, 14), (128, 8), (32, 16)])
def test_there_are_two_views_of_each_picture_and_some_patches_of_each_are_hidden(side: int, patch: int) -> None:
    made = views.make(_Ramp(), 3, side, patch, np.random.default_rng(0))
    assert made.pixels.shape == (6, 3, side, side)
    assert made.pixels.dtype == torch.float32
    assert made.hidden.shape == (6, (side // patch) ** 2)
    hidden = made.hidden.float().mean(dim=1)
    assert ((hidden > 0) & (hidden < 1)).all()
    assert (hidden <= 0.6 + 1 / made.hidden.shape[1]).all()


def test_equal_chance_makes_equal_views_and_other_chance_others() -> None:
    first, again, other = (views.make(_Ramp(), 2, 64, 16, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.pixels, again.pixels)
    assert torch.equal(first.hidden, again.hidden)
    assert not torch.equal(first.pixels, other.pixels)


def test_the_middle_of_a_small_picture_is_enlarged_and_of_a_large_one_cut() -> None:
    rgb = np.zeros((40, 100, 3), np.uint8)
    rgb[:, 30:70] = 200
    assert (views.middle(rgb, 64) == 200).all()
    assert views.middle(rgb, 20).shape == (20, 20, 3)


def test_pixels_are_normalised_as_dinov2_takes_them() -> None:
    grey = views.normalised(np.full((1, 4, 4, 3), 127, np.uint8))
    expected = (127 / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(grey[0, :, 0, 0], expected)
