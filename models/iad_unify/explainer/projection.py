"""From a region's record (appearance rows, geometry) to the two vectors that stand for it in a prompt.

Knows nothing of text or of how the record was computed. The Fourier coding follows NeRF (Mildenhall et al. 2020, 5.1).
"""

import math
from typing import cast

import torch
from torch import Tensor, nn
from transformers import Qwen3_5Config
from transformers import initialization as init

from iad_unify.explainer.config import TOKENS_PER_REGION, takes_references

#: Standardised appearance is cut here (standard deviations), so that a strange frame cannot swamp a prompt.
CLIP = 8.0
#: Lengths of `shape_numbers` and `place_numbers`.
SHAPE_NUMBERS, PLACE_NUMBERS = 5, 9


class RegionProjection(nn.Module):
    """Appearance `[N, K, D]` and geometry `[N, 5]` to tokens `[N, 2, H]`.

    Made for references, it has two more branches: `compare` makes of what a good part looks like at the same places, and of
    the difference to it, `[N, 2, H]` more.
    """

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
        self.reference: nn.Sequential | None = None
        self.difference: nn.Sequential | None = None
        if takes_references(config):  # last: without them nothing here draws other numbers
            self.reference = _branch(rows * dim, hidden)
            self.difference = _branch(rows * dim + SHAPE_NUMBERS, hidden)

    def take_references(self) -> None:
        """Build the two branches of references in a projection that has none, untrained."""
        weight = cast(nn.Linear, self.appearance[2]).weight
        rows = self.mean.numel()
        self.reference = _branch(rows, len(weight)).to(weight)
        self.difference = _branch(rows + SHAPE_NUMBERS, len(weight)).to(weight)
        _fan_in(self.reference, self.difference)

    def reset(self) -> None:
        """Fan-in initialisation: the model's own std of 0.02 is too small for a fresh input projection."""
        _fan_in(self.appearance, self.geometry)
        if self.reference is not None and self.difference is not None:
            _fan_in(self.reference, self.difference)
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
        rows = self._standard(appearance.float() - self.mean.float())
        numbers = geometry.float()  # phases need fp32: bf16 has 8 bits
        shape = shape_numbers(numbers)
        phases = torch.cat([numbers * (2**octave * math.pi) for octave in range(self.octaves)], dim=1)
        coded = torch.cat([2 * numbers - 1, phases.sin(), phases.cos(), shape, place_numbers(numbers)], dim=1)
        look = torch.cat([rows, shape], dim=1)  # the type depends on the shape too, never on the place
        return torch.stack([self.appearance(look.to(dtype)), self.geometry(coded.to(dtype))], dim=1)

    def compare(self, appearance: Tensor, geometry: Tensor, reference: Tensor) -> Tensor:
        """Tokens [N, 2, H] of reference rows [N, K, D] and of the regions' difference to them; ValueError when not made for it."""
        if self.reference is None or self.difference is None:
            raise ValueError("this model was not made for reference tokens")
        dtype = next(self.reference.parameters()).dtype
        good = self._standard(reference.float() - self.mean.float())
        apart = torch.cat(
            [self._standard(appearance.float() - reference.float()), shape_numbers(geometry.float())], dim=1
        )
        return torch.stack([self.reference(good.to(dtype)), self.difference(apart.to(dtype))], dim=1)

    def in_order(
        self, appearance: Tensor, geometry: Tensor, reference: Tensor | None = None, referenced: Tensor | None = None
    ) -> Tensor:
        """Tokens [T, H] in the order of the prompt: two of each region, four of those that are `referenced`, bool [N].

        `reference` [M, K, D] holds the reference rows of the latter, M of the N regions. ValueError when their number differs.
        """
        tokens = self(appearance, geometry)
        if reference is None or referenced is None:
            return cast(Tensor, tokens.flatten(0, 1))
        if int(referenced.sum()) != len(reference):
            raise ValueError(f"{len(reference)} reference rows for {int(referenced.sum())} regions with a reference")
        compared = self.compare(appearance[referenced], geometry[referenced], reference)
        whole = torch.cat([tokens, torch.zeros_like(tokens)], dim=1)  # [N, 4, H]
        whole[referenced, TOKENS_PER_REGION:] = compared.to(whole.dtype)
        shown = torch.ones(whole.shape[:2], dtype=torch.bool, device=whole.device)
        shown[:, TOKENS_PER_REGION:] = referenced[:, None]
        return whole[shown]

    def _standard(self, rows: Tensor) -> Tensor:
        """Float [N, K*D]: rows [N, K, D] in standard deviations, cut."""
        return (rows / self.deviation.float()).clamp(-CLIP, CLIP).flatten(1)


def put_in(embedded: Tensor, placeholders: Tensor, regions: Tensor) -> Tensor:
    """Embeddings [B, T, H] with region tokens [N, H] where `placeholders` [B, T] is set; ValueError when the counts differ."""
    if int(placeholders.sum()) != len(regions):
        raise ValueError(f"{int(placeholders.sum())} region placeholders for {len(regions)} region tokens")
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


def _fan_in(*branches: nn.Sequential) -> None:
    for branch in branches:
        first = cast(nn.Linear, branch[0])
        init.normal_(first.weight, mean=0.0, std=first.in_features**-0.5)


def _branch(inputs: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, hidden))
