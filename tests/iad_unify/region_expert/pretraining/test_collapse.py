"""Collapse is seen on features that say the same of everything, and not on those of a new backbone."""

import torch
from transformers import Dinov2Config, Dinov2Model

from iad_unify.region_expert.pretraining import collapse


def _model() -> Dinov2Model:
    torch.manual_seed(0)
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 14, "image_size": 56}
    return Dinov2Model(Dinov2Config(**sizes)).eval()


def test_a_new_backbone_is_not_collapsed() -> None:
    found = collapse.measure(_model(), torch.randn(12, 3, 56, 56, generator=torch.Generator().manual_seed(0)))
    assert not found.collapsed
    assert found.patch_rank > 5
    assert found.spread > 0.1


def test_a_backbone_that_says_the_same_of_everything_is_collapsed() -> None:
    model = _model()
    with torch.no_grad():
        model.embeddings.patch_embeddings.projection.weight.zero_()
        model.embeddings.position_embeddings.zero_()
    found = collapse.measure(model, torch.randn(12, 3, 56, 56))
    assert found.collapsed
    assert found.spread < 1e-3


def test_features_that_are_no_numbers_are_collapsed() -> None:
    assert collapse.Variety(float("nan"), float("nan"), float("nan")).collapsed


def test_the_effective_rank_counts_the_directions_in_use() -> None:
    generator = torch.Generator().manual_seed(0)
    even = torch.randn(4000, 6, generator=generator)
    assert 5.9 < collapse.rank(even) <= 6
    assert 2.9 < collapse.rank(torch.cat([even[:, :3], torch.zeros(4000, 3)], dim=1)) < 3.05
    assert collapse.rank(torch.ones(5, 6)) == 1
