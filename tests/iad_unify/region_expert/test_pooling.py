"""What goes into a region token."""

import numpy as np
import pytest
import torch

from iad_unify.region_expert.pooling import pool, shape_numbers


def _mask(x: int, y: int, w: int, h: int) -> torch.Tensor:
    mask = torch.zeros(256, 256)
    mask[y : y + h, x : x + w] = 1
    return mask


def test_the_first_row_is_the_mean_inside_and_the_second_the_mean_around() -> None:
    features = torch.zeros(1, 3, 64, 64)
    features[0, 0] = 5.0
    features[0, :, 10:14, 10:14] = 1.0
    rows = pool(features, _mask(40, 40, 16, 16)[None], torch.tensor([0]), torch.ones(1, 256, 256))
    assert rows[0, 0].tolist() == pytest.approx([1, 1, 1], abs=1e-4)
    assert rows[0, 1].tolist() == pytest.approx([5, 0, 0], abs=1e-4)


def test_each_region_takes_the_features_of_its_own_picture() -> None:
    features = torch.stack([torch.full((2, 64, 64), 1.0), torch.full((2, 64, 64), 2.0)])
    masks = torch.stack([_mask(8, 8, 8, 8), _mask(8, 8, 8, 8)])
    rows = pool(features, masks, torch.tensor([1, 0]), torch.ones(2, 256, 256))
    assert rows[:, 0, 0].tolist() == pytest.approx([2.0, 1.0], abs=1e-4)


def test_the_padding_never_enters_a_ring() -> None:
    features = torch.zeros(1, 1, 64, 64)
    features[:, :, :, :16] = 100.0
    content = torch.ones(1, 256, 256)
    content[:, :, :64] = 0
    rows = pool(features, _mask(64, 100, 12, 12)[None], torch.tensor([0]), content)
    assert float(rows[0, 1, 0]) == pytest.approx(0.0, abs=1e-4)


def test_a_region_that_fills_the_frame_has_finite_rows() -> None:
    rows = pool(torch.ones(1, 2, 64, 64), torch.ones(1, 256, 256), torch.tensor([0]), torch.ones(1, 256, 256))
    assert rows.isfinite().all()
    assert rows[0, 1].tolist() == pytest.approx([1, 1], abs=1e-4)


def test_shape_numbers_tell_a_line_from_a_blob_at_any_angle() -> None:
    diagonal = torch.eye(256)
    numbers = shape_numbers(torch.stack([_mask(50, 50, 40, 1), diagonal, _mask(50, 50, 20, 20)]))
    assert numbers.isfinite().all()
    assert numbers[0, :3].tolist() == pytest.approx([np.log(40), 0, np.log(40)], abs=1e-5)
    assert numbers[0, 4] > 2
    assert numbers[1, 4] > 2
    assert abs(float(numbers[2, 4])) < 1e-3
    assert float(numbers[2, 3]) == pytest.approx(1.0)
