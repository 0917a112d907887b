"""True sentences pass, and each of 500 planted contradictions is caught: every kind of claim, every language."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from iad_unify.geometry import CELLS
from iad_unify.language.facts import SIZES, Facts, RegionFact
from iad_unify.language.speech import LANGUAGES, VOICES, alike, description, distinct, said, template
from iad_unify.language.verify import check
from iad_unify.language.voices.voice import Said
from iad_unify.types import DEFECT_TYPES

RandomFacts = Callable[[np.random.Generator], Facts]

#: So many of each kind in each language: 4 x 5 x 25 = 500.
EACH = 25
KINDS = ("type", "location", "size", "count", "existence")


def sentences(facts: Facts, language: str, rng: np.random.Generator) -> Iterator[str]:
    """All that the voice may say of these facts."""
    voice, regions = VOICES[language], facts.regions
    yield template(facts, language)
    yield description(facts, rng, language)
    if not regions:
        yield from voice.nothing
        return
    strongest, *others = (said(region, int(rng.integers(3))) for region in regions)
    if not others:
        yield from voice.single(strongest)
        return
    yield from voice.several(len(regions), strongest)
    if len(regions) == 2 and distinct(regions):
        yield from voice.pair(strongest, others[0])
    if alike(regions):
        yield from voice.alike(len(regions), strongest)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_true_sentence_is_never_contradicted(language: str, random_facts: RandomFacts) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        facts = random_facts(rng)
        for sentence in sentences(facts, language, rng):
            assert check(sentence, facts) == (), (sentence, facts)
            assert check(sentence, facts, language=language, question=VOICES[language].question) == (), sentence


def other_than(rng: np.random.Generator, all_of_them: tuple[str, ...], said_truly: set[str]) -> str | None:
    left = [one for one in all_of_them if one not in said_truly]
    return left[int(rng.integers(len(left)))] if left else None


def planted(kind: str, facts: Facts, language: str, rng: np.random.Generator) -> str | None:
    """A sentence of the voice with one falsehood of this kind; None where the facts leave no room for one."""
    voice, regions = VOICES[language], facts.regions
    if kind == "existence":
        some = Said("stain", "large", "center", int(rng.integers(3)))
        return pick(rng, voice.nothing) if regions else pick(rng, voice.single(some))
    if not regions:
        return None
    true = said(regions[0], int(rng.integers(3)))
    count = len(regions)
    if kind == "type":
        slug = other_than(rng, DEFECT_TYPES, {slug for region in regions for slug in region.likely})
        false = None if slug is None else Said(slug, true.size, true.cell, true.way)
    elif kind == "location":
        cell = other_than(rng, CELLS, set(regions[0].cells if count > 1 else {c for r in regions for c in r.cells}))
        false = None if cell is None else Said(true.defect_type, true.size, cell, true.way)
    elif kind == "size":
        size = other_than(rng, SIZES, {region.size for region in regions})
        false = None if size is None else Said(true.defect_type, size, true.cell, true.way)
    else:
        wrong = int(rng.choice([other for other in range(2, 9) if other != count]))
        return pick(rng, voice.several(wrong, true))
    if false is None:
        return None
    return pick(rng, voice.single(false) if count == 1 else voice.several(count, false))


def pick(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[int(rng.integers(len(choices)))]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_contradiction_is_caught(kind: str, language: str, random_facts: RandomFacts) -> None:
    rng = np.random.default_rng(KINDS.index(kind))
    caught = 0
    while caught < EACH:
        facts = random_facts(rng)
        sentence = planted(kind, facts, language, rng)
        if sentence is None:
            continue
        assert kind in {found.kind for found in check(sentence, facts)}, (sentence, facts)
        caught += 1


#: What denies a sure scratch of some size in the top left, and what says something true beside something false.
DENIALS = {
    "en": ("No scratch is visible.", "The scratch is not in the top left.", "A scratch is not visible."),
    "ko": ("긁힘이 없습니다.", "긁힘은 왼쪽 위에 있지 않습니다.", "왼쪽 위에는 결함이 없습니다."),
    "zh": ("没有划痕。", "划痕不在左上角。", "左上角没有缺陷。"),
    "de": ("Es ist kein Kratzer zu sehen.", "Der Kratzer liegt nicht oben links.", "Oben links ist kein Defekt."),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_false_denial_is_caught(language: str) -> None:
    facts = Facts((RegionFact((("scratch", 1.0),), (1.0,) + (0.0,) * 8, 0.0005),))
    for sentence in DENIALS[language]:
        assert check(sentence, facts), sentence


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("other", LANGUAGES)
def test_a_falsehood_does_not_hide_in_another_language(language: str, other: str, random_facts: RandomFacts) -> None:
    rng = np.random.default_rng(7)
    for _ in range(40):
        facts = random_facts(rng)
        false = planted("type", facts, other, rng)
        if false is not None:
            for text in (f"{template(facts, language)} {false}", f"{false} {template(facts, language)}"):
                assert check(text, facts, language=language), text
                assert check(text, facts), text
