"""The network with its norms rewritten answers as the one that was trained."""

import numpy as np
import pytest
import torch

from iad_unify.procedural import draw
from iad_unify.region_expert.config import ExpertConfig
from iad_unify.region_expert.export import norms
from iad_unify.region_expert.model import RegionExpert


def lively(**settings: object) -> RegionExpert:
    """Random weights, and norms that do something."""
    torch.manual_seed(0)
    expert = RegionExpert(ExpertConfig(widths=(8, 16, 16, 16), **settings)).eval()  # type: ignore[arg-type]
    for module in expert.modules():
        if isinstance(module, torch.nn.GroupNorm):
            torch.nn.init.normal_(module.weight, 1, 0.3)
            torch.nn.init.normal_(module.bias, 0, 0.3)
    torch.nn.init.constant_(expert.decoder.gated.gate, 0.5)
    expert.decoder.anomaly.weight.data *= 12
    return expert


def pictures(side: int) -> torch.Tensor:
    """Noise, which shows the borders of the picture and of the cells, and a drawing."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
    return torch.from_numpy(np.stack([noise, draw("fabric", rng, size=side).image]))


def agree(found: torch.Tensor, expected: torch.Tensor) -> None:
    """To a few roundings of float32 at the largest value."""
    torch.testing.assert_close(found, expected, rtol=0, atol=5e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("side", [64, 256])
def test_a_network_with_channel_norms_answers_as_the_trained_one(side: int) -> None:
    expert = lively(size=side)
    squares = pictures(side)
    with torch.inference_mode():
        ours, theirs = expert(squares), norms.with_channel_norms(expert)(squares)
    assert ours.logits.std() > 0.1
    agree(theirs.logits, ours.logits)
    agree(theirs.features, ours.features)


def test_with_a_template_too() -> None:
    expert = lively(size=64, template=True)
    squares = pictures(64)
    with torch.inference_mode():
        ours, theirs = expert(squares, squares.flip(0)), norms.with_channel_norms(expert)(squares, squares.flip(0))
        alone = expert(squares)
    assert (ours.logits - alone.logits).abs().max() > 0.1
    agree(theirs.logits, ours.logits)


def test_the_trained_network_is_left_alone() -> None:
    expert = lively(size=64)
    before = {name: value.clone() for name, value in expert.state_dict().items()}
    norms.with_channel_norms(expert)
    assert before.keys() == expert.state_dict().keys()
    assert all(torch.equal(value, before[name]) for name, value in expert.state_dict().items())
