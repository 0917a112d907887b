"""A golden template is brought onto the picture, and what still differs is seen."""

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from iad_unify.region_expert.config import ExpertConfig
from iad_unify.region_expert.model import create
from iad_unify.region_expert.template import TemplateDifference, align


def texture(size: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3).astype(np.uint8)


@pytest.mark.parametrize("size", [64, 256, 640])
@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (-3, 2), (0.05, -0.06), (-0.04, 0.02)])
def test_a_shifted_template_is_brought_back(size: int, shift: tuple[float, float]) -> None:
    dx, dy = (round(part * size) if 0 < abs(part) < 1 else int(part) for part in shift)
    margin = 50
    wide = texture(size + 2 * margin)
    picture = np.ascontiguousarray(wide[margin : margin + size, margin : margin + size])
    template = np.ascontiguousarray(wide[margin + dy : margin + dy + size, margin + dx : margin + dx + size])
    aligned = align(template, picture)
    inner = slice(size // 8, -size // 8)
    assert np.array_equal(aligned[inner, inner], picture[inner, inner])


def test_a_template_beyond_reach_or_of_another_thing_stays_where_it_was() -> None:
    picture = np.full((256, 256, 3), 90, np.uint8)
    assert align(picture + 20, picture) is not None
    np.testing.assert_array_equal(align(picture + 20, picture), picture + 20)


def test_an_edge_that_moved_is_no_tolerant_difference_and_a_missing_part_is() -> None:
    template = torch.zeros(1, 3, 64, 64)
    template[..., 20:40] = 1.0
    moved = torch.roll(template, 2, dims=3)
    missing = template.clone()
    missing[..., 30:36, 20:40] = 0.0
    for picture, outside in ((moved, 0.0), (missing, 1.0)):
        channels = TemplateDifference()(picture, template)
        assert channels.shape == (1, 9, 64, 64)
        assert channels[:, 6:].abs().max() == outside
    assert (channels[:, 6:].abs() > 0).any(dim=1)[0, 30:36, 24:36].all()


def test_a_row_without_template_is_answered_as_if_there_were_none() -> None:
    torch.manual_seed(0)
    expert = create(ExpertConfig(template=True, boxes=True)).eval()
    pictures = torch.randint(0, 256, (2, 256, 256, 3), dtype=torch.uint8)
    with torch.inference_mode():
        alone = expert(pictures).logits
        mixed = expert(pictures, pictures.flip(2), torch.tensor([0.0, 1.0])).logits
    torch.testing.assert_close(mixed[0], alone[0], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(mixed[1], alone[1], atol=1e-3)
