"""Marks an answer about one defect three ways: strict, soft, and by the words it contains. Knows no model.

Strict is the protocol's own: one value, the right one, negation handled, what cannot be read is wrong. Soft takes an
alternative ("a scratch or a crack", "on the left side") and each cell with a fair share of the defect. Contains looks for
the right words anywhere in the text, so "top left" counts for "top"; it is what a lenient comparison would report.
"""

from dataclasses import dataclass

from iad_unify.language.claims import Claims, parse
from iad_unify.language.facts import RegionFact
from iad_unify.language.questions import Example, QuestionKind
from iad_unify.language.scoring import scores
from iad_unify.language.wording import PLACES, noun


@dataclass(frozen=True, slots=True)
class Marks:
    """Whether an answer is right, from the strictest to the loosest."""

    strict: bool
    soft: bool
    contains: bool


def marks(asked: Example, fact: RegionFact, answer: str) -> Marks:
    """Of an answer to a question of kind TYPE or LOCATION about the defect `fact`; KeyError for another kind."""
    claims = parse(answer, question=asked.question, language=asked.language)
    aspect = {QuestionKind.TYPE: "type", QuestionKind.LOCATION: "location"}[asked.kind]
    strict = scores(asked, answer)[aspect]
    if aspect == "type":
        return Marks(strict, strict or _names(claims, fact), noun(fact.defect_type) in answer.lower())
    return Marks(strict, strict or _places(claims, fact), any(words in answer.lower() for words in _words(fact.cell)))


def _names(claims: Claims, fact: RegionFact) -> bool:
    return any(slug in fact.likely for mention in claims.asserted for slug in mention.defect_types)


def _places(claims: Claims, fact: RegionFact) -> bool:
    return any(cell in fact.cells for mention in claims.asserted for place in mention.cells for cell in place)


def _words(cell: str) -> tuple[str, ...]:
    """What says a cell: its name, and each phrase without its preposition."""
    phrases = (phrase.partition(" the ")[2] or phrase for phrase in PLACES[cell])
    return (cell.replace("_", " "), *phrases)
