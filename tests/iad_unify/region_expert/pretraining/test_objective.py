"""The objective: who learns, who follows, and that the trivial answer does not pay."""

import copy

import pytest
import torch
from transformers import Dinov2Config, Dinov2Model, Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from iad_unify.region_expert.pretraining.objective import Distillation, Recipe, koleo, sinkhorn
from iad_unify.region_expert.pretraining.views import Views

SMALL = Recipe(prototypes=16, hidden=24, bottleneck=8)


def _model(registers: int) -> Distillation:
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 14, "image_size": 56}
    torch.manual_seed(0)
    if registers:
        config = Dinov2WithRegistersConfig(**sizes, num_register_tokens=registers)
        return Distillation(Dinov2WithRegistersModel(config), SMALL).train()
    return Distillation(Dinov2Model(Dinov2Config(**sizes)), SMALL).train()


def _views() -> Views:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.rand(8, 16, generator=generator) < 0.5
    return Views(torch.randn(8, 3, 56, 56, generator=generator), hidden)


@pytest.mark.parametrize("registers", [0, 3])
def test_gradients_reach_the_student_and_never_the_teacher(registers: int) -> None:
    model = _model(registers)
    model(_views()).total.backward()
    assert all(value.grad is None for value in (*model.teacher.parameters(), *model.teacher_head.parameters()))
    learning = {name for name, value in model.student.named_parameters() if value.grad is not None}
    assert {"embeddings.mask_token", "embeddings.position_embeddings", "embeddings.cls_token"} <= learning
    assert ("embeddings.register_tokens" in learning) == bool(registers)
    assert not model.teacher.training


def test_the_teacher_follows_the_student_by_its_momentum() -> None:
    model = _model(0)
    before = copy.deepcopy(model.teacher.state_dict())
    with torch.no_grad():
        for value in model.student.parameters():
            value.add_(1.0)
    model.follow(0.9)
    for name, value in model.teacher.state_dict().items():
        torch.testing.assert_close(value, before[name] + 0.1)


def test_a_few_steps_lower_both_losses() -> None:
    model, views = _model(0), _views()
    optimiser = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=3e-3)
    losses = []
    for _ in range(60):
        found = model(views)
        optimiser.zero_grad()
        found.total.backward()
        optimiser.step()
        losses.append((float(found.picture), float(found.patch)))
    assert losses[-1][0] < 0.8 * losses[0][0]
    assert losses[-1][1] < 0.8 * losses[0][1]


def test_balanced_scores_use_every_prototype_alike_and_sum_to_one() -> None:
    scores = torch.randn(64, 8, generator=torch.Generator().manual_seed(0)).tanh()
    scores[:, 3] += 0.5  # everybody's favourite
    balanced = sinkhorn(scores, 0.1, rounds=50)
    torch.testing.assert_close(balanced.sum(dim=1), torch.ones(64))
    torch.testing.assert_close(balanced.sum(dim=0), torch.full((8,), 8.0), rtol=1e-3, atol=1e-3)
    assert torch.isfinite(sinkhorn(torch.full((4, 8), 0.3), 0.01)).all()


def test_tokens_that_are_alike_cost_more_than_tokens_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    apart = torch.randn(8, 16, generator=generator)
    alike = apart[:1] + 0.01 * torch.randn(8, 16, generator=generator)
    assert koleo(alike) > koleo(apart) + 1
    same = torch.ones(4, 16, requires_grad=True)
    koleo(same).backward()
    assert same.grad is not None
    assert torch.isfinite(same.grad).all()
    assert float(koleo(apart[:1])) == 0
