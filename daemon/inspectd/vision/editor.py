"""The port of the defect editor: a clean frame and a mask in, the same frame with a defect inside the mask out."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inspectd.records import RegionTokens


@dataclass(frozen=True, slots=True)
class Edit:
    """What to paint, where, and after which reference regions."""

    clean: NDArray[np.uint8]  # [H, W, 3] RGB
    mask: NDArray[np.bool_]  # [H, W]
    defect_type: str
    reference: RegionTokens
    seed: int
    steps: int = 10
    guidance: float = 2.0


class DefectEditor(Protocol):
    """Deterministic for a seed."""

    async def paint(self, edit: Edit) -> NDArray[np.uint8]:
        """The edited frame [H, W, 3] RGB, equal to the clean one bit for bit outside the mask. Raises Unavailable, ModelFailed."""

    async def close(self) -> None:
        """Lets go of the server or the process."""
