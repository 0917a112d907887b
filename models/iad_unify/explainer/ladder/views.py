"""One defect as the explainer may be shown it: true region, predicted, worse and worse, the whole picture.

A view is of a picture with exactly one defect, so that "the defect" is one and the same in every setting. All tokens
are the frozen expert's, pooled from the same features. Knows no question.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iad_unify.catalog import EXPERT_SIZE
from iad_unify.checkpoint import CheckpointError
from iad_unify.explainer.ladder.degrading import degraded, overlap
from iad_unify.explainer.sightings import MIN_AREA_PX, drawn, proposal_threshold
from iad_unify.geometry import WHOLE_FRAME, Letterbox, geometry_of_mask
from iad_unify.language.facts import RegionFact, fact_of_mask
from iad_unify.region_expert import model as experts
from iad_unify.region_expert.evaluation.subjects import Case, Subject
from iad_unify.region_expert.inspection import Frame, Inspected, Level, describe, maps, regions
from iad_unify.region_expert.proposals import smooth
from iad_unify.region_expert.squares import read_template
from iad_unify.types import DEFECT_TYPES

#: IoU of the worse masks with the true one.
DEGREES = (0.9, 0.7, 0.5)


@dataclass(frozen=True, slots=True)
class Token:
    """What the explainer is given of one region."""

    appearance: NDArray[np.floating]  # [K, D]
    geometry: NDArray[np.float32]  # [5]
    named: str = ""  # the type that the expert holds likeliest; the explainer is not told


@dataclass(frozen=True, slots=True)
class View:
    """One defect and the regions that stand for it."""

    name: str
    group: str
    fact: RegionFact  # the truth, of the true mask
    known_type: bool  # whether the explainer has a word for its type
    oracle: Token
    predicted: Token | None  # the expert's strongest proposal; None when it proposes nothing
    found: bool  # whether that proposal touches the defect
    whole: Token
    worse: Mapping[float, Token]  # by the IoU asked for
    reached: Mapping[float, float]  # the IoU of those masks; small ones cannot have every value


class Viewer:
    """Looks at pictures with a frozen expert, at the proposal threshold of its card."""

    def __init__(self, expert: Path, seed: int = 0) -> None:
        threshold = proposal_threshold(expert)
        self.model = experts.load(expert)
        if self.model.config.size != EXPERT_SIZE:
            raise CheckpointError(expert, f"train it with size {EXPERT_SIZE}", f"its side is {self.model.config.size}")
        config = self.model.config
        self._level = Level(threshold, MIN_AREA_PX, config.merge_gap_px, 1, config.grow_share)
        self._seed = seed

    def view(self, subject: Subject, index: int) -> View | None:
        """The view of a picture, or None when it does not show exactly one defect; raises DataError."""
        case = subject.open()
        if len(case.defects) != 1:
            return None
        slug, mask = case.defects[0]
        frame, found = self._look(case)
        rng = np.random.default_rng((self._seed, 17, index))
        worse = {iou: degraded(mask, iou, rng) for iou in DEGREES}
        box = frame.letterbox
        squares = [box.apply_mask(mask), box.content(), *(box.apply_mask(one) for one in worse.values())]
        looks, logits, _ = describe(self.model, frame, squares)
        return View(
            subject.name,
            subject.group,
            fact_of_mask(mask, {slug: 1.0}),
            slug in DEFECT_TYPES,
            Token(looks[0], geometry_of_mask(mask), self._named(logits[0])),
            self._strongest(found, box),
            _touches(found, mask),
            Token(looks[1], WHOLE_FRAME),
            {iou: Token(looks[2 + at], geometry_of_mask(one)) for at, (iou, one) in enumerate(worse.items())},
            {iou: overlap(mask, one) for iou, one in worse.items()},
        )

    def _strongest(self, found: Inspected, box: Letterbox) -> Token | None:
        if not found.proposals:
            return None
        return Token(found.appearance[0], found.proposals[0].geometry(box), self._named(found.type_logits[0]))

    def _named(self, logits: NDArray[np.float32]) -> str:
        return self.model.config.answers[int(logits.argmax())]

    def _look(self, case: Case) -> tuple[Frame, Inspected]:
        height, width = case.rgb.shape[:2]
        box = Letterbox.fit(width, height, EXPERT_SIZE)
        square = box.apply(case.rgb)
        template = None
        if case.template is not None and self.model.config.template:
            template = read_template(case.template, square, box)
        raw, features = maps(self.model, square[None], None if template is None else template[None])
        frame = Frame(square, box, features, template)
        smoothed = smooth(raw[0], box, self.model.config.smoothing_px)
        return frame, regions(self.model, smoothed, frame, self._level)


def _touches(found: Inspected, mask: NDArray[np.bool_]) -> bool:
    if not found.proposals:
        return False
    first = found.proposals[0]
    height, width = first.mask.shape
    return bool((mask[first.y : first.y + height, first.x : first.x + width] & first.mask).any())


def drawings(split: str, seed: int, count: int) -> list[Subject]:
    """The first drawings of a split, each a group of its own; those that `evaluate understanding` looks at."""
    return [Subject(f"drawing {index}", str(index), partial(_drawn, split, seed, index)) for index in range(count)]


def _drawn(split: str, seed: int, index: int) -> Case:
    drawing = drawn(split, seed, index)
    defects = tuple((defect.defect_type, defect.mask) for defect in drawing.defects)
    return Case(drawing.image, frozenset(slug for slug, _ in defects), defects)


def views_of(
    viewer: Viewer, those: Sequence[Subject], report: Callable[[float], None] = lambda share: None
) -> list[View]:
    """The views of the pictures with exactly one defect; `report` is told the share that was looked at."""
    found = []
    for index, subject in enumerate(those):
        view = viewer.view(subject, index)
        if view is not None:
            found.append(view)
        report((index + 1) / len(those))
    return found
