"""Instructions and the projection of hidden states."""

import numpy as np
import pytest
import torch

from iad_unify.defect_editor.condition import (
    ConditionProjection,
    ConditionSummary,
    instruction,
    parse_request,
    stack_states,
    strength_of,
)


def test_an_instruction_names_strength_and_type() -> None:
    assert instruction("missing_part", "faint") == "add a faint missing part"
    assert instruction("scratch") == "add a scratch"


@pytest.mark.parametrize(("kind", "strength"), [("dragon", ""), ("scratch", "purple")])
def test_an_instruction_out_of_vocabulary_is_refused(kind: str, strength: str) -> None:
    with pytest.raises(ValueError, match="is not one of"):
        instruction(kind, strength)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("scratch", ("scratch", "")),
        ("faint scratch", ("scratch", "faint")),
        ("strong missing part", ("missing_part", "strong")),
        ("missing_part", ("missing_part", "")),
    ],
)
def test_a_request_is_a_slug_with_an_optional_strength(text: str, expected: tuple[str, str]) -> None:
    assert parse_request(text) == expected


def test_strength_follows_the_change() -> None:
    assert [strength_of(change) for change in (3.0, 25.0, 90.0)] == ["faint", "", "strong"]


def test_states_of_different_lengths_are_padded_and_marked() -> None:
    hidden, real = stack_states([np.ones((2, 4), np.float32), np.ones((5, 4), np.float32)])
    assert hidden.shape == (2, 5, 4)
    assert real.sum(1).tolist() == [2, 5]
    assert hidden[0, 2:].abs().sum() == 0


def test_the_null_condition_ignores_the_states() -> None:
    projection = ConditionProjection(4, 8)
    keep = torch.tensor([True, False])
    real = torch.ones(2, 3, dtype=torch.bool)
    one, mask = projection(torch.randn(2, 3, 4), real, keep)
    other, _ = projection(torch.randn(2, 3, 4), real, keep)
    assert not torch.allclose(one[0], other[0])
    assert torch.equal(one[1], other[1])
    assert mask.sum(1).tolist() == [3, 1]


def test_the_summary_tells_instructions_apart_that_share_most_tokens() -> None:
    rng = np.random.default_rng(0)
    common = rng.standard_normal((12, 6)).astype(np.float32)
    states = [np.concatenate([common, 0.1 * rng.standard_normal((1, 6)).astype(np.float32)]) for _ in range(8)]
    torch.manual_seed(0)
    summary = ConditionSummary(6, 16)
    summary.standardise(states)
    hidden, real = stack_states(states)
    seen = summary(hidden, real, torch.ones(8, dtype=torch.bool))
    assert float(torch.pdist(seen.detach()).min()) > 0.3


def test_the_summary_ignores_padding_and_is_zero_without_condition() -> None:
    summary = ConditionSummary(4, 8)
    hidden = torch.randn(1, 3, 4)
    padded = torch.cat([hidden, torch.full((1, 2, 4), 99.0)], dim=1)
    keep, real = torch.tensor([True]), torch.ones(1, 3, dtype=torch.bool)
    wide = torch.tensor([[True, True, True, False, False]])
    assert torch.allclose(summary(hidden, real, keep), summary(padded, wide, keep), atol=1e-6)
    assert summary(hidden, real, ~keep).abs().sum() == 0
