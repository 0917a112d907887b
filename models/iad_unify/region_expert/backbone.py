"""The frozen DINOv2: pictures in, multi-layer patch features out. It is never trained and knows nothing of defects."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    AutoConfig,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    PretrainedConfig,
)

_KINDS: Mapping[str, tuple[type[PretrainedConfig], Any]] = {
    "dinov2": (Dinov2Config, Dinov2Model),
    "dinov2_with_registers": (Dinov2WithRegistersConfig, Dinov2WithRegistersModel),
}


class UnknownBackboneError(ValueError):
    """The configuration is not of a Dinov2 or a Dinov2WithRegisters."""


class UnfitSide(ValueError):
    """A side that is no multiple of the backbone's patch; the text names the nearest."""


class FrozenBackbone(nn.Module):
    """Normalised pictures [B, 3, S, S] to the patch features of chosen layers, concatenated: [B, C, h, w].

    The picture is resized to the nearest multiple of the patch (252 for patch 14 at 256), or see `magnify`. Position
    embeddings are interpolated to the grid that is there. Gradients never flow in.
    """

    def __init__(self, model: nn.Module, layers: Sequence[int]) -> None:
        super().__init__()
        self.model: Any = model
        self.layers = tuple(layers)
        config: Any = model.config
        self.patch = int(config.patch_size)
        self.zoom = 1.0
        self.prefix = 1 + int(getattr(config, "num_register_tokens", 0))  # class token and registers come first
        self.channels = int(config.hidden_size) * len(self.layers)
        self.requires_grad_(False)

    def magnify(self, size: int, side: int) -> None:
        """From now on a picture of `size` pixels is seen at `side`, and others, such as crops of it, in that proportion.

        Raises UnfitSide for a side that is no multiple of the patch.
        """
        if side % self.patch:
            below = side // self.patch * self.patch
            nearest = " and ".join(str(one) for one in (below, below + self.patch) if one)
            raise UnfitSide(f"a backbone of patch {self.patch} cannot see at {side} pixels; the nearest are {nearest}")
        self.zoom = side / size

    def train(self, mode: bool = True) -> "FrozenBackbone":
        """Stays in evaluation mode: a frozen model has no dropout or drop path."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, picture: Tensor) -> Tensor:
        """See the class."""
        count = max(1, round(picture.shape[-1] * self.zoom / self.patch))
        side = count * self.patch
        if side != picture.shape[-1]:
            picture = functional.interpolate(
                picture, size=(side, side), mode="bilinear", align_corners=False, antialias=True
            )
        states = self.model(pixel_values=picture, output_hidden_states=True).hidden_states
        chosen = [self.model.layernorm(states[layer])[:, self.prefix :] for layer in self.layers]  # [B, h*w, C]
        features = torch.cat(chosen, dim=-1)
        return features.transpose(1, 2).reshape(features.shape[0], self.channels, count, count)


def build(config: Mapping[str, Any], layers: Sequence[int]) -> FrozenBackbone:
    """An uninitialised (random) backbone of that configuration; the checkpoint's weights are loaded over it."""
    kind = _kind(str(config.get("model_type")))
    return FrozenBackbone(kind[1](kind[0](**config)), layers)


def fetch(source: str) -> tuple[FrozenBackbone, dict[str, Any]]:
    """A pretrained backbone from a local directory or a hub id, and its configuration.

    Four layers are taken, evenly over the depth, the last included. Raises OSError when it is not there, and
    UnknownBackboneError when what is there is no backbone.
    """
    try:
        found = AutoConfig.from_pretrained(source)
    except OSError as error:
        problem = "neither a folder here nor to be had from the hub; --backbone takes a folder of a DINOv2"
        raise OSError(f"{source}: {problem} ({str(error).splitlines()[0]})") from error
    except ValueError as error:  # a folder whose config.json is missing or names no model that transformers knows
        raise UnknownBackboneError(f"{source}: not a model that transformers knows") from error
    kind = _kind(str(found.model_type))
    model: Any = kind[1].from_pretrained(source)
    depth = int(model.config.num_hidden_layers)
    layers = sorted({max(1, depth * step // 4) for step in (1, 2, 3, 4)})
    return FrozenBackbone(model, layers), model.config.to_diff_dict() | {"model_type": model.config.model_type}


def _kind(model_type: str) -> tuple[type[PretrainedConfig], Any]:
    if model_type not in _KINDS:
        raise UnknownBackboneError(f"backbone model_type {model_type!r} is not one of {', '.join(_KINDS)}")
    return _KINDS[model_type]
