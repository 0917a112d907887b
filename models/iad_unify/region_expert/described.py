"""One frame as the heads see it, and what they say of its regions. Plain records; it knows no model."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from iad_unify.geometry import Letterbox


class Frame(NamedTuple):
    """One frame as the heads see it: the square uint8 [S, S, 3], its features [1, D, h, w], the aligned template if any."""

    square: NDArray[np.uint8]
    letterbox: Letterbox
    features: torch.Tensor
    template: NDArray[np.uint8] | None = None


class Described(NamedTuple):
    """What the heads say of R regions."""

    appearance: NDArray[np.float16]  # [R, K, D]
    type_logits: NDArray[np.float32]  # [R, T + 1], of the configuration's answers
    margins: NDArray[np.float32]  # [R, 4], pixels of the square; 0 without a head for them
