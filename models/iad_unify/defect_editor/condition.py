"""What steers an edit: an instruction and optional reference regions, as hidden states of the shared backbone.

The backbone is frozen; only the projection into the editor's cross-attention width is trained. Knows no pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from iad_unify.defect_editor.config import STRENGTH_BOUNDS, STRENGTHS
from iad_unify.types import DEFECT_TYPES, spoken


def instruction(defect_type: str, strength: str = "") -> str:
    """``("scratch", "faint")`` -> ``add a faint scratch``. Raises ValueError for words out of vocabulary."""
    if defect_type not in DEFECT_TYPES:
        raise ValueError(f"defect type {defect_type!r} is not one of {', '.join(DEFECT_TYPES)}")
    if strength not in STRENGTHS:
        raise ValueError(f"strength {strength!r} is not one of {', '.join(filter(None, STRENGTHS))}")
    return " ".join(filter(None, ("add a", strength, spoken(defect_type))))


def parse_request(text: str) -> tuple[str, str]:
    """A slug with an optional strength before it -> (slug, strength): ``faint missing part``, ``missing_part``."""
    first, _, rest = text.strip().partition(" ")
    if rest and first in STRENGTHS:
        return rest.strip().replace(" ", "_"), first
    return text.strip().replace(" ", "_"), ""


def strength_of(change: float) -> str:
    """The word for a mean absolute change inside the mask, in grey levels 0..255."""
    low, high = STRENGTH_BOUNDS
    return STRENGTHS[0] if change < low else STRENGTHS[2] if change > high else STRENGTHS[1]


#: Standardised summaries are cut here (standard deviations): a strange reference cannot swamp the network.
SUMMARY_CLIP = 5.0


@dataclass(frozen=True, slots=True)
class Reference:
    """Region tokens of confirmed defects that the edit should resemble, as the region expert wrote them."""

    appearance: np.ndarray  # float16 [R, K, D]
    geometry: np.ndarray  # float32 [R, 5]

    def __len__(self) -> int:
        return len(self.appearance)


class Backbone(Protocol):
    """The frozen language backbone, read only."""

    @property
    def model_version(self) -> str:
        """Version of the checkpoint that the states come from; an editor serves with the one it was trained on."""

    @property
    def hidden_size(self) -> int:
        """H."""

    def states(self, texts: Sequence[str], references: Sequence[Reference | None]) -> list[np.ndarray]:
        """One float32 [T, H] per text, T without padding; reference tokens are spliced before the text."""


def stack_states(states: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Pads to the longest: (float32 [B, T, H], bool [B, T] true where a token is real)."""
    longest = max(len(one) for one in states)
    hidden = torch.zeros(len(states), longest, states[0].shape[1])
    real = torch.zeros(len(states), longest, dtype=torch.bool)
    for row, one in enumerate(states):
        hidden[row, : len(one)] = torch.from_numpy(np.asarray(one, dtype=np.float32))
        real[row, : len(one)] = True
    return hidden, real


class ConditionProjection(nn.Module):
    """[B, T, H] -> [B, T, cross_attention_dim], and the learned null condition of classifier-free guidance."""

    def __init__(self, hidden_size: int, condition_size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden_size)
        self.project = nn.Linear(hidden_size, condition_size)
        self.null = nn.Parameter(torch.randn(1, 1, condition_size) * 0.5)

    def forward(self, hidden: Tensor, real: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        """`keep` bool [B]: rows that see their condition; the others get one null token. Returns (tokens, mask)."""
        tokens = self.project(self.norm(hidden))
        null = self.null.to(tokens.dtype).expand_as(tokens)
        first = torch.zeros_like(real)
        first[:, 0] = True
        kept = keep[:, None]
        return torch.where(kept[..., None], tokens, null), torch.where(kept, real, first)


class ConditionSummary(nn.Module):
    """[B, T, H] -> [B, cross_attention_dim]: the mean state, standardised, for every block beside cross-attention.

    Most tokens of a prompt are the same for every instruction, so cross-attention alone finds the word that matters
    slowly; standardised over the instructions, the difference stands out from the first step.
    """

    def __init__(self, hidden_size: int, condition_size: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(hidden_size), requires_grad=False)
        self.deviation = nn.Parameter(torch.ones(hidden_size), requires_grad=False)
        self.project = nn.Linear(hidden_size, condition_size)

    @torch.no_grad()
    def standardise(self, states: Sequence[np.ndarray]) -> None:
        """Takes mean and deviation over the training conditions, each float [T, H]."""
        means = torch.from_numpy(np.stack([one.astype(np.float32).mean(0) for one in states]))
        self.mean.copy_(means.mean(0))
        self.deviation.copy_(means.std(0).clamp_min(1e-3))

    def forward(self, hidden: Tensor, real: Tensor, keep: Tensor) -> Tensor:
        """Rows with `keep` false get the zero vector."""
        weights = real[..., None].to(hidden.dtype)
        mean = (hidden * weights).sum(1) / weights.sum(1).clamp_min(1)
        standard = ((mean - self.mean) / self.deviation).clamp(-SUMMARY_CLIP, SUMMARY_CLIP)
        return self.project(standard) * keep[:, None]
