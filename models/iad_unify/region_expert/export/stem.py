"""The detail branch's first convolution for runtimes: straight from pixels and their means, without the 114 channels between.

`LocalContrast` is linear, and so is the convolution behind it; the two are one linear map of the picture. Written with
the cell's pixels, the means around it and one matrix product for the smooth maps it takes half the products, and none
of the 114 channels is written to memory. It changes how numbers are reached, not what they mean. Not for bf16: on a plain
surface the contrasts are sums that cancel.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional

from iad_unify.region_expert.decoder import CONTRAST_GAIN, CONTRAST_SCALES, STRIDE, LocalContrast
from iad_unify.region_expert.model import RegionExpert

_COLOURS, _NEAR, _SAMPLES = 3, 9, 4
#: Places of samples, along one axis, that a 3x3 convolution over cells of 2x2 samples sees.
_PLACES = 6


def with_folded_stem(model: RegionExpert) -> RegionExpert:
    """A copy whose first convolution takes the picture itself; the same answers up to rounding."""
    copy = deepcopy(model)
    contrast, first, rest = copy.detail.stem
    assert isinstance(contrast, LocalContrast)
    assert isinstance(first, nn.Sequential)
    convolution, *others = first
    assert isinstance(convolution, nn.Conv2d)
    copy.detail.stem = nn.Sequential(FoldedStem(convolution, model.config.size), nn.Sequential(*others), rest)
    return copy


class FoldedStem(nn.Module):
    """[B, 3, S, S] to [B, width, S/4, S/4]: `LocalContrast` and the 3x3 convolution behind it. S is fixed."""

    pixels: Tensor
    averaging: Tensor
    shifts: Tensor
    near: Tensor
    columns: Tensor

    def __init__(self, convolution: nn.Conv2d, size: int) -> None:
        super().__init__()
        self.cells, self.width = size // STRIDE, convolution.out_channels
        self.grids = [size // scale for scale in CONTRAST_SCALES[1:]]
        weights = convolution.weight.detach().double()  # [O, 114, 3, 3]
        counts = [_COLOURS * count for count in (STRIDE**2, _NEAR, *(_SAMPLES for _ in self.grids), 1)]
        pixels, near, *smooth, mean = (
            part.unflatten(1, (_COLOURS, -1)) * gain
            for part, gain in zip(
                weights.split(counts, dim=1), (*[CONTRAST_GAIN] * (2 + len(self.grids)), 1.0), strict=True
            )
        )
        # what falls to the cell's own mean goes to its pixels
        own = mean.sum(2) - pixels.sum(2) - near.sum(2) + sum(part.sum(2) for part in smooth)
        self.register_buffer("pixels", (pixels + own[:, :, None] / STRIDE**2).flatten(1, 2).float())
        self.register_buffer("near", near.flatten(1, 2).float())
        averaging = torch.kron(torch.eye(_COLOURS), torch.full((1, STRIDE**2), 1 / STRIDE**2))
        self.register_buffer("averaging", averaging[:, :, None, None])
        shifts = torch.einsum("cd,sk->csdk", torch.eye(_COLOURS), torch.eye(_NEAR))
        self.register_buffer("shifts", shifts.reshape(_COLOURS * _NEAR, _COLOURS, 3, 3))
        for index, (grid, part) in enumerate(zip(self.grids, smooth, strict=True)):
            # [O, c, (uy, ux), ty, tx] to [(ty, uy), c, (tx, ux), O]
            mixing = -part.unflatten(2, (2, 2)).permute(4, 2, 1, 5, 3, 0)
            self.register_buffer(f"mixing{index}", mixing.reshape(_PLACES * _COLOURS, -1).float().contiguous())
            self.register_buffer(f"rows{index}", _axis(self.cells, grid).flatten(0, 1))
        columns = [_axis(self.cells, grid).transpose(1, 2).flatten(1) for grid in self.grids]
        self.register_buffer("columns", torch.cat(columns, dim=1))  # [cells, K]

    def forward(self, picture: Tensor) -> Tensor:
        """See the class."""
        pixels = functional.pixel_unshuffle(picture, STRIDE)
        means = functional.conv2d(pixels, self.averaging)
        around = functional.conv2d(functional.pad(means, (1, 1, 1, 1), mode="replicate"), self.shifts)
        close = functional.conv2d(pixels, self.pixels, padding=1) + functional.conv2d(around, self.near, padding=1)
        return close + self._smooth(means)

    def _smooth(self, means: Tensor) -> Tensor:
        """What the smooth maps add: samples as products of a matrix over rows and one over columns."""
        batch, cells, parts = means.shape[0], self.cells, []
        coarse, side = means, self.cells
        for index, grid in enumerate(self.grids):
            coarse, side = functional.avg_pool2d(coarse, side // grid), grid
            rows, mixing = self.get_buffer(f"rows{index}"), self.get_buffer(f"mixing{index}")
            found = torch.matmul(rows, coarse.permute(0, 2, 3, 1).reshape(batch, grid, grid * _COLOURS))
            found = found.reshape(batch, cells, _PLACES, grid, _COLOURS).permute(0, 1, 3, 2, 4)
            mixed = torch.matmul(found.reshape(batch, cells * grid, _PLACES * _COLOURS), mixing)
            parts.append(mixed.reshape(batch, cells, grid * _PLACES, self.width))
        return torch.matmul(self.columns, torch.cat(parts, dim=2)).permute(0, 3, 1, 2)


def _axis(cells: int, grid: int) -> Tensor:
    """The matrix [cells, 6, grid] from a coarse line to the samples that a cell's convolution sees, 0 outside the line."""
    line = torch.eye(grid)[None]
    samples = functional.interpolate(line, size=2 * cells, mode="linear", align_corners=False)[0].T  # [2 cells, grid]
    padded = functional.pad(samples, (0, 0, 2, 2))
    return torch.stack([padded[place : place + 2 * cells : 2] for place in range(_PLACES)], dim=1).contiguous()
