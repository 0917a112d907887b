"""How trainings move their weights: Muon for the matrices between layers, AdamW for all others. It knows no model and no data.

A matrix that maps hidden channels to hidden channels does best when its update is orthogonal, so that no direction is left
behind (Muon, Jordan et al. 2024). What reads the input or writes the answer, and vectors, keep AdamW. Updates of a matrix are
scaled to the size of AdamW's (Liu et al. 2025, "Muon is scalable for LLM training"), so both go by one rate and one decay.
"""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import nn


class Optimiser:
    """Moves `weights` (by name); those named in `hidden`, matrices or convolution kernels, by Muon.

    Vectors do not decay. Weights must lie on the device that they are trained on.
    """

    def __init__(
        self,
        weights: Mapping[str, nn.Parameter],
        hidden: Collection[str],
        *,
        decay: float,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        self._weights = list(weights.values())
        self._matrices = [weights[name] for name in hidden]
        # Muon takes matrices: a kernel is one of its outputs by all that each of them reads, in the same memory
        self._flat = [nn.Parameter(one.detach().view(one.shape[0], -1)) for one in self._matrices]
        others = [weight for name, weight in weights.items() if name not in hidden]
        groups = [
            {"params": [one for one in others if one.ndim > 1], "weight_decay": decay},
            {"params": [one for one in others if one.ndim <= 1], "weight_decay": 0.0},
        ]
        on_gpu = any(one.is_cuda for one in others)
        self._parts: dict[str, torch.optim.Optimizer] = {"adamw": torch.optim.AdamW(groups, betas=betas, fused=on_gpu)}
        if self._flat:
            self._parts["muon"] = torch.optim.Muon(self._flat, weight_decay=decay, adjust_lr_fn="match_rms_adamw")

    def step(self, rate: float) -> None:
        """One update by the gradients, at that learning rate."""
        for matrix, flat in zip(self._matrices, self._flat, strict=True):
            flat.grad = None if matrix.grad is None else matrix.grad.reshape(flat.shape)
        for part in self._parts.values():
            for group in part.param_groups:
                group["lr"] = rate
            part.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for weight in self._weights:
            weight.grad = None

    def state_dict(self) -> dict[str, Any]:
        """What a later run needs to go on."""
        return {name: part.state_dict() for name, part in self._parts.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict`; raises KeyError or ValueError when it is of other weights."""
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
