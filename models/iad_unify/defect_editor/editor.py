"""The contract of an editing network, whichever way it draws. Knows no frames, only square crops."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Protocol

import torch
from torch import Generator, Tensor, nn


@dataclass(frozen=True, slots=True)
class Crops:
    """Square crops and what steers them. Pixels are float32 in [-1, 1]; masks are float32 0 or 1."""

    clean: Tensor  # [B, 3, S, S]
    allowed: Tensor  # [B, 1, S, S] where pixels may change
    shape: Tensor  # [B, 1, S, S] the defect's own shape, all zero when only the area is known
    hidden: Tensor  # [B, T, H] hidden states of the shared backbone
    real: Tensor  # bool [B, T], false where a row is padding

    def __len__(self) -> int:
        return len(self.clean)

    def twice(self) -> "Crops":
        """The same crops again behind themselves."""
        return Crops(*(torch.cat([getattr(self, field.name)] * 2) for field in fields(self)))

    def to(self, device: str) -> "Crops":
        """The same crops on another device."""
        return Crops(*(getattr(self, field.name).to(device) for field in fields(self)))


class Editor(Protocol):
    """A network that edits crops. `training_loss` draws its own noise from torch's default generator."""

    def training_loss(self, crops: Crops, target: Tensor, keep: Tensor) -> Tensor:
        """Scalar loss towards `target` [B, 3, S, S]; rows with `keep` false train the null condition."""

    def generate(self, crops: Crops, steps: int, guidance: float, generator: Generator) -> Tensor:
        """Edited crops [B, 3, S, S] in [-1, 1], equal to `clean` outside `allowed`; guidance 1 asks once per step."""

    def learned(self) -> Iterator[tuple[str, nn.Parameter]]:
        """The parameters that training moves and the checkpoint stores; frozen public parts are not among them."""
