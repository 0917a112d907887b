"""Muon where it belongs, AdamW elsewhere, and both go on after an interruption."""

import pytest
import torch
from torch import nn

from iad_unify.optimiser import Optimiser


def weights() -> dict[str, nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    shapes = {"kernel": (6, 8, 3, 3), "out": (3, 6), "bias": (6,)}
    return {name: nn.Parameter(torch.randn(shape, generator=generator)) for name, shape in shapes.items()}


def push(found: dict[str, nn.Parameter], optimiser: Optimiser, steps: int, seed: int = 1) -> None:
    """So many steps against gradients that have one direction above all."""
    for step in range(steps):
        generator = torch.Generator().manual_seed(seed * 100 + step)
        optimiser.zero_grad()
        for weight in found.values():
            flat = torch.randn(weight.shape, generator=generator).reshape(weight.shape[0], -1)
            strong = 50 * torch.outer(torch.ones(flat.shape[0]), torch.ones(flat.shape[1]))
            weight.grad = (flat + strong).reshape(weight.shape)
        optimiser.step(0.01)


def test_a_hidden_kernel_moves_as_far_in_every_direction() -> None:
    found = weights()
    before = found["kernel"].detach().clone()
    push(found, Optimiser(found, ["kernel"], decay=0.0), 1)
    moved = torch.linalg.svdvals((found["kernel"].detach() - before).reshape(6, -1))
    assert moved.min() > 0.5 * moved.max()  # the gradient's own are 50 to 1 and more
    assert moved.mean() == pytest.approx(0.01 * 0.2 * 72**0.5, rel=0.3)


def test_the_others_move_as_by_adamw_and_vectors_do_not_decay() -> None:
    found, plain = weights(), weights()
    push(found, Optimiser(found, ["kernel"], decay=0.1), 3)
    rest = [{"params": [plain["out"]], "weight_decay": 0.1}, {"params": [plain["bias"]], "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(rest, lr=0.01)
    for step in range(3):
        generator = torch.Generator().manual_seed(100 + step)
        for weight in plain.values():
            flat = torch.randn(weight.shape, generator=generator).reshape(weight.shape[0], -1)
            weight.grad = (flat + 50).reshape(weight.shape)
        adamw.step()
    assert torch.equal(found["out"], plain["out"])
    assert torch.equal(found["bias"], plain["bias"])


def test_an_interrupted_run_ends_where_an_uninterrupted_one_does() -> None:
    whole, parts = weights(), weights()
    push(whole, (one := Optimiser(whole, ["kernel"], decay=0.1)), 2)
    push(whole, one, 2, seed=2)
    push(parts, (first := Optimiser(parts, ["kernel"], decay=0.1)), 2)
    second = Optimiser(parts, ["kernel"], decay=0.1)
    second.load_state_dict(first.state_dict())
    push(parts, second, 2, seed=2)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_the_state_of_another_run_is_refused() -> None:
    found = weights()
    state = Optimiser(found, [], decay=0.1).state_dict()
    with pytest.raises((KeyError, ValueError)):
        Optimiser(found, ["kernel"], decay=0.1).load_state_dict(state)
