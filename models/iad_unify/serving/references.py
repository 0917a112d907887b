"""Memories of good parts in a folder: built into it, found in it by their id and held, scored a batch at a time.

A file is named by its id, the first 12 hex digits of its sha256, and never changes. It knows no camera and no threshold.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from iad_unify.catalog import CALIBRATE_AGAIN
from iad_unify.checkpoint import model_version as version_of
from iad_unify.geometry import Letterbox
from iad_unify.region_expert import memory
from iad_unify.region_expert import model as expert
from iad_unify.region_expert.memory import CalibrateAgain, Memory
from iad_unify.region_expert.model import RegionExpert

#: Memories held at a time, 0.2 MB each with the toy expert; a line has fewer cameras on one server.
MOST_HELD = 32


class References:
    """The memories that one loaded expert has used last. `folder` is None where none are kept."""

    def __init__(
        self, folder: Path | None, model: RegionExpert, model_version: str, most_held: int = MOST_HELD
    ) -> None:
        self._folder, self._model, self._model_version = folder, model, model_version
        self._most_held = most_held
        self._held: OrderedDict[str, Memory] = OrderedDict()  # least recently used first

    def maps(
        self, names: Sequence[str], pictures: NDArray[np.uint8], letterboxes: Sequence[Letterbox]
    ) -> list[NDArray[np.float32] | None]:
        """A map [S, S] of each of the uint8 squares [B, S, S, 3] by the memory of that name; None for an empty name.

        Frames of different memories are one batch. Raises CalibrateAgain for a memory that is not there, damaged, of
        another model version or of squares of another side, ValueError for what is no id.
        """
        found: list[NDArray[np.float32] | None] = [None] * len(names)
        side = pictures.shape[1]
        memories = {index: self._find(name, side) for index, name in enumerate(names) if name}
        if memories:
            rows = list(memories)
            boxes = [letterboxes[index] for index in rows]
            maps = memory.maps(self._model, list(memories.values()), pictures[rows], boxes)
            for index, one in zip(rows, maps, strict=True):
                found[index] = one
        return found

    def _find(self, name: str, side: int) -> Memory:
        if name not in self._held:
            self._held[name] = self._load(name)
            while len(self._held) > self._most_held:
                self._held.popitem(last=False)
        self._held.move_to_end(name)
        kept = self._held[name]
        if kept.origin.size != side:
            problem = f"a memory of squares of {kept.origin.size} pixels, and this frame is one of {side}"
            raise CalibrateAgain(name, CALIBRATE_AGAIN, problem)
        return kept

    def _load(self, name: str) -> Memory:
        if not re.fullmatch(r"[0-9a-f]{12}", name, re.ASCII):
            raise ValueError(f"REFERENCE is 12 hexadecimal digits, not {name[:40]!r}")
        if self._folder is None:
            raise CalibrateAgain(name, CALIBRATE_AGAIN, "this expert was given no folder of memories")
        path = path_of(self._folder, name)
        kept = memory.load(path, self._model_version)
        if hashlib.sha256(path.read_bytes()).hexdigest()[:12] != name:
            raise CalibrateAgain(path, CALIBRATE_AGAIN, "the file is not the one that its name says")
        return kept


class MemoryService:
    """Builds memories with one checkpoint. Raises CheckpointError; `threads` is torch's process-wide thread count."""

    def __init__(self, checkpoint: Path, folder: Path, threads: int = 1) -> None:
        torch.set_num_threads(threads)
        self._model, self._folder = expert.load(Path(checkpoint)), folder
        self.model_version = version_of(checkpoint)

    def build(self, tensors: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
        """REFERENCE, BYTES [1], of IMAGE uint8 [N, S, S, 3] and LETTERBOX fp32 [N, 5] of good parts.

        The file is in the folder when it returns. Raises ValueError for fewer pictures than a memory takes or squares
        smaller than the expert's input, OSError when the folder cannot be written.
        """
        squares = tensors["IMAGE"].astype(np.uint8, copy=False)
        size = squares.shape[1]
        boxes = (Letterbox.from_array(row.astype(np.float32), size) for row in tensors["LETTERBOX"])
        built = memory.build(self._model, zip(squares, boxes, strict=True), self.model_version)
        self._folder.mkdir(parents=True, exist_ok=True)
        name = built.save(path_of(self._folder, built.id))
        return {"REFERENCE": np.array([name.encode()], dtype=object)}


def path_of(folder: Path, name: str) -> Path:
    """The file of a memory."""
    return folder / f"{name}.safetensors"


def names_of(batch: Mapping[str, NDArray[np.generic]]) -> list[str]:
    """The ids in REFERENCE [B, 1], empty where there is none. Raises ValueError for another shape."""
    count = len(batch["IMAGE"])
    values = batch.get("REFERENCE")
    if values is None:
        return [""] * count
    if values.shape != (count, 1):
        raise ValueError(f"REFERENCE is [B, 1], not {list(values.shape)}")
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values[:, 0].tolist()]
