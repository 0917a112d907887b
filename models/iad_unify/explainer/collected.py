"""What frozen experts see in the pictures of a data set: the true regions, and proposals by an expert that did not learn them.

An expert finds the defects that it learned from better than any it will meet. So on pictures that the expert was trained
on, proposals are those of another, a fold's, that held the picture's group out; the tokens are always those of the one
expert that the explainer will read. Templates are not looked at. Drawings need none of this: each is fresh. Knows no
questions.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iad_unify.checkpoint import model_version
from iad_unify.data import pictures, splits, truth
from iad_unify.data.samples import DataError, Sample, read_all
from iad_unify.explainer.sightings import Regions, Sighting, Spotter, proposal_threshold
from iad_unify.procedural import Drawing, DrawnDefect
from iad_unify.region_expert.inspection import maps
from iad_unify.region_expert.proposals import smooth
from iad_unify.region_expert.squares import read_golden
from iad_unify.region_expert.template import align
from iad_unify.types import DEFECT_TYPES, UNKNOWN

#: What `iad-unify train region-expert` writes beside a checkpoint: the groups that it learned from and those it did not.
GROUPS = "groups.json"
#: Logit of a type that an expert does not answer with: never likely.
_NEVER = -30.0


@dataclass(frozen=True, slots=True)
class Pictures:
    """A data set, or a part of it, and the experts that propose on it."""

    folder: str
    groups: Path | None = None  # split file; without it the data set's own parts, or every picture
    folds: tuple[Path, ...] = ()  # experts, each of which proposes on the groups of its test part

    def samples(self) -> list[Sample]:
        """Those of the train part; DataError when there is none."""
        found = read_all([self.folder])
        if self.groups is not None:
            found = splits.select(found, splits.read(self.groups).part("train"))
        elif any(sample.part for sample in found):
            found = [sample for sample in found if sample.part == "train"]
        if not found:
            raise DataError(self.folder, "no sample in the train part")
        return found

    def key(self, samples: Iterable[Sample]) -> str:
        """What kept sightings depend on, beside the expert."""
        told = "\n".join(f"{sample.image.name} {sample.group}" for sample in samples)
        folds = ",".join(model_version(fold) for fold in self.folds)
        return f"{Path(self.folder).name}/{hashlib.sha256(told.encode()).hexdigest()[:12]}/{folds}"


def held_out(folds: Sequence[Path]) -> dict[str, int]:
    """By group, which of the folds' experts did not learn from it; DataError when two say so of one group."""
    found: dict[str, int] = {}
    for index, fold in enumerate(folds):
        for group in splits.read(fold / GROUPS).test:
            if group in found:
                raise DataError(fold / GROUPS, f"group {group} is held out by another fold too")
            found[group] = index
    return found


def covered(samples: Iterable[Sample], folds: Sequence[Path]) -> list[Sample]:
    """The samples with a mask or boxes whose group some fold held out; all such samples where there are no folds."""
    told, groups = (
        [sample for sample in samples if sample.good or sample.mask is not None or sample.boxes],
        held_out(folds),
    )
    return [sample for sample in told if not folds or sample.group in groups]


class Collector(Spotter):
    """Looks at the pictures of a data set."""

    def __init__(self, checkpoint: Path, threshold: float, folds: Sequence[Path]) -> None:
        super().__init__(checkpoint, threshold)
        spotters = [Spotter(fold, proposal_threshold(fold)) for fold in folds]
        self._folds = [(spotter.model, spotter.level) for spotter in spotters]
        self._held_out = held_out(folds)

    def golden(self, drawing: Drawing) -> NDArray[np.uint8] | None:
        """The picture's template, where `collect` has read one."""
        return None if drawing.clean is drawing.image else drawing.clean

    def collect(self, sample: Sample) -> tuple[Sighting, NDArray[np.float16]]:
        """What is seen in a picture, and the appearance rows [1, K, D] of the whole of it; raises DataError."""
        rgb = pictures.read_rgb(sample.image)
        good = rgb
        if self.model.config.template and sample.template is not None:
            good = align(read_golden(sample.template, rgb.shape[1], rgb.shape[0]), rgb)
        defects = tuple(
            DrawnDefect(slug if slug in DEFECT_TYPES else UNKNOWN, mask)
            for slug, mask in truth.defects(sample, rgb)
            if mask.any()
        )
        drawing = Drawing(sample.product or "", rgb, good, defects)
        look = self.look([drawing])[0]
        frame = look.frame
        smoothed = smooth(look.raw, frame.letterbox, self.model.config.smoothing_px)
        proposing, level = smoothed, self.level
        if self._folds:
            fold, level = self._folds[self._held_out[sample.group]]
            raw = maps(fold, frame.square[None], [frame.template if fold.config.template else None])[0]
            proposing = smooth(raw[0], frame.letterbox, fold.config.smoothing_px)
        answers = self.model.config.answers
        sighting = Sighting(
            drawing.product,
            frame.letterbox.width,
            frame.letterbox.height,
            _in_order(self._oracle(drawing, look, smoothed), answers),
            _in_order(self._predicted(drawing, look, proposing, level), answers),
        )
        return sighting, self.whole(frame)


def _in_order(regions: Regions, answers: Sequence[str]) -> Regions:
    """With logits in the order of our types and `unknown`, whatever types the expert knows."""
    place: Mapping[str, int] = {slug: index for index, slug in enumerate(answers)}
    columns = [
        regions.type_logits[:, place[slug]] if slug in place else np.full(len(regions.rles), _NEVER, np.float32)
        for slug in (*DEFECT_TYPES, UNKNOWN)
    ]
    return replace(regions, type_logits=np.stack(columns, axis=1))


def collect(
    collector: Collector, samples: Sequence[Sample], advance: Callable[[int], None] = lambda done: None
) -> tuple[list[Sighting], NDArray[np.float16]]:
    """Sightings of the samples and the appearance rows [N, K, D] of the whole pictures."""
    found: list[Sighting] = []
    wholes: list[NDArray[np.float16]] = []
    for done, sample in enumerate(samples, start=1):
        sighting, whole = collector.collect(sample)
        found.append(sighting)
        wholes.append(whole)
        advance(done)
    return found, np.concatenate(wholes)
