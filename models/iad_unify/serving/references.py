"""References of cameras in a folder: memories of good parts and golden templates, built into it, found by their id and held.

A file is named by its id, the first 12 hex digits of its sha256, and never changes. A frame names one id, or two with a
plus between them: a memory and a template. It knows no camera and no threshold.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from iad_unify.catalog import CALIBRATE_AGAIN
from iad_unify.checkpoint import model_version as version_of
from iad_unify.geometry import Letterbox
from iad_unify.region_expert import golden, memory
from iad_unify.region_expert import model as expert
from iad_unify.region_expert.golden import Golden
from iad_unify.region_expert.good_parts import nearest
from iad_unify.region_expert.memory import Memory, fuse
from iad_unify.region_expert.model import RegionExpert
from iad_unify.region_expert.reference import CalibrateAgain

#: References held at a time: a memory takes 0.2 MB with the toy expert and up to 4 MB of pictures, a template as much as its
#: square; a line has fewer cameras on one server.
MOST_HELD = 32
_ID = r"[0-9a-f]{12}"

_Kind = TypeVar("_Kind", Memory, Golden)


@dataclass(frozen=True, slots=True)
class Named:
    """The references that the frames of a batch name, each by the number of its frame."""

    model: RegionExpert
    pictures: NDArray[np.uint8]  # [B, S, S, 3]
    letterboxes: Sequence[Letterbox]
    memories: Mapping[int, Memory]
    goldens: Mapping[int, Golden]
    aligned: Mapping[int, NDArray[np.uint8]]  # [S, S, 3], the golden templates, each aligned with its frame

    @property
    def templates(self) -> list[NDArray[np.uint8] | None]:
        """For the expert's second input; none for one that takes none."""
        return [self.aligned.get(row) if self.model.config.template else None for row in range(len(self.pictures))]

    @property
    def compares(self) -> bool:
        """Whether `compare` says anything: patches are only needed then."""
        return bool(self.memories) or self._compares_templates

    @property
    def _compares_templates(self) -> bool:
        return bool(self.goldens) and not self.model.config.template

    def compare(self, seen: Tensor) -> list[NDArray[np.float32] | None]:
        """What the references say, maps [S, S] in 0..1, given the frames' patches (see `tiling.look`); None without one.

        Nothing of templates that the expert takes itself.
        """
        maps: list[NDArray[np.float32] | None] = [None] * len(self.pictures)
        rows, boxes = list(self.memories), [self.letterboxes[row] for row in self.memories]
        if rows:
            said = memory.maps(list(self.memories.values()), seen[rows], self.model.config.size, boxes)
            for row, one in zip(rows, said, strict=True):
                maps[row] = one
        if self._compares_templates:
            rows, boxes = list(self.goldens), [self.letterboxes[row] for row in self.goldens]
            shown = np.stack([self.aligned[row] for row in rows])
            apart = golden.distances(self.model, self.pictures[rows], shown, boxes, seen[rows])
            for row, distance in zip(rows, apart, strict=True):
                one, other = self.goldens[row].score(distance), maps[row]
                maps[row] = one if other is None else fuse(other, one)
        return maps

    def good_part(self, row: int) -> NDArray[np.uint8] | None:
        """What a frame [S, S, 3] would be without a defect, aligned: its golden template, or the good part most like it."""
        if row in self.aligned:
            return self.aligned[row]
        if row not in self.memories:
            return None
        return nearest(self.memories[row].good_parts, self.pictures[row], self.letterboxes[row])


