"""Facts put into words in any of the languages: the template sentence, and descriptions in several wordings.

Everything that is said here holds before `verify`. It decides what is said; the voices know how.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, zip_longest

import numpy as np

from iad_unify.language.facts import Facts, RegionFact
from iad_unify.language.voices.chinese import Chinese
from iad_unify.language.voices.english import English
from iad_unify.language.voices.german import German
from iad_unify.language.voices.korean import Korean
from iad_unify.language.voices.voice import Said, Voice
from iad_unify.types import DEFECT_TYPES, UNKNOWN

#: The voices by language.
VOICES: dict[str, Voice] = {voice.language: voice for voice in (English(), Korean(), Chinese(), German())}
LANGUAGES: tuple[str, ...] = tuple(VOICES)


def template(facts: Facts, language: str = "en") -> str:
    """The sentence that is said when the model's words do not hold: type, location, size and count.

    Raises KeyError for a language without a voice.
    """
    voice, regions = VOICES[language], facts.regions
    if not regions:
        return voice.nothing[0]
    strongest = said(regions[0])
    return (voice.single(strongest) if len(regions) == 1 else voice.several(len(regions), strongest))[0]


def description(facts: Facts, rng: np.random.Generator, language: str = "en") -> str:
    """One sentence with type, location, size and count, in words drawn from `rng`."""
    voice, regions = VOICES[language], facts.regions
    if not regions:
        return pick(rng, voice.nothing)
    strongest, *others = (said(region, int(rng.integers(3))) for region in regions)
    if not others:
        return pick(rng, voice.single(strongest))
    if len(regions) == 2 and distinct(regions):
        return pick(rng, voice.pair(strongest, others[0]))
    if alike(regions) and rng.random() < 0.5:
        return pick(rng, voice.alike(len(regions), strongest))
    return pick(rng, voice.several(len(regions), strongest))


def alternatives(facts: Facts, language: str = "en", most: int = 24) -> tuple[str, ...]:
    """Sentences of `description` that differ in what the facts leave open: which of the likely types, which wording.

    Up to `most`, dealt out evenly over the types, the most probable first; types without a noun are left out. Raises
    KeyError for a language without a voice.
    """
    voice, regions = VOICES[language], facts.regions
    if not regions:
        return tuple(dict.fromkeys(voice.nothing))[:most]
    columns = []
    for slug in (slug for slug in regions[0].likely if slug in (*DEFECT_TYPES, UNKNOWN)):
        ways = [replace(said(regions[0], way), defect_type=slug) for way in range(3)]
        wordings = [voice.single(one) if len(regions) == 1 else voice.several(len(regions), one) for one in ways]
        columns.append([sentence for row in zip(*wordings, strict=True) for sentence in row])
    dealt = (sentence for row in zip_longest(*columns) for sentence in row if sentence is not None)
    return tuple(dict.fromkeys(dealt))[:most]


def said(region: RegionFact, way: int = 0) -> Said:
    """A region in the terms of the voices; `way` chooses among the names of its place."""
    return Said(region.defect_type, region.size, region.cell, way)


def pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    """One of the choices."""
    return choices[int(rng.integers(len(choices)))]


def distinct(regions: Sequence[RegionFact]) -> bool:
    """Whether naming each by its own type counts right: types of one sentence must not stand for each other."""
    named = [region.defect_type for region in regions]
    return UNKNOWN not in named and all(first != second for first, second in pairwise(sorted(named)))


def alike(regions: Sequence[RegionFact]) -> bool:
    """Whether all are surely of one known type and of one size."""
    first = regions[0]
    same = all(region.likely == first.likely[:1] and region.size == first.size for region in regions)
    return same and first.defect_type != UNKNOWN
