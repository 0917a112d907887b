"""The shapes that a backbone can be trained in from scratch, and their weightless models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import Dinov2Config, Dinov2Model, Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from iad_unify.data.samples import DataError
from iad_unify.region_expert import backbone
from iad_unify.region_expert.config import TINY_BACKBONE

#: Each name with its width, layers and heads; facebook/dinov2-NAME has the last four, with patches of 14 pixels. The first is
#: what one processor core can train in a quarter of an hour: at views of 64 pixels a step of 16 pictures takes 0.3 s.
_SIZES: Mapping[str, Mapping[str, Any]] = {
    "compact": {"hidden_size": 96, "num_hidden_layers": 4, "num_attention_heads": 3, "mlp_ratio": 2, "patch_size": 8},
    "small": {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6, "patch_size": 14},
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "patch_size": 14},
    "large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "patch_size": 14},
    "giant": {
        "hidden_size": 1536,
        "num_hidden_layers": 40,
        "num_attention_heads": 24,
        "patch_size": 14,
        "use_swiglu_ffn": True,
    },
}
NAMES = ("tiny", *_SIZES)


def new(name: str, size: int, registers: int, seed: int) -> Any:
    """A random Dinov2Model of the named shape for squares of `size` pixels, with `registers` a Dinov2WithRegistersModel.

    Raises DataError for an unknown name.
    """
    if name not in NAMES:
        raise DataError(name, f"no such configuration; there are {', '.join(NAMES)}")
    values = dict(TINY_BACKBONE if name == "tiny" else _SIZES[name])
    values.pop("model_type", None)
    values["image_size"] = max(1, round(size / values["patch_size"])) * values["patch_size"]
    torch.manual_seed(seed)
    if registers:
        return Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**values, num_register_tokens=registers))
    return Dinov2Model(Dinov2Config(**values))


def pretrained(source: str) -> Any:
    """The backbone of a directory or hub id, to go on from; raises DataError, UnknownBackboneError."""
    try:
        return backbone.fetch(source)[0].model.requires_grad_(True)
    except OSError as error:
        reason = str(error).splitlines()[0]
        raise DataError(source, f"no backbone there, as a directory or on the hub ({reason})") from error


def is_folder(source: str) -> bool:
    """Whether a source is a directory of this machine, whose path should not travel in a card."""
    return Path(source).is_dir()
