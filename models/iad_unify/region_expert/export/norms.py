"""Group norm in the form that OpenVINO runs fast in f32. It changes how numbers are reached, not what they mean."""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional

from iad_unify.region_expert.model import RegionExpert


def with_channel_norms(model: RegionExpert) -> RegionExpert:
    """A copy with its norms as `ChannelNorm`; the same answers up to rounding."""
    copy = deepcopy(model)
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
