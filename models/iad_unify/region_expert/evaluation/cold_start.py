"""A reference as the detector: a memory of good pictures, or each sample's own template; no training.

Alone it is what a camera has on its first day, fused with the decoder's map what it has later. No measured picture has a
part in the reference or its scale, its template may.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.data.samples import DataError
from iad_unify.geometry import Letterbox
from iad_unify.region_expert import golden, memory, reference, tiling
from iad_unify.region_expert.evaluation.seen import Levels
from iad_unify.region_expert.evaluation.subjects import Case, Subject, Subjects
from iad_unify.region_expert.model import RegionExpert
from iad_unify.region_expert.squares import read_template
from iad_unify.region_expert.template import align


class ColdStart(StrEnum):
    """Which reference."""

    MEMORY = "memory"
    TEMPLATE = "template"


Square = NDArray[np.uint8]  # [W, W, 3]
#: The map [W, W] of a square and its letterbox, given the case that it shows; raises DataError.
Compare = Callable[[Square, Letterbox, Case], NDArray[np.float32]]

#: Thresholds where no validation part can choose them: half of the reference's own scale.
LEVELS = Levels(0.5, 0.5, 0.5, "half of the reference's scale")
#: Good pictures that are remembered, and templates that a scale is taken from, at most.
_MOST_GOOD, _MOST_TEMPLATES = 500, 32
#: What a good picture differs from its template by, where there is none to tell: a shift of the camera, pixels; a share of
#: the light; noise, grey levels.
_SHIFT_PX, _LIGHT, _NOISE = 2.0, 0.03, 3.0


def prepare(kind: ColdStart, expert: RegionExpert, found: Subjects, square: int) -> Compare:
    """The reference of what is learnt from, for squares of that side; raises DataError where it is too little."""
    if kind is ColdStart.MEMORY:
        return _by_memory(expert, found.learnt, square)
    return _by_template(expert, found, square)


def _by_memory(expert: RegionExpert, learnt: Sequence[Subject], square: int) -> Compare:
    shown: list[tuple[Square, Letterbox]] = []
    owners: list[int] = []
    numbers: dict[str, int] = {}
    for subject in learnt:
        case = subject.open()
        if case.types or len(shown) == _MOST_GOOD:
            continue
        shown.append(_square(case.rgb, square))
        owners.append(numbers.setdefault(subject.group, len(numbers)))
    if len(numbers) < reference.LEAST_PICTURES:
        raise DataError(
            "reference",
            f"good pictures of {len(numbers)} groups in the train part: too few to remember; --groups FILE names one",
        )
    kept = memory.build(expert, shown, "", owners=owners)
    side = expert.config.size

    def compare(picture: Square, letterbox: Letterbox, case: Case) -> NDArray[np.float32]:
        return memory.maps([kept], tiling.patches_of(expert, picture[None]), side, [letterbox])[0]

    return compare


def _by_template(expert: RegionExpert, found: Subjects, square: int) -> Compare:
    """The scale comes from the good pictures of the train part that have a template.

    Where there are too few, it comes from templates, each compared with itself as another picture would show it: shifted by
    a fraction of a pixel or two, in slightly other light, with noise.
    """
    highest = _highest(expert, found.learnt, square, good=True)
    if len(highest) < reference.LEAST_PICTURES:
        highest = _highest(expert, found.learnt or found.measured, square, good=False)
    if len(highest) < reference.LEAST_PICTURES:
        raise DataError("reference", f"{len(highest)} pictures with a template: too few for a scale")
    centre, spread = reference.scale(np.array(highest))

    def compare(picture: Square, letterbox: Letterbox, case: Case) -> NDArray[np.float32]:
        template = read_template(_template(case), picture, letterbox)
        distance = golden.distances(expert, picture[None], template[None], [letterbox])[0]
        return golden.score(distance, letterbox, centre, spread)

    return compare


def _highest(expert: RegionExpert, known: Sequence[Subject], square: int, *, good: bool) -> list[float]:
    """The largest distance of each pair: good pictures and their templates, or templates and themselves, taken anew."""
    found: list[float] = []
    rng = np.random.default_rng(0)
    for subject in known:
        case = subject.open()
        if case.template is None or (good and case.types):
            continue
        picture, letterbox = _square(case.rgb, square)
        template = read_template(case.template, picture, letterbox)
        if not good:
            picture = _anew(template, rng)
            template = align(template, picture)
        found.append(float(golden.distances(expert, picture[None], template[None], [letterbox]).max()))
        if len(found) == _MOST_TEMPLATES:
            break
    return found


def _anew(template: Square, rng: np.random.Generator) -> Square:
    """The template as another picture of it would look."""
    shift = np.array([[1, 0, rng.uniform(-_SHIFT_PX, _SHIFT_PX)], [0, 1, rng.uniform(-_SHIFT_PX, _SHIFT_PX)]])
    moved = cv2.warpAffine(template, shift, template.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    lit = moved * rng.uniform(1 - _LIGHT, 1 + _LIGHT) + rng.normal(0, _NOISE, template.shape)
    return lit.clip(0, 255).astype(np.uint8)


def _square(rgb: NDArray[np.uint8], side: int) -> tuple[Square, Letterbox]:
    letterbox = Letterbox.fit(rgb.shape[1], rgb.shape[0], side)
    return letterbox.apply(rgb), letterbox


def _template(case: Case) -> Path:
    if case.template is None:
        raise DataError("reference", "a picture without a template")
    return case.template
