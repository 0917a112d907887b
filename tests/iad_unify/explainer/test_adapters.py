"""LoRA and gradient checkpointing: what learns, what is saved, and that neither changes what is computed."""

import copy

import numpy as np
import pytest
import torch

from iad_unify.catalog import APPEARANCE_ROWS
from iad_unify.explainer import adapters
from iad_unify.explainer.prompt import Question
from iad_unify.explainer.training import Example, Schedule, Trainer, answer_loss


def supply(rng, count, progress=1.0):
    return [
        Example(
            Question("Where?", rng.normal(size=(1, APPEARANCE_ROWS, 64)), rng.uniform(0.1, 0.9, (1, 5))),
            "left" if rng.random() < 0.5 else "right",
        )
        for _ in range(count)
    ]


@pytest.fixture
def adapted(parts):
    model = copy.deepcopy(parts[0])
    adapters.add(model, 4)
    return model


def batch_of(writer):
    examples = supply(np.random.default_rng(0), 3)
    rows = [(writer.ids("Where?", 1), writer.answer_ids(one.answer)) for one in examples]
    return writer.training_batch([one.question for one in examples], rows)


def test_the_adapter_and_the_projection_learn_and_nothing_else(adapted, writer):
    trainer = Trainer(adapted, writer, supply, Schedule(minutes=0, steps=2, batch=4, warmup_steps=1, half=False), False)
    before = {name: weight.detach().clone() for name, weight in adapted.named_parameters()}
    trainer.run(lambda done, share: None, lambda: None)
    changed = {name for name, weight in adapted.named_parameters() if not torch.equal(weight, before[name])}
    assert any("lora_B" in name for name in changed)
    assert all(".lora_" in name or name.startswith("region_projection.") for name in changed)


def test_a_folded_adapter_says_the_same_under_the_plain_names(adapted, parts, writer):
    with torch.no_grad():
        for weight in adapters.weights(adapted):
            weight.add_(0.02)
        batch = batch_of(writer)
        plain = adapters.folded(adapted)
        assert set(plain.state_dict()) == set(parts[0].state_dict())
        ours, theirs = answer_loss(plain.eval(), batch), answer_loss(adapted.eval(), batch)
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
        assert not torch.isclose(answer_loss(parts[0], batch), ours, atol=1e-4)


def test_checkpointed_gradients_are_the_same(parts, writer):
    found = []
    for kept in (True, False):
        model = copy.deepcopy(parts[0]).train()
        if not kept:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        answer_loss(model, batch_of(writer)).backward()
        found.append(model.region_projection.geometry[0].weight.grad)
    torch.testing.assert_close(*found, atol=1e-5, rtol=1e-4)
