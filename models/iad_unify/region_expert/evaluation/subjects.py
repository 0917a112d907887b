"""What an evaluation looks at: drawings, or the samples of a data set chosen by split; opened one at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iad_unify.data import pictures, splits, truth
from iad_unify.data.samples import Box, DataError, Sample, read_all
from iad_unify.procedural import draw_random
from iad_unify.region_expert.drawn import PROCEDURAL, TEST_STREAM, VALIDATION_STREAM

Mask = NDArray[np.bool_]
_DRAWN_SIDE_PX = 256
_LEARNT = "train"


@dataclass(frozen=True, slots=True)
class Case:
    """A picture with its truth, in original pixels."""

    rgb: NDArray[np.uint8]  # [H, W, 3]
    types: frozenset[str]  # of its defects; empty for a good one
    defects: tuple[tuple[str, Mask], ...] = ()  # type, mask [H, W], where masks are known
    unknown: Mask | None = None  # [H, W] pixels whose truth nobody knows
    boxes: tuple[Box, ...] = ()  # as annotated
    template: Path | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A picture that is not read yet. `open` gives the same every time; raises DataError."""

    name: str
    group: str
    open: Callable[[], Case]


@dataclass(frozen=True, slots=True)
class Subjects:
    """What is measured, what thresholds are chosen on, and what a reference may learn from (nothing where there is none)."""

    measured: Sequence[Subject]
    chosen_on: Sequence[Subject]
    part: str  # the part that is measured, or "all"
    learnt: Sequence[Subject] = ()  # the train part


def drawn(count: int, chosen_on: int = 0) -> Subjects:
    """The first drawings of the stream that no training meets; each is a group of its own.

    And as many as `chosen_on` says of the validation's stream.
    """
    measured, held = (
        [Subject(f"drawing {index}", str(index), partial(_draw, stream, index)) for index in range(some)]
        for stream, some in ((TEST_STREAM, count), (VALIDATION_STREAM, chosen_on))
    )
    return Subjects(measured, held, "all")


def of_folder(folder: str, groups: Path | None, part: str, chosen_on: str | None) -> Subjects:
    """The samples of a folder that are in `part`, and those to choose thresholds on.

    Parts are those of the split file `groups`, else the data set's own, else there are none and every sample is
    measured. Raises DataError when there is no such part or it is empty, when the file names groups that the folder
    lacks, or when thresholds would be chosen on the very part that is measured.
    """
    samples = read_all([folder])
    divided = groups is not None or any(sample.part for sample in samples)
    if chosen_on == part:
        raise DataError(part, "thresholds are never chosen on the part that is measured; use --thresholds card")
    chosen = None if groups is None else _of_this_folder(splits.read(groups), groups, Path(folder).name, samples)
    parts = {name: _part(samples, chosen, name) for name in (part, chosen_on) if name}
    measured = parts[part] if divided else samples
    if not measured:
        raise DataError(folder, f"no sample in the {part} part")
    held = parts[chosen_on] if chosen_on and divided else []
    learnt = _part(samples, chosen, _LEARNT) if divided and _LEARNT not in (part, chosen_on) else []
    measured_those, held_those, learnt_those = ([_subject(s) for s in some] for some in (measured, held, learnt))
    return Subjects(measured_those, held_those, part if divided else "all", learnt_those)


def _of_this_folder(split: splits.Split, path: Path, folder: str, samples: Sequence[Sample]) -> splits.Split:
    """The split without the prefixes, and the groups, that a training of several folders gave it."""
    there, prefix = {sample.group for sample in samples}, f"{folder}:"
    parts = [[g if g in there else g.removeprefix(prefix) for g in part] for part in split.parts()]
    lacking = sorted(g for part in parts for g in part if g not in there and ":" not in g)
    if lacking:
        listed = ", ".join(lacking[:5]) + (" and others" if len(lacking) > 5 else "")
        raise DataError(
            path, f"names {len(lacking)} group(s) that {folder} has not ({listed}); take them out of the file"
        )
    return splits.Split(*(tuple(part) for part in parts))


def _part(samples: Sequence[Sample], split: splits.Split | None, part: str) -> list[Sample]:
    if split is None:
        return [sample for sample in samples if sample.part == part]
    try:
        return splits.select(samples, split.part(part))
    except KeyError as error:
        raise DataError(part, "no such part; there are train, validation and test") from error


def _subject(sample: Sample) -> Subject:
    return Subject(sample.image.name, sample.group, partial(_read, sample))


def _read(sample: Sample) -> Case:
    rgb = pictures.read_rgb(sample.image)
    defects = tuple((kind, mask) for kind, mask in truth.defects(sample, rgb) if mask.any())
    return Case(rgb, sample.defect_types, defects, truth.ignored(sample, rgb), sample.boxes, sample.template)


def _draw(stream: int, index: int) -> Case:
    drawing = draw_random(np.random.default_rng([stream, index]), _DRAWN_SIDE_PX, good_share=0.4)
    defects = tuple((defect.defect_type, defect.mask) for defect in drawing.defects)
    return Case(drawing.image, frozenset(kind for kind, _ in defects), defects)


def is_drawn(data: str) -> bool:
    """Whether `data` asks for drawings."""
    return data == f"{PROCEDURAL}:test"
