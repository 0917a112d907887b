"""The rewritten network answers as the one that was trained."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from iad_unify.procedural import draw
from iad_unify.region_expert.config import ExpertConfig
from iad_unify.region_expert.decoder import CONTRAST_SCALES
from iad_unify.region_expert.export import folding
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


@pytest.mark.parametrize(
    "fold", [folding.folded, lambda expert: folding.folded(expert, channel_norms=True)], ids=["stem", "stem and norms"]
)
@pytest.mark.parametrize("side", [64, 256])
def test_the_folded_network_answers_as_the_trained_one(fold: Callable[[RegionExpert], RegionExpert], side: int) -> None:
    expert = lively(size=side)
    squares = pictures(side)
    with torch.inference_mode():
        ours, theirs = expert(squares), fold(expert)(squares)
    assert ours.logits.std() > 0.1
    agree(theirs.logits, ours.logits)
    agree(theirs.features, ours.features)


def test_with_a_template_too() -> None:
    expert = lively(size=64, template=True)
    squares = pictures(64)
    with torch.inference_mode():
        ours, theirs = expert(squares, squares.flip(0)), folding.folded(expert)(squares, squares.flip(0))
        alone = expert(squares)
    assert (ours.logits - alone.logits).abs().max() > 0.1
    agree(theirs.logits, ours.logits)


def test_the_trained_network_is_left_alone() -> None:
    expert = lively(size=64)
    before = {name: value.clone() for name, value in expert.state_dict().items()}
    folding.folded(expert, channel_norms=True)
    assert before.keys() == expert.state_dict().keys()
    assert all(torch.equal(value, before[name]) for name, value in expert.state_dict().items())


def test_folding_saves_more_than_half_of_the_first_convolution() -> None:
    expert = lively()
    old, new = (one.detail.stem.state_dict() for one in (expert, folding.folded(expert)))
    sizes = [next(value.shape[1] for value in state.values() if value.ndim == 4) for state in (old, new)]
    assert sizes == [240, 114]


@pytest.mark.parametrize(("scales", "complete"), [(CONTRAST_SCALES, True), ((4, 8, 24), True), ((4, 6), False)])
def test_other_scales_are_folded_only_where_the_basis_is_complete(
    scales: tuple[int, ...], complete: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "CONTRAST_SCALES", scales)
    assert folding.foldable() == complete
