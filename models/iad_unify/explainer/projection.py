"""From a region's record (appearance rows, geometry) to the two vectors that stand for it in a prompt.

Knows nothing of text or of how the record was computed. The Fourier coding follows NeRF (Mildenhall et al. 2020, 5.1).
"""

import math
from typing import cast

import torch
from torch import Tensor, nn
from transformers import Qwen3_5Config
from transformers import initialization as init

#: Standardised appearance is cut here (standard deviations), so that a strange frame cannot swamp a prompt.
CLIP = 8.0
#: Lengths of `shape_numbers` and `place_numbers`.
SHAPE_NUMBERS, PLACE_NUMBERS = 5, 9


class RegionProjection(nn.Module):
    """Appearance `[N, K, D]` and geometry `[N, 5]` to tokens `[N, 2, H]`."""

    mean: Tensor  # [K, D] of training rows
    deviation: Tensor

    def __init__(self, config: Qwen3_5Config) -> None:
        super().__init__()
        hidden = config.text_config.hidden_size
        rows, dim = config.region_rows, config.region_dim
        self.octaves: int = config.region_octaves
        coded = 5 * (1 + 2 * self.octaves) + SHAPE_NUMBERS + PLACE_NUMBERS
        self.appearance = _branch(rows * dim + SHAPE_NUMBERS, hidden)
        self.geometry = _branch(coded, hidden)
        self.register_buffer("mean", torch.zeros(rows, dim))
        self.register_buffer("deviation", torch.ones(rows, dim))

    def reset(self) -> None:
        """Fan-in initialisation: the model's own std of 0.02 is too small for a fresh input projection."""
        for branch in (self.appearance, self.geometry):
            first = cast(nn.Linear, branch[0])
            init.normal_(first.weight, mean=0.0, std=first.in_features**-0.5)
        init.zeros_(self.mean)
        init.ones_(self.deviation)

    def standardise(self, appearance: Tensor) -> None:
        """Take mean and deviation from training rows `[N, K, D]`."""
        rows = appearance.float()
        self.mean.copy_(rows.mean(0))
        self.deviation.copy_(rows.std(0).clamp_min(1e-3))

    def forward(self, appearance: Tensor, geometry: Tensor) -> Tensor:
        """Tokens [N, 2, H] in the projection's own dtype."""
        dtype = next(self.appearance.parameters()).dtype
        rows = (appearance.float() - self.mean.float()) / self.deviation.float()
        rows = rows.clamp(-CLIP, CLIP).flatten(1)  # [N, K*D]
        numbers = geometry.float()  # phases need fp32: bf16 has 8 bits
        shape = shape_numbers(numbers)
        phases = torch.cat([numbers * (2**octave * math.pi) for octave in range(self.octaves)], dim=1)
        coded = torch.cat([2 * numbers - 1, phases.sin(), phases.cos(), shape, place_numbers(numbers)], dim=1)
        look = torch.cat([rows, shape], dim=1)  # the type depends on the shape too, never on the place
        return torch.stack([self.appearance(look.to(dtype)), self.geometry(coded.to(dtype))], dim=1)


def put_in(embedded: Tensor, placeholders: Tensor, regions: Tensor) -> Tensor:
    """Embeddings [B, T, H] with regions [N, 2, H] where `placeholders` [B, T] is set; ValueError when the counts differ."""
    if int(placeholders.sum()) != regions.shape[0] * regions.shape[1]:
        raise ValueError(f"{int(placeholders.sum())} region placeholders for {regions.shape[0]} regions")
    return embedded.masked_scatter(placeholders[..., None], regions.to(embedded.dtype))


def shape_numbers(geometry: Tensor) -> Tensor:
    """Float [N, 5]: logarithms of width, height, area and aspect, and how much of its box the region fills.

    Small regions differ by factors, which neither the raw numbers nor low Fourier octaves show.
    """
    width, height, area = geometry[:, 2].clamp_min(1e-4), geometry[:, 3].clamp_min(1e-4), geometry[:, 4].clamp_min(1e-7)
    fill = (area / (width * height)).clamp(0, 1)
    logs = [width.log() + 2.0, height.log() + 2.0, area.log() / 2 + 2.5, (width / height).log()]  # about -2..2 each
    return torch.stack([*logs, 2 * fill - 1], dim=1)


def place_numbers(geometry: Tensor) -> Tensor:
    """Float [N, 9]: the share of the region's box in each cell of the 3x3 grid, row by row.

    People say places by thirds of the frame, and no octave of the Fourier coding has its edges there.
    """
    edges = torch.tensor([-torch.inf, 1 / 3, 2 / 3, torch.inf], device=geometry.device)
    centre, extent = geometry[:, :2, None], geometry[:, 2:4, None].clamp_min(1e-4)  # [N, 2, 1]
    inside = torch.minimum(centre + extent / 2, edges[1:]) - torch.maximum(centre - extent / 2, edges[:-1])
    across, down = (inside.clamp_min(0) / extent).unbind(1)  # [N, 3] each
    return (down[:, :, None] * across[:, None, :]).flatten(1)


def _branch(inputs: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, hidden))
