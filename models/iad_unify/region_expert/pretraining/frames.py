"""Unlabelled pictures as squares: from data sets, folders of any pictures, or drawings. It reads no mask and no type."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from iad_unify.data import layouts, pictures, splits
from iad_unify.data.layouts.listing import GOOD, PICTURES
from iad_unify.data.samples import DataError, Sample
from iad_unify.geometry import Letterbox
from iad_unify.procedural import draw_random

#: Squares are kept decoded up to this; beyond it they are read again.
_KEPT_BYTES = 2 << 30
#: Drawings there are, and the first number of their seeds; held-out drawings have others.
_DRAWINGS, _STREAM = 1024, 7_000_003
#: Folders of masks inside a folder of any pictures.
_MASKS = frozenset({"ground_truth", "masks", "mask"})


@dataclass(frozen=True, slots=True)
class Frame:
    """The content of a picture at the expert's scale, without the padding of its letterbox."""

    rgb: NDArray[np.uint8]  # [h, w, 3], the longer side is that of the square


class Frames(Protocol):
    """A supply of frames; all chance comes from `rng`."""

    def next(self, rng: np.random.Generator) -> Frame:
        """Another frame. Raises DataError when a file is not a picture."""
        ...


class Files:
    """Pictures of files, any of them with equal chance."""

    def __init__(self, files: Sequence[Path], size: int) -> None:
        self._files, self._size = tuple(files), size
        self._kept: dict[Path, Frame] = {}
        self._room = max(1, _KEPT_BYTES // (3 * size * size))

    def next(self, rng: np.random.Generator) -> Frame:
        """See the port."""
        return self.open(self._files[int(rng.integers(len(self._files)))])

    def open(self, file: Path) -> Frame:
        """The frame of one file."""
        if file not in self._kept:
            if len(self._kept) >= self._room:
                self._kept.pop(next(iter(self._kept)))
            self._kept[file] = _content(pictures.read_rgb(file), self._size)
        return self._kept[file]


class Drawings:
    """Procedural drawings, good and defective; each is drawn once, when it is first asked for, and kept."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: dict[int, Frame] = {}

    def next(self, rng: np.random.Generator) -> Frame:
        """See the port."""
        number = int(rng.integers(_DRAWINGS))
        if number not in self._kept:
            self._kept[number] = Frame(draw_random(np.random.default_rng([_STREAM, number]), self._size).image)
        return self._kept[number]


class Mixed:
    """Each of several supplies with equal chance."""

    def __init__(self, parts: Sequence[Frames]) -> None:
        self._parts = tuple(parts)

    def next(self, rng: np.random.Generator) -> Frame:
        """See the port."""
        return self._parts[int(rng.integers(len(self._parts)))].next(rng)


def find(folders: Sequence[str], groups: Path | None) -> list[Path]:
    """The picture files of all folders, sorted: of a data set its pictures, of any other folder all below it.

    With a split file only pictures of groups in its train part; a data set that it names no group of counts as a whole, as
    in training. Without one, a data set's own test part is left out. Raises DataError when nothing is left, or a folder
    without a data set's layout is to be divided by groups.
    """
    if groups and not folders:
        raise DataError(groups, "no picture to divide: drawings have no groups")
    loose: list[Path] = []
    known: list[Sample] = []
    for name in folders:
        samples = _samples(Path(name), groups is not None)
        if samples is not None:
            prefix = f"{Path(name).name}:" if len(folders) > 1 else ""  # as `samples.read_all` names groups
            known += [replace(sample, group=prefix + sample.group) for sample in samples]
        elif groups:
            raise DataError(name, "has no layout of a data set, so no groups to choose by; leave out --groups")
        else:
            loose += _below(Path(name))
    found = {*loose, *(sample.image for sample in _chosen(known, groups, len(folders)))}
    if folders and not found:
        raise DataError(groups or folders[0], "no picture to learn from")
    return sorted(found)


def _chosen(known: Sequence[Sample], groups: Path | None, folders: int) -> list[Sample]:
    if groups is None:
        return [sample for sample in known if sample.part != "test"]
    split = splits.read(groups)
    return splits.select(known, (splits.with_prefixes(split, known) if folders > 1 else split).train)


def supply(files: Sequence[Path], drawn: bool, size: int) -> Frames:
    """One supply out of files and, if `drawn`, drawings; `size` is the side of the square, pixels."""
    parts: list[Frames] = [Files(files, size)] if files else []
    return Mixed([*parts, Drawings(size)] if drawn else parts)


def _samples(folder: Path, divided: bool) -> list[Sample] | None:
    """The samples of a data set, None for a folder of any pictures; one that is to be divided must be a data set."""
    if not folder.is_dir():
        raise DataError(folder, "no such folder")
    layout = next((one for one in layouts.LAYOUTS if one.matches(folder)), None)
    if layout is None or (layout.name == "folder" and not divided and not (folder / GOOD).is_dir()):
        return None
    return layouts.read(folder)


def _below(folder: Path) -> Iterator[Path]:
    """Every picture under a folder, hidden folders and masks left out."""
    for place, inside, names in os.walk(folder):
        inside[:] = sorted(name for name in inside if not name.startswith(".") and name not in _MASKS)
        for name in names:
            file = Path(place, name)
            if file.suffix.lower() in PICTURES and not name.startswith(".") and not file.stem.endswith("_mask"):
                yield file


def _content(rgb: NDArray[np.uint8], size: int) -> Frame:
    letterbox = Letterbox.fit(rgb.shape[1], rgb.shape[0], size)
    x, y, width, height = letterbox.inner
    return Frame(np.ascontiguousarray(letterbox.apply(rgb)[y : y + height, x : x + width]))
