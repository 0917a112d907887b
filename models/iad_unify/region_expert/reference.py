"""What a camera's references have in common: their file, the model they belong to, the scale of their scores."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from iad_unify.catalog import CALIBRATE_AGAIN
from iad_unify.checkpoint import CheckpointError
from iad_unify.geometry import Letterbox

#: A spread of distances cannot be told from fewer pictures.
LEAST_PICTURES = 4
#: Half of the probability scale lies this many spreads above the most unusual patch of a usual good picture.
_MARGIN = 2.0
#: A spread below this share of the typical distance is chance: few pictures, or frames of a part that did not move.
_LEAST_SPREAD = 0.05

Square = tuple[NDArray[np.uint8], Letterbox]
#: What a file says beside its tensors.
Facts = dict[str, Any]
Tensors = dict[str, Tensor]
Found = TypeVar("Found")


class CalibrateAgain(CheckpointError):
    """A reference that this expert cannot use: damaged, of another version of the model, or of other frames."""


class Kind(NamedTuple):
    """A kind of reference: how its files name it, and the entry of their metadata."""

    format: str
    entry: str

    def __str__(self) -> str:
        return self.format.replace("_", " ")


def packed(kind: Kind, facts: Facts, tensors: Mapping[str, Tensor]) -> bytes:
    """The safetensors file.

    One entry of metadata: safetensors writes several in any order, and equal references must be equal files.
    """
    return to_bytes(dict(tensors), {kind.entry: json.dumps({"format": kind.format} | facts, sort_keys=True)})


def read(path: Path, kind: Kind, made: Callable[[Facts, Tensors], Found]) -> Found:
    """What `made` makes of a file of `packed`; raises CalibrateAgain, also when it raises KeyError, TypeError, ValueError."""
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {})[kind.entry])
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
        if facts.pop("format") != kind.format:
            raise ValueError("another kind of file")
        return made(facts, tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CalibrateAgain(path, CALIBRATE_AGAIN, f"not a {kind} ({error})") from error


def check_version(path: Path, kind: Kind, own: str, loaded: str) -> None:
    """Raises CalibrateAgain when a reference belongs to another version of the model than the one that is loaded."""
    if own != loaded:
        raise CalibrateAgain(path, CALIBRATE_AGAIN, f"a {kind} of model {own}, and {loaded} is loaded")


def identity(data: bytes) -> str:
    """The first 12 hex digits of the sha256 of a file."""
    return hashlib.sha256(data).hexdigest()[:12]


def write_whole(path: Path, data: bytes) -> str:
    """Write a file that nobody sees half of; returns its `identity`."""
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(data)
    os.replace(draft, path)
    return identity(data)


def scale(highest: NDArray[np.float64]) -> tuple[float, float]:
    """Centre and spread of the scores, out of the largest distance in each good picture.

    From quantiles, so that one odd picture among the good ones moves little.
    """
    low, middle, high = np.quantile(highest, (0.25, 0.5, 0.75))
    spread = max(float(high - low) / 1.349, _LEAST_SPREAD * float(middle), 1e-6)  # of a normal distribution
    return float(middle) + _MARGIN * spread, spread
