"""An event's regions in the terms that words use, and the check of words against them. Pure."""

from collections.abc import Sequence

from iad_unify.language.claims import parse
from iad_unify.language.detection import detect, tells
from iad_unify.language.facts import UNCALIBRATED, Facts, TypeRule, fact_of_rle
from iad_unify.language.speech import template
from iad_unify.language.verify import check
from iad_unify.masks import Rle
from inspectd.records import Region


def facts_of(regions: Sequence[Region], rule: TypeRule = UNCALIBRATED) -> Facts:
    """Recomputed from the masks and the type probabilities, not from what the event says of itself.

    The rule is that of the expert's card and of the setting `explanations.least_type_confidence`.
    """
    rles = (Rle(region.mask.width, region.mask.height, region.mask.counts) for region in regions)
    pairs = zip(rles, regions, strict=True)
    return Facts(tuple(fact_of_rle(rle, region.type_probabilities, rule) for rle, region in pairs))


def find_contradictions(text: str, facts: Facts, question: str, language: str | None = None) -> tuple[str, ...]:
    """What the regions contradict in an answer, in words; an empty answer contradicts everything.

    With a `language` it must be in that one and claim something, as an alert does; without, it may be in any that can be
    read.
    """
    if not text:
        return ("existence: says nothing, seen regions",)
    if language is not None and not parse(text, question=question, language=language).says_anything:
        return ("existence: claims nothing, seen regions",)
    return tuple(str(contradiction) for contradiction in check(text, facts, question=question, language=language))


def template_sentence(facts: Facts, language: str) -> str:
    """The sentence that is said instead."""
    return template(facts, language)


def language_of(question: str, default: str) -> str:
    """The language of a person's question, where it tells."""
    return detect(question) if tells(question) else default