class References:
    """The references that one loaded expert has used last. `folder` is None where none are kept.

    An expert that was trained with templates is given them, unless `takes_templates` says that what runs its network takes
    none; every other expert's frames are compared with them here.
    """

    def __init__(
        self,
        folder: Path | None,
        model: RegionExpert,
        model_version: str,
        most_held: int = MOST_HELD,
        takes_templates: bool = True,
    ) -> None:
        self._folder, self._model, self._model_version = folder, model, model_version
        self._most_held, self._takes_templates = most_held, takes_templates
        self._held: OrderedDict[str, Memory | Golden] = OrderedDict()  # least recently used first

    def named(self, names: Sequence[str], pictures: NDArray[np.uint8], letterboxes: Sequence[Letterbox]) -> Named:
        """Those of the uint8 squares [B, S, S, 3]; an empty name is none. Frames of different references are one batch.

        Raises CalibrateAgain for a reference that is not there, damaged, of another model version or of frames of another
        size, ValueError for what is no name.
        """
        found = [self._find(name, pictures.shape[1]) for name in names]
        goldens = _of_kind(found, Golden)
        if goldens and self._model.config.template and not self._takes_templates:
            raise CalibrateAgain(names[0], CALIBRATE_AGAIN, "what runs the network takes no template")
        aligned = {row: kept.aligned(pictures[row], letterboxes[row]) for row, kept in goldens.items()}
        return Named(self._model, pictures, letterboxes, _of_kind(found, Memory), goldens, aligned)

    def _find(self, name: str, side: int) -> list[Memory | Golden]:
        """The references that a frame names, of one kind each."""
        if not name:
            return []
        if not re.fullmatch(rf"{_ID}(\+{_ID})?", name, re.ASCII):
            raise ValueError(f"REFERENCE is 12 hexadecimal digits, or two such joined by a plus, not {name[:40]!r}")
        found = [self._hold(one) for one in name.split("+")]
        if len({type(one) for one in found}) < len(found):
            raise ValueError(f"REFERENCE {name} names two of one kind")
        for one in found:
            if isinstance(one, Memory) and one.origin.size != side:
                problem = f"a memory of squares of {one.origin.size} pixels, and this frame is one of {side}"
                raise CalibrateAgain(name, CALIBRATE_AGAIN, problem)
        return found

    def _hold(self, name: str) -> Memory | Golden:
        if name not in self._held:
            self._held[name] = self._load(name)
            while len(self._held) > self._most_held:
                self._held.popitem(last=False)
        self._held.move_to_end(name)
        return self._held[name]

    def _load(self, name: str) -> Memory | Golden:
        if self._folder is None:
            raise CalibrateAgain(name, CALIBRATE_AGAIN, "this expert was given no folder of references")
        path = path_of(self._folder, name)
        reader = golden.load if _is_template(path) else memory.load
        kept = reader(path, self._model_version)
        if hashlib.sha256(path.read_bytes()).hexdigest()[:12] != name:
            raise CalibrateAgain(path, CALIBRATE_AGAIN, "the file is not the one that its name says")
        return kept


class ReferenceService:
    """Builds references with one checkpoint. Raises CheckpointError; `threads` is torch's process-wide thread count."""

    def __init__(self, checkpoint: Path, folder: Path, threads: int = 1) -> None:
        torch.set_num_threads(threads)
        self._model, self._folder = expert.load(Path(checkpoint)), folder
        self.model_version = version_of(checkpoint)

    def build(self, tensors: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
        """REFERENCE, BYTES [1], of IMAGE uint8 [N, S, S, 3] and LETTERBOX fp32 [N, 5] of good parts.

        A memory of them unless MEMORY, bool [1], is there and false; with TEMPLATE uint8 [1, S, S, 3] and
        TEMPLATE_LETTERBOX fp32 [1, 5] also a golden template, which they give the scale of. The files are in the folder when
        it returns.

        Raises ValueError for fewer pictures than a reference takes, squares smaller than the expert's input, pictures of
        another size than the template, and when nothing is asked for; OSError when the folder cannot be written.
        """
        squares = tensors["IMAGE"].astype(np.uint8, copy=False)
        pictures = list(zip(squares, _boxes(tensors["LETTERBOX"], squares.shape[1]), strict=True))
        built: list[Memory | Golden] = []
        if bool(tensors.get("MEMORY", np.array([True]))[0]):
            built.append(memory.build(self._model, pictures, self.model_version))
        if "TEMPLATE" in tensors:
            template = tensors["TEMPLATE"].astype(np.uint8, copy=False)[0]
            (box,) = _boxes(tensors["TEMPLATE_LETTERBOX"], template.shape[0])
            built.append(golden.build(self._model, (template, box), pictures, self.model_version))
        if not built:
            raise ValueError("neither a memory nor a template is asked for")
        self._folder.mkdir(parents=True, exist_ok=True)
        name = "+".join(one.save(path_of(self._folder, one.id)) for one in built)
        return {"REFERENCE": np.array([name.encode()], dtype=object)}


def path_of(folder: Path, name: str) -> Path:
    """The file of a reference."""
    return folder / f"{name}.safetensors"


def names_of(batch: Mapping[str, NDArray[np.generic]]) -> list[str]:
    """The names in REFERENCE [B, 1], empty where there is none. Raises ValueError for another shape."""
    count = len(batch["IMAGE"])
    values = batch.get("REFERENCE")
    if values is None:
        return [""] * count
    if values.shape != (count, 1):
        raise ValueError(f"REFERENCE is [B, 1], not {list(values.shape)}")
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values[:, 0].tolist()]


def _boxes(rows: NDArray[np.generic], side: int) -> list[Letterbox]:
    return [Letterbox.from_array(row.astype(np.float32), side) for row in rows]


def _of_kind(found: Sequence[Sequence[Memory | Golden]], kind: type[_Kind]) -> dict[int, _Kind]:
    """The references of one kind by the number of their frame."""
    return {row: one for row, some in enumerate(found) for one in some if isinstance(one, kind)}


def _is_template(path: Path) -> bool:
    """Whether a file says of itself that it is one; what cannot be read is told by who reads it."""
    try:
        with safe_open(path, "pt") as file:
            return "golden" in (file.metadata() or {})
    except (OSError, SafetensorError):
        return False
