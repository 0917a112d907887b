"""A LoRA adapter on the language model: put in before training, folded into the weights before they are saved.

So a checkpoint that was trained with one is served without it. LoRA is that of Hu et al. 2021 (arXiv 2106.09685), by
`peft`. Knows no training.
"""

import copy
from collections.abc import Iterator

from torch import nn

from iad_unify.explainer.model import RegionQwen

#: What the low-rank change is multiplied with, over its rank.
SCALE = 2
#: Part of the name of an adapter's weights.
_MARK = ".lora_"


def add(model: RegionQwen, rank: int) -> None:
    """Put an adapter of that rank beside every linear layer of the language model's blocks, in place."""
    from peft import LoraConfig, inject_adapter_in_model

    blocks = model.model.language_model.layers
    linear = sorted(name for name, module in blocks.named_modules() if isinstance(module, nn.Linear))
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=SCALE * rank, target_modules=linear), blocks)
    for module in blocks.modules():  # small steps vanish in bf16
        for name, part in module.named_children():
            if name.startswith("lora_"):
                part.float()


def weights(model: RegionQwen) -> Iterator[nn.Parameter]:
    """The adapter's weights; none where there is no adapter."""
    return (weight for name, weight in model.named_parameters() if _MARK in name)


def folded(model: RegionQwen) -> RegionQwen:
    """A copy with the adapter's change added to the weights and the adapter gone."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    plain = copy.deepcopy(model)
    places = [(name, module) for name, module in plain.named_modules() if isinstance(module, BaseTunerLayer)]
    for name, module in places:
        module.merge()
        holder, _, last = name.rpartition(".")
        setattr(plain.get_submodule(holder), last, module.get_base_layer())
    return plain
