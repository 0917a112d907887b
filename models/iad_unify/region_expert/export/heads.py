"""The heads of an expert as one network that a runtime takes: cuts of regions in, tokens, types and margins out.

It knows the numbers of `cutting.Cuts`, and nothing of how regions are found.
"""

from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from iad_unify.region_expert.closeup import WINDOW_PX
from iad_unify.region_expert.connections import CONNECTION_NUMBERS
from iad_unify.region_expert.decoder import SHAPE_NUMBERS
from iad_unify.region_expert.export.cutting import Cuts
from iad_unify.region_expert.model import RegionExpert

#: Outputs by name, in order; MARGINS only of an expert with a head for them. Inputs are named as in `Cuts`.
ROWS, TYPE_LOGITS, MARGINS = "rows", "type_logits", "margins"


class Answers(NamedTuple):
    """Of N regions: what `Description` holds, as arrays."""

    rows: NDArray[np.float32]  # [N, K, D]
    type_logits: NDArray[np.float32]  # [N, T + 1]
    margins: NDArray[np.float32] | None = None  # [N, 4]


def outputs(model: RegionExpert) -> tuple[str, ...]:
    """The names of what the heads of an expert answer."""
    return (ROWS, TYPE_LOGITS, *(() if model.extent_head is None else (MARGINS,)))


def example(model: RegionExpert, count: int) -> Cuts:
    """Empty cuts of that many regions, of the expert's own shapes."""
    channels, changes = (7, CONNECTION_NUMBERS) if model.config.template else (4, 0)
    return Cuts(
        np.zeros((count, WINDOW_PX, WINDOW_PX, channels), np.float32),
        np.zeros((count, 2, model.config.token_dim), np.float32),
        np.zeros((count, SHAPE_NUMBERS + changes), np.float32),
    )


class ExportableHeads(nn.Module):
    """`RegionExpert.describe` from cuts on: windows [N, 64, 64, C], pooled [N, 2, D], shape [N, 6 or 15] to `outputs`."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: RegionExpert) -> None:
        super().__init__()
        self.close_look, self.type_head = deepcopy(model.close_look), deepcopy(model.type_head)
        self.extent_head = deepcopy(model.extent_head)
        self.register_buffer("mean", model.mean.clone())
        self.register_buffer("std", model.std.clone())
        _replace_linear(self)

    def forward(self, windows: Tensor, pooled: Tensor, shape: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        planes = windows.permute(0, 3, 1, 2)
        picture, mask = (planes[:, :3] - self.mean) / self.std, planes[:, 3:4]
        channels = [picture, mask]
        if planes.shape[1] > 4:
            template = (planes[:, 4:] - self.mean) / self.std
            channels += [template, picture - template]
        rows = torch.cat([pooled, self.close_look(torch.cat(channels, dim=1))[:, None]], dim=1)
        found = rows, self.type_head(rows, shape)
        return found if self.extent_head is None else (*found, self.extent_head(rows, shape))


class _RowLinear(nn.Module):
    """A linear layer as a convolution of one pixel: for a single row OpenVINO takes half a millisecond less for it."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight = nn.Parameter(linear.weight.detach()[:, :, None, None].clone(), requires_grad=False)
        self.bias = nn.Parameter(linear.bias.detach().clone(), requires_grad=False)

    def forward(self, rows: Tensor) -> Tensor:
        """[N, inputs] to [N, outputs]."""
        return functional.conv2d(rows[:, :, None, None], self.weight, self.bias)[:, :, 0, 0]


def _replace_linear(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, _RowLinear(child))
        else:
            _replace_linear(child)
