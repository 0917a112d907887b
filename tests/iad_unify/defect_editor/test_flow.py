"""The pixel-space flow-matching network."""

import numpy as np
import torch

from iad_unify.defect_editor.condition import instruction, stack_states
from iad_unify.defect_editor.config import TINY, EditorConfig
from iad_unify.defect_editor.editor import Crops
from iad_unify.defect_editor.flow import FlowEditor


def crops(backbone: object, kinds: list[str], side: int = 32) -> Crops:
    torch.manual_seed(1)
    allowed = torch.zeros(len(kinds), 1, side, side)
    allowed[:, :, 8:20, 10:24] = 1
    states = backbone.states([instruction(kind) for kind in kinds], [None] * len(kinds))
    clean = torch.rand(1, 3, side, side).expand(len(kinds), -1, -1, -1) * 2 - 1
    return Crops(clean, allowed, torch.zeros_like(allowed), *stack_states(states))


def test_generated_crops_equal_the_clean_ones_outside_the_mask(small_editor: FlowEditor, backbone: object) -> None:
    given = crops(backbone, ["scratch", "missing_part"])
    made = small_editor.generate(given, 3, 2.0, torch.Generator().manual_seed(0))
    outside = given.allowed.expand_as(made) == 0
    assert torch.equal(made[outside], given.clean[outside])
    assert not torch.equal(made, given.clean)
    assert made.abs().max() <= 1


def test_the_same_seed_gives_the_same_edit_and_another_seed_another(small_editor: FlowEditor, backbone: object) -> None:
    given = crops(backbone, ["scratch"])
    one, same, other = (small_editor.generate(given, 2, 1.0, torch.Generator().manual_seed(s)) for s in (5, 5, 6))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_padding_of_the_states_does_not_change_the_edit(small_editor: FlowEditor, backbone: object) -> None:
    both = crops(backbone, ["scratch", "missing_part"])  # "add a missing part" is one word longer
    noisy, sigma, keep = torch.randn(2, 3, 32, 32), torch.full((2,), 0.5), torch.ones(2, dtype=torch.bool)
    single = Crops(
        *(getattr(both, name)[:1] for name in ("clean", "allowed", "shape")), both.hidden[:1, :-1], both.real[:1, :-1]
    )
    assert not both.real[0, -1]
    together = small_editor.change(noisy, sigma, both, keep)[:1]
    alone = small_editor.change(noisy[:1], sigma[:1], single, keep[:1])
    assert torch.allclose(together, alone, atol=1e-4)


def test_a_few_steps_on_one_pair_lower_the_loss(small_config: EditorConfig, backbone: object) -> None:
    torch.manual_seed(0)
    model = FlowEditor(small_config)
    given = crops(backbone, ["stain"] * 8)
    target = torch.where(given.allowed.bool(), torch.full_like(given.clean, -0.8), given.clean)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        loss = model.training_loss(given, target, torch.ones(8, dtype=torch.bool))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_the_tiny_editor_fits_the_size_that_ships() -> None:
    with torch.device("meta"):
        model = FlowEditor(TINY.trained_with(192, "", ""))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert parameters > 4e6
    assert 2 * parameters < 11e6
