"""The same network with fewer multiplications: what `export` writes. It changes how numbers are reached, not what they mean.

The stem looks at 15 channels at full resolution, 12 of which say how a pixel differs from its surroundings. Those are
linear in the picture and, inside a cell of STRIDE x STRIDE pixels, have few degrees of freedom: the bilinear map of a
block mean has 4 (9 for blocks of one cell). Taking these instead of every pixel halves the largest convolution of all
and the copying before it.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional

from iad_unify.region_expert.decoder import CONTRAST_GAIN, CONTRAST_SCALES, STRIDE, DetailBranch, LocalContrast
from iad_unify.region_expert.model import RegionExpert

_PIXELS = STRIDE**2


class CellDifferences(nn.Module):
    """[B, 3, S, S] to [B, C, S/4, S/4]: a basis, linear in the picture, of all that LocalContrast tells of each cell.

    In order, for each of the three colours: the pixels less the cell's mean (16), the means of the 9 cells around less
    this one's, for each larger scale the cell's mean less two by two samples of the smooth map, and the mean itself.
    Differences rather than values, so that what is small is also exact where a runtime computes in bf16.
    """

    def forward(self, picture: Tensor) -> Tensor:
        """See the class."""
        batch, colours, height, width = picture.shape[0], 3, picture.shape[2] // STRIDE, picture.shape[3] // STRIDE
        pixels = functional.pixel_unshuffle(picture, STRIDE).reshape(batch, colours, _PIXELS, height, width)
        means = {STRIDE: pixels.mean(dim=2)}  # [B, 3, h, w]
        cell = means[STRIDE][:, :, None]
        parts = [(pixels - cell).flatten(1, 2)]
        for scale in CONTRAST_SCALES:
            if scale == STRIDE:
                near = functional.pad(means[STRIDE], (1, 1, 1, 1), mode="replicate")
                around = [near[..., y : y + height, x : x + width] for y in range(3) for x in range(3)]
                parts.append((torch.stack(around, dim=2) - cell).flatten(1, 2))
            else:
                smooth = functional.interpolate(
                    functional.avg_pool2d(means[STRIDE], scale // STRIDE),
                    size=(2 * height, 2 * width),
                    mode="bilinear",
                    align_corners=False,
                )
                samples = functional.pixel_unshuffle(smooth, 2).reshape(batch, colours, 4, height, width)
                parts.append((cell - samples).flatten(1, 2))
        return torch.cat([*parts, means[STRIDE]], dim=1)


def foldable() -> bool:
    """Whether the scales are those that the basis is complete for: the cell itself, and multiples of two cells."""
    return all(scale == STRIDE or scale % (2 * STRIDE) == 0 for scale in CONTRAST_SCALES)


def folded(model: RegionExpert, *, channel_norms: bool = False) -> RegionExpert:
    """A copy with the stem rewritten, and the norms as `ChannelNorm` if asked for; the same answers up to rounding."""
    copy = deepcopy(model)
    if foldable():
        _fold(copy.detail)
    if channel_norms:
        _replace_norms(copy)
    return copy


class ChannelNorm(nn.Module):
    """Group norm as sums over channels and one multiplication and addition a value.

    The usual way goes through a reshape that mixes channels and pixels. OpenVINO in f32 copies every map into another
    layout for it and back, which takes half of its time. Not for bf16: a variance as a difference of means needs more
    digits than that has.
    """

    mixing: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        size = norm.num_channels // norm.num_groups
        mixing = torch.kron(torch.eye(norm.num_groups), torch.full((size, size), 1 / size))
        self.epsilon = norm.eps
        self.register_buffer("mixing", mixing[:, :, None, None])  # a channel's mean to its group's
        self.register_buffer("weight", norm.weight.detach()[None, :, None, None].clone())
        self.register_buffer("bias", norm.bias.detach()[None, :, None, None].clone())

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] to the same shape."""
        mean = functional.conv2d(x.mean(dim=(2, 3), keepdim=True), self.mixing)
        square = functional.conv2d((x * x).mean(dim=(2, 3), keepdim=True), self.mixing)
        gain = self.weight * torch.rsqrt((square - mean * mean).clamp_min(0) + self.epsilon)
        return x * gain + (self.bias - mean * gain)


def _replace_norms(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.GroupNorm):
            setattr(module, name, ChannelNorm(child))
        else:
            _replace_norms(child)


def _fold(detail: DetailBranch) -> None:
    contrast, _, first, residual = detail.stem
    if not (isinstance(contrast, LocalContrast) and isinstance(first, nn.Sequential)):
        raise TypeError("a stem is LocalContrast, unshuffled pixels, a convolution and a residual block")
    kernel = _folded_kernel(first[0].get_parameter("weight").detach())
    convolution = nn.Conv2d(kernel.shape[1], kernel.shape[0], kernel.shape[-1], 1, kernel.shape[-1] // 2, bias=False)
    convolution.weight = nn.Parameter(kernel, requires_grad=False)
    detail.stem = nn.Sequential(CellDifferences(), nn.Sequential(convolution, *list(first)[1:]), residual)


def _folded_kernel(kernel: Tensor) -> Tensor:
    """The kernel [O, 240, k, k] over LocalContrast's pixels as one over CellDifferences."""
    outputs, side = kernel.shape[0], kernel.shape[-1]
    groups = kernel.double().reshape(outputs, 1 + len(CONTRAST_SCALES), 3, _PIXELS, side, side)
    values, contrasts = groups[:, 0], groups[:, 1:] * CONTRAST_GAIN
    parts = [values + contrasts.sum(dim=1)]  # each contrast holds the pixel itself
    for index, scale in enumerate(CONTRAST_SCALES):
        # minus the surroundings; the larger scales' differences have the other sign
        sign = -1.0 if scale == STRIDE else 1.0
        parts.append(sign * torch.einsum("ocpyx,ps->ocsyx", contrasts[:, index], _samples_to_pixels(scale)))
    parts.append(values.sum(dim=2, keepdim=True))
    return torch.cat([part.flatten(1, 2) for part in parts], dim=1).float()


def _samples_to_pixels(scale: int) -> Tensor:
    """float64 [16, samples]: the smooth map at each pixel of a cell, from the samples that CellDifferences takes."""
    offset = (torch.arange(STRIDE, dtype=torch.float64) + 0.5) / STRIDE - 0.5  # from the cell's centre, in cells
    if scale == STRIDE:  # linear between the centres of neighbouring cells
        line = torch.stack([(-offset).clamp_min(0), 1 - offset.abs(), offset.clamp_min(0)], dim=1)
    else:  # linear across the whole cell; the samples lie a quarter of a cell from its centre
        line = torch.stack([0.5 - 2 * offset, 0.5 + 2 * offset], dim=1)
    return torch.kron(line, line)
