"""What a data set is: a list of samples, each a picture with its mask, its defect type and the group it belongs to.

How they lie on disk is the matter of `iad_unify.data.layouts`. It opens no picture.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from iad_unify.types import UNKNOWN

#: The parts of a data set, as a data set's own division and a split name them.
PARTS = ("train", "validation", "test")


class DataError(ValueError):
    """A data set that cannot be read: the path and what is wrong with it."""

    def __init__(self, path: Path | str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = Path(path)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Box:
    """Where one defect is, in pixels of the original picture; right and bottom are exclusive."""

    x0: int
    y0: int
    x1: int
    y1: int
    defect_type: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture and what is known of its defects: a mask, boxes, only a type, or nothing because it is good.

    `defect_type` is the type of all its defects, UNKNOWN where a data set does not tell. It is None both for a good
    picture and for one with defects of several types: ask `good`, never `defect_type is None`, whether one is good.
    """

    image: Path
    mask: Path | None
    defect_type: str | None
    group: str  # pictures of one group show the same thing and never part in a split
    boxes: tuple[Box, ...] = ()
    template: Path | None = None  # a picture of the same place without defects, aligned with `image`
    part: str | None = None  # "train", "validation" or "test" where the data set itself says so
    product: str | None = None  # what is shown, where the data set has several

    @property
    def defect_types(self) -> frozenset[str]:
        """The types of all its defects; empty for a good picture."""
        return frozenset(box.defect_type for box in self.boxes) | ({self.defect_type} if self.defect_type else set())

    @property
    def good(self) -> bool:
        """Whether the picture shows no defect."""
        return not self.defect_types


def read(folder: Path) -> list[Sample]:
    """The samples of a folder, in a stable order, whatever its layout (see `iad_unify.data.layouts`).

    Raises DataError when no layout fits, the data set is empty, or it names a file that is not there.
    """
    from iad_unify.data import layouts  # the layouts build samples, so they come after this module

    return layouts.read(folder)


def read_all(folders: Sequence[str]) -> list[Sample]:
    """The samples of all folders; with several, groups are told apart by a `folder:` prefix."""
    found: list[Sample] = []
    for folder in folders:
        part = read(Path(folder))
        prefix = f"{Path(folder).name}:" if len(folders) > 1 else ""
        found += [replace(sample, group=prefix + sample.group) for sample in part]
    return found


def types_of(samples: Iterable[Sample]) -> tuple[str, ...]:
    """The types that the samples name, sorted; UNKNOWN is not one."""
    return tuple(sorted({name for sample in samples for name in sample.defect_types} - {UNKNOWN}))
