"""Questions about the regions of a frame and their true answers: what the explainer is trained on and asked with.

Paraphrases are split: those for tests are never trained on. Every answer is made from `Facts` and holds before
`verify`. Asking an event needs only `ALERT_QUESTION`. It knows no model and no prompt format.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from iad_unify.language import answers
from iad_unify.language.facts import Facts, RegionFact
from iad_unify.language.wording import noun
from iad_unify.types import DEFECT_TYPES, UNKNOWN

#: What the daemon asks of every event: one sentence with type, location, size and count.
ALERT_QUESTION = "Describe the defects in one sentence: type, location, size and count."


class QuestionKind(StrEnum):
    """What a question asks for."""

    DESCRIBE = "describe"
    TYPE = "type"
    LOCATION = "location"
    COUNT = "count"
    SIZE = "size"
    EXISTENCE = "existence"
    ILL_POSED = "ill_posed"  # regions cannot tell: the right answer is to say so


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


@dataclass(frozen=True, slots=True)
class Example:
    """A question with one true answer and its structured form."""

    kind: QuestionKind
    question: str
    answer: str
    gold: Gold


#: Per kind: paraphrases for training and, never trained on, for tests. `{region}` is the region that is meant,
#: `{noun}` and `{nouns}` a defect type.
PARAPHRASES: dict[QuestionKind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    QuestionKind.DESCRIBE: (
        (
            ALERT_QUESTION,
            "Describe the defects.",
            "What is wrong with this part?",
            "Summarise what was found.",
            "Give a short report on the defects.",
            "Write one alert sentence for the operator.",
            "What do you see?",
            "Explain the alarm.",
        ),
        ("Tell me briefly what is wrong here.", "Report the findings in one sentence.", "Why was this part flagged?"),
    ),
    QuestionKind.TYPE: (
        (
            "What type of defect is {region}?",
            "What kind of defect is {region}?",
            "Name the type of {region}.",
            "Which defect type is {region}?",
            "How would you classify {region}?",
            "What is {region}?",
            "Identify {region}.",
        ),
        ("Which category does {region} belong to?", "What sort of flaw is {region}?", "Say what {region} is."),
    ),
    QuestionKind.LOCATION: (
        (
            "Where is {region}?",
            "Where does {region} lie?",
            "In which part of the image is {region}?",
            "Give the location of {region}.",
            "Locate {region}.",
            "At which position is {region}?",
            "Which cell of a 3x3 grid holds {region}?",
        ),
        ("Whereabouts is {region}?", "What is the position of {region}?", "Point out where {region} lies."),
    ),
    QuestionKind.SIZE: (
        (
            "How big is {region}?",
            "How large is {region}?",
            "What is the size of {region}?",
            "What size is {region}?",
            "Is {region} small, medium or large?",
            "Give the size of {region}.",
        ),
        ("How extensive is {region}?", "Which size class does {region} have?", "Judge the size of {region}."),
    ),
    QuestionKind.COUNT: (
        (
            "How many defects are there?",
            "How many defects do you see?",
            "Count the defects.",
            "What is the number of defects?",
            "How many flaws does the part have?",
            "Give the number of anomalies.",
        ),
        ("How many anomalies were found?", "In total, how many defects?", "Tell me the defect count."),
    ),
    QuestionKind.EXISTENCE: (
        (
            "Is there a {noun}?",
            "Do you see any {nouns}?",
            "Is a {noun} visible?",
            "Does the part have a {noun}?",
            "Are there any {nouns}?",
            "Can you find a {noun}?",
        ),
        ("Has the part got a {noun}?", "Any {nouns} here?", "Would you say that there is a {noun}?"),
    ),
    QuestionKind.ILL_POSED: (
        (
            "What is the serial number?",
            "Which machine made this defect?",
            "How much does the repair cost?",
            "What is the temperature of the part?",
            "Who made this part?",
            "How deep is it in millimeters?",
            "When did this happen?",
            "Where is region {beyond}?",
            "What is region {beyond}?",
        ),
        ("What does the part weigh?", "Which worker is to blame?", "How large is region {beyond}?"),
    ),
}

#: How often each kind is drawn for training; describing comes most, it is what every event needs.
WEIGHTS: dict[QuestionKind, float] = {
    QuestionKind.DESCRIBE: 0.4,
    QuestionKind.TYPE: 0.13,
    QuestionKind.LOCATION: 0.13,
    QuestionKind.COUNT: 0.1,
    QuestionKind.SIZE: 0.1,
    QuestionKind.EXISTENCE: 0.1,
    QuestionKind.ILL_POSED: 0.04,
}


def example(
    facts: Facts,
    rng: np.random.Generator,
    kind: QuestionKind | None = None,
    *,
    held_out: bool = False,
    wordings: Mapping[QuestionKind, Sequence[str]] | None = None,
) -> Example:
    """A question about these regions with a true answer, in words drawn from `rng`.

    Without a `kind` one is drawn by `WEIGHTS`. `held_out` takes the test paraphrases, `wordings` others than ours. A
    frame without a region gets questions that it can answer: type, location and size become a description.
    """
    chosen = kind if kind is not None else _drawn_kind(rng)
    if not facts.regions and chosen in (QuestionKind.TYPE, QuestionKind.LOCATION, QuestionKind.SIZE):
        chosen = QuestionKind.DESCRIBE
    text = _pick(rng, wordings[chosen] if wordings is not None else PARAPHRASES[chosen][1 if held_out else 0])
    return _MAKERS[chosen](facts, rng, text)


def examples(facts: Facts, rng: np.random.Generator, *, held_out: bool = False) -> tuple[Example, ...]:
    """One example of every kind that the facts can answer, for an evaluation."""
    made = (example(facts, rng, kind, held_out=held_out) for kind in QuestionKind)
    return tuple(one for one, kind in zip(made, QuestionKind, strict=True) if one.kind is kind)


def _drawn_kind(rng: np.random.Generator) -> QuestionKind:
    kinds = tuple(WEIGHTS)
    return kinds[int(rng.choice(len(kinds), p=np.array([WEIGHTS[kind] for kind in kinds])))]


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _subject(facts: Facts, rng: np.random.Generator) -> tuple[RegionFact, str]:
    """A region and how a question refers to it: by number, or as the defect or the strongest when that is clear."""
    index = int(rng.integers(len(facts.regions)))
    names = [f"region {index + 1}", f"defect {index + 1}"]
    if len(facts.regions) == 1:
        names += ["the defect", "the anomaly", "it"]
    elif index == 0:
        names += ["the strongest defect", "the strongest region"]
    return facts.regions[index], _pick(rng, names)


def _describe(facts: Facts, rng: np.random.Generator, text: str) -> Example:
    if not facts.regions:
        return Example(QuestionKind.DESCRIBE, text, _pick(rng, answers.NOTHING), Gold(count=0, exists=False))
    first = facts.regions[0]
    gold = Gold(first.likely, first.cell, first.cell_share, first.size, len(facts.regions), True)
    return Example(QuestionKind.DESCRIBE, text, answers.description(facts, rng), gold)


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
        region, slug = None, _pick(rng, absent or list(DEFECT_TYPES))
        answer = answers.no(slug, rng)
    question = text.format(noun=noun(slug), nouns=noun(slug, 2))
    return Example(QuestionKind.EXISTENCE, question, answer, Gold(exists=region is not None))


def _ill_posed(facts: Facts, rng: np.random.Generator, text: str) -> Example:
    question = text.format(beyond=len(facts.regions) + int(rng.integers(1, 4)))
    return Example(QuestionKind.ILL_POSED, question, _pick(rng, answers.REFUSALS), Gold(refusal=True))


_MAKERS: dict[QuestionKind, Callable[[Facts, np.random.Generator, str], Example]] = {
    QuestionKind.DESCRIBE: _describe,
    QuestionKind.TYPE: _type,
    QuestionKind.LOCATION: _location,
    QuestionKind.SIZE: _size,
    QuestionKind.COUNT: _count,
    QuestionKind.EXISTENCE: _existence,
    QuestionKind.ILL_POSED: _ill_posed,
}
