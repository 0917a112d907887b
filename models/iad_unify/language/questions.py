"""Questions about the regions of a frame and their true answers: what the explainer is trained on and asked with.

Paraphrases are split: those for tests are never trained on. Every answer is made from `Facts` and holds before
`verify`. Asking an event needs only `ALERT_QUESTION`. It knows no model and no prompt format.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from iad_unify.language import answers, speech
from iad_unify.language.facts import Facts, RegionFact
from iad_unify.language.paraphrases import ALERT_QUESTION, DESCRIPTIONS, PARAPHRASES, QuestionKind
from iad_unify.language.speech import pick
from iad_unify.language.wording import noun
from iad_unify.types import DEFECT_TYPES, UNKNOWN

__all__ = [
    "ALERT_QUESTION",
    "DESCRIPTIONS",
    "PARAPHRASES",
    "Example",
    "Gold",
    "QuestionKind",
    "drawn_kind",
    "drawn_language",
    "example",
    "examples",
]


@dataclass(frozen=True, slots=True)
class Gold:
    """The structured answer by which a free one is scored; None: not asked for."""

    defect_types: tuple[str, ...] | None = None  # each is right
    cell: str | None = None
    cell_share: float = 1.0  # of the region's area in that cell; headline figures use 0.6 and more
    size: str | None = None
    count: int | None = None
    exists: bool | None = None
    refusal: bool = False
    shapes: tuple[str, ...] | None = None  # each is right
    region: int | None = None  # its number, from 1


@dataclass(frozen=True, slots=True)
class Example:
    """A question with one true answer and its structured form."""

    kind: QuestionKind
    question: str
    answer: str
    gold: Gold
    language: str = "en"


#: How often each kind is drawn for training; describing comes most, it is what every event needs.
WEIGHTS: dict[QuestionKind, float] = {
    QuestionKind.DESCRIBE: 0.32,
    QuestionKind.TYPE: 0.1,
    QuestionKind.LOCATION: 0.1,
    QuestionKind.COUNT: 0.07,
    QuestionKind.SIZE: 0.08,
    QuestionKind.SHAPE: 0.06,
    QuestionKind.EXISTENCE: 0.07,
    QuestionKind.REFER: 0.04,
    QuestionKind.POINT: 0.04,
    QuestionKind.COMPARE: 0.02,
    QuestionKind.VERDICT: 0.02,
    QuestionKind.ILL_POSED: 0.08,
}
#: How often a description is drawn in each language; the other kinds are asked in English only.
LANGUAGE_WEIGHTS: dict[str, float] = {"en": 0.46, "ko": 0.18, "zh": 0.18, "de": 0.18}
#: Kinds that a frame without a region cannot answer.
_OF_A_REGION = (
    *(QuestionKind.TYPE, QuestionKind.LOCATION, QuestionKind.SIZE),
    *(QuestionKind.SHAPE, QuestionKind.REFER, QuestionKind.POINT),
)


def example(
    facts: Facts,
    rng: np.random.Generator,
    kind: QuestionKind | None = None,
    *,
    held_out: bool = False,
    wordings: Mapping[str, Sequence[str]] | None = None,
    language: str = "en",
) -> Example:
    """A question about these regions with a true answer, in words drawn from `rng`.

    Without a `kind` one is drawn by `WEIGHTS`. `held_out` takes the test paraphrases, `wordings` others than ours: by kind
    for English, by language for the others, in which it is a description, whatever the kind. Facts that cannot answer a
    kind get another question: without a region, or one that can be pointed at, or a measured shape, it becomes a description.
    """
    chosen = kind if kind is not None else drawn_kind(rng)
    if language != "en":
        asked = wordings[language] if wordings is not None else DESCRIPTIONS[language][1 if held_out else 0]
        return _describe(facts, rng, pick(rng, asked), language)
    if not _answerable(chosen, facts):
        chosen = QuestionKind.DESCRIBE
    text = pick(rng, wordings[chosen] if wordings is not None else PARAPHRASES[chosen][1 if held_out else 0])
    return _MAKERS[chosen](facts, rng, text)


def examples(facts: Facts, rng: np.random.Generator, *, held_out: bool = False) -> tuple[Example, ...]:
    """One example of every kind that the facts can answer, and a description in every other language."""
    kinds = [kind for kind in QuestionKind if _answerable(kind, facts)]
    english = [example(facts, rng, kind, held_out=held_out) for kind in kinds]
    others = [example(facts, rng, QuestionKind.DESCRIBE, held_out=held_out, language=one) for one in DESCRIPTIONS]
    return (*english, *others)


def drawn_language(rng: np.random.Generator) -> str:
    """A language by `LANGUAGE_WEIGHTS`."""
    return str(rng.choice(list(LANGUAGE_WEIGHTS), p=list(LANGUAGE_WEIGHTS.values())))


def _answerable(kind: QuestionKind, facts: Facts) -> bool:
    if kind is QuestionKind.SHAPE:
        return any(region.shapes for region in facts.regions)
    if kind is QuestionKind.POINT:
        return bool(_pointed(facts))
    return bool(facts.regions) or kind not in _OF_A_REGION


def _pointed(facts: Facts) -> list[int]:
    """Regions that surely have a type which no other may have."""
    possible = [set(region.likely) for region in facts.regions]
    return [
        index
        for index, region in enumerate(facts.regions)
        if len(region.likely) == 1
        and region.defect_type != UNKNOWN
        and sum(region.defect_type in types for types in possible) == 1
    ]


def drawn_kind(rng: np.random.Generator) -> QuestionKind:
    """A kind by `WEIGHTS`."""
    kinds = tuple(WEIGHTS)
    return kinds[int(rng.choice(len(kinds), p=np.array([WEIGHTS[kind] for kind in kinds])))]


def _subject(
    facts: Facts, rng: np.random.Generator, fit: Callable[[RegionFact], bool] = lambda region: True
) -> tuple[RegionFact, str]:
    """A region and how a question refers to it: by number, or as the defect or the strongest when that is clear."""
    fitting = [index for index, region in enumerate(facts.regions) if fit(region)]
    index = fitting[int(rng.integers(len(fitting)))]
    names = [f"region {index + 1}", f"defect {index + 1}"]
    if len(facts.regions) == 1:
        names += ["the defect", "the anomaly", "it"]
    elif index == 0:
        names += ["the strongest defect", "the strongest region"]
    return facts.regions[index], pick(rng, names)


def _describe(facts: Facts, rng: np.random.Generator, text: str, language: str = "en") -> Example:
    answer = speech.description(facts, rng, language)
    return Example(QuestionKind.DESCRIBE, text, answer, _described(facts), language)


def _described(facts: Facts) -> Gold:
    if not facts.regions:
        return Gold(count=0, exists=False)
    first = facts.regions[0]
    return Gold(first.likely, first.cell, first.cell_share, first.size, len(facts.regions), True)


def _compare(facts: Facts, rng: np.random.Generator, text: str) -> Example:
    return Example(QuestionKind.COMPARE, text, answers.compared(facts, rng), _described(facts))


def _verdict(facts: Facts, rng: np.random.Generator, text: str) -> Example:
    return Example(QuestionKind.VERDICT, text, answers.verdict(facts, rng), _described(facts))


def _refer(facts: Facts, rng: np.random.Generator, text: str) -> Example:
    index = int(rng.integers(len(facts.regions)))
    region = facts.regions[index]
    name = pick(rng, (f"region {index + 1}", f"defect {index + 1}"))
    gold = Gold(region.likely, region.cell, region.cell_share, region.size)
    return Example(QuestionKind.REFER, text.format(region=name), answers.of_region(index + 1, region, rng), gold)


def _point(facts: Facts, rng: np.random.Generator, text: str) -> Example:
    possible = _pointed(facts)
    index = possible[int(rng.integers(len(possible)))]
    question = text.format(noun=noun(facts.regions[index].defect_type))
    return Example(QuestionKind.POINT, question, answers.of_number(index + 1, rng), Gold(region=index + 1))


def _shape(facts: Facts, rng: np.random.Generator, text: str) -> Example:
    region, name = _subject(facts, rng, lambda one: bool(one.shapes))
    answer = answers.of_shape(region, rng)
    return Example(QuestionKind.SHAPE, text.format(region=name), answer, Gold(shapes=region.shapes))


def _type(facts: Facts, rng: np.random.Generator, text: str) -> Example:
    region, name = _subject(facts, rng)
    return Example(QuestionKind.TYPE, text.format(region=name), answers.of_type(region, rng), Gold(region.likely))


def _location(facts: Facts, rng: np.random.Generator, text: str) -> Example:
    region, name = _subject(facts, rng)
    gold = Gold(cell=region.cell, cell_share=region.cell_share)
    return Example(QuestionKind.LOCATION, text.format(region=name), answers.of_location(region, rng), gold)


def _size(facts: Facts, rng: np.random.Generator, text: str) -> Example:
    region, name = _subject(facts, rng)
    return Example(QuestionKind.SIZE, text.format(region=name), answers.of_size(region, rng), Gold(size=region.size))


def _count(facts: Facts, rng: np.random.Generator, text: str) -> Example:
    count = len(facts.regions)
    return Example(QuestionKind.COUNT, text, answers.of_count(count, rng), Gold(count=count))


def _existence(facts: Facts, rng: np.random.Generator, text: str) -> Example:
    """Half of the questions name a type that is there; types that are merely likely are not asked about."""
    sure = [region for region in facts.regions if len(region.likely) == 1 and region.defect_type != UNKNOWN]
    possible = {slug for region in facts.regions for slug in region.likely}
    absent = [slug for slug in DEFECT_TYPES if slug not in possible]
    if sure and (rng.random() < 0.5 or not absent):
        region = sure[int(rng.integers(len(sure)))]
        slug, answer = region.defect_type, answers.yes(region, rng)
    else:
        region, slug = None, pick(rng, absent or list(DEFECT_TYPES))
        answer = answers.no(slug, rng)
    question = text.format(noun=noun(slug), nouns=noun(slug, 2))
    return Example(QuestionKind.EXISTENCE, question, answer, Gold(exists=region is not None))


def _ill_posed(facts: Facts, rng: np.random.Generator, text: str) -> Example:
    absent = [slug for slug in DEFECT_TYPES if not any(slug in region.likely for region in facts.regions)]
    slug = pick(rng, absent or list(DEFECT_TYPES))
    question = text.format(beyond=len(facts.regions) + int(rng.integers(1, 4)), absent=noun(slug))
    answer = answers.nowhere(slug, rng) if "{absent}" in text and absent else pick(rng, answers.REFUSALS)
    return Example(QuestionKind.ILL_POSED, question, answer, Gold(refusal=True))


_MAKERS: dict[QuestionKind, Callable[[Facts, np.random.Generator, str], Example]] = {
    QuestionKind.DESCRIBE: _describe,
    QuestionKind.TYPE: _type,
    QuestionKind.LOCATION: _location,
    QuestionKind.SIZE: _size,
    QuestionKind.SHAPE: _shape,
    QuestionKind.REFER: _refer,
    QuestionKind.POINT: _point,
    QuestionKind.COMPARE: _compare,
    QuestionKind.VERDICT: _verdict,
    QuestionKind.COUNT: _count,
    QuestionKind.EXISTENCE: _existence,
    QuestionKind.ILL_POSED: _ill_posed,
}
