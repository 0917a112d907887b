"""Whether a backbone still tells pictures and patches apart, measured on fixed pictures. It trains nothing.

A self-distillation can end in a student and a teacher that agree because both say the same of everything; its loss may
look fine. The effective rank is RankMe (arXiv 2210.02885): the exponential of the entropy of the singular values.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

#: Below this spread, or below this rank, features say the same of everything.
LEAST_SPREAD, LEAST_RANK = 0.02, 1.5
#: Patches that the rank is measured on.
_PATCHES = 4096
MEND = (
    "give it more varied pictures, or a lower --learning-rate, or a larger --batch; pictures that hardly differ from each "
    "other teach nothing"
)


class Collapsed(Exception):
    """The features no longer tell pictures apart: what was measured, and what may help."""

    def __init__(self, step: int, found: "Variety") -> None:
        super().__init__(
            f"collapsed at step {step}: class tokens spread {found.spread:.4f}, effective rank of patches "
            f"{found.patch_rank:.2f}; {MEND}"
        )
        self.step = step
        self.found = found


@dataclass(frozen=True, slots=True)
class Variety:
    """How much the features of a set of pictures differ.

    `spread` is the standard deviation of a coordinate of unit class tokens over pictures, times the square root of their
    width: 0 when all are the same, 1 when they point in all directions. The ranks are between 1 and the width.
    """

    spread: float
    picture_rank: float  # of class tokens
    patch_rank: float  # of patch features

    @property
    def collapsed(self) -> bool:
        """Whether the features are of no use."""
        return not (self.spread >= LEAST_SPREAD and self.patch_rank >= LEAST_RANK)  # also when they are not numbers

    def as_dict(self) -> dict[str, float]:
        """JSON-ready values."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


@torch.no_grad()
def measure(model: Any, pictures: Tensor, batch: int = 16) -> Variety:
    """The variety of a Dinov2's features of normalised pictures [B, 3, H, W]."""
    prefix = 1 + int(getattr(model.config, "num_register_tokens", 0))
    states = torch.cat([model(pixel_values=part).last_hidden_state.float() for part in pictures.split(batch)])
    tokens, patches = states[:, 0], states[:, prefix:].flatten(0, 1)
    some = torch.randperm(len(patches), generator=torch.Generator().manual_seed(0))[:_PATCHES]
    unit = functional.normalize(tokens, dim=-1)
    spread = float(unit.std(dim=0, correction=0).square().mean().sqrt()) * unit.shape[1] ** 0.5
    return Variety(spread, rank(tokens), rank(patches[some.to(patches.device)]))


def rank(rows: Tensor) -> float:
    """Effective rank of rows [N, C] around their mean; 1 when they are all the same."""
    values = torch.linalg.svdvals((rows - rows.mean(dim=0)).double())
    share = values / values.sum().clamp_min(1e-12)
    return float(torch.exp(-(share * share.clamp_min(1e-12).log()).sum()))
