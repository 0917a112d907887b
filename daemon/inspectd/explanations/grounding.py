"""An event's regions in the terms that words use, and the check of words against them. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from iad_unify.language.citations import citations, cite
from iad_unify.language.claims import language_of as claims_language
from iad_unify.language.claims import parse
from iad_unify.language.detection import detect, tells
from iad_unify.language.facts import UNCALIBRATED, Facts, RegionFact, TypeRule, fact_of_rle
from iad_unify.language.speech import template
from iad_unify.language.unread import unread
from iad_unify.language.verify import check
from iad_unify.masks import Rle
from iad_unify.types import DEFECT_TYPES, UNKNOWN
from inspectd.confirmed.vote import Vote
from inspectd.records import Region

#: Above this probability the voted type is surer than all others together.
OUTVOTED_FROM = 0.5
#: No probability reaches this.
_NEVER = 2.0


def facts_of(regions: Sequence[Region], rule: TypeRule = UNCALIBRATED, strongest: Vote | None = None) -> Facts:
    """Recomputed from the masks and the type probabilities, not from what the event says of itself.

    The rule is that of the expert's card and of the setting `explanations.least_type_confidence`. With the vote on the
    `strongest` region the type of its cited neighbour may be said of it, too, and is what it is called.
    """
    facts = [_fact(region, rule) for region in regions]
    if facts and strongest is not None and strongest.neighbours:
        facts[0] = _voted(regions[0], rule, strongest)
    return Facts(tuple(facts))


def _fact(region: Region, rule: TypeRule) -> RegionFact:
    rle = Rle(region.mask.width, region.mask.height, region.mask.counts)
    return fact_of_rle(rle, region.type_probabilities, rule)


def _voted(region: Region, rule: TypeRule, vote: Vote) -> RegionFact:
    if vote.confidence < rule.least_confidence:  # together they are less sure than the expert alone may be
        return _fact(region, replace(rule, least_confidence=_NEVER))
    own = _fact(region, replace(rule, least_confidence=0.0))
    if not vote.clear:
        return replace(own, confirmed=(UNKNOWN,), voted=UNKNOWN)
    if vote.cited is None:  # the expert's own type against neighbours that do not agree
        return replace(own, voted=vote.defect_type)
    # What the sentences have no noun for is of unclear type to them; the sentence that cites says it.
    sayable = (vote.defect_type,) if vote.defect_type in DEFECT_TYPES else (vote.defect_type, UNKNOWN)
    return replace(own, confirmed=sayable, voted=sayable[-1])


def cited(text: str, vote: Vote, language: str) -> str:
    """The text with the sentence that cites the vote's nearest neighbour, when there is one."""
    nearest = vote.cited
    return text if nearest is None else f"{text} {cite(nearest.event_id, nearest.defect_type, language)}"


def names_type(text: str, question: str) -> bool:
    """Whether an answer says of what type something is."""
    return any(mention.defect_types for mention in parse(text, question=question).mentions)


def find_outvoted(text: str, facts: Facts, vote: Vote, language: str) -> tuple[str, ...]:
    """A type that an alert names alone while expert and neighbours together are surer than not of another one."""
    said = parse(text, language=language).defect_type
    if vote.cited is None or vote.confidence <= OUTVOTED_FROM or said in (None, facts.regions[0].defect_type):
        return ()
    return (f"memory: says {said}, like what was confirmed as {vote.defect_type}",)


def find_contradictions(
    text: str, facts: Facts, question: str, language: str | None = None, *, alert: bool = False
) -> tuple[str, ...]:
    """What the regions contradict in an answer, in words; an empty answer contradicts everything.

    It must be in the `language`, where one is given, and have no word that cannot be read: nobody could check it. It must
    claim something, as an alert does, or reply yes or no, or say that it cannot be told; a refusal may take up words of the
    question.
    """
    if not text:
        return ("existence: says nothing, seen regions",)
    if citations(text):  # the model was told of no event
        return ("citation: cites an event of its own, none was given",)
    spoken = language or claims_language(text, question)
    claims = parse(text, question=question, language=spoken)
    found = tuple(str(contradiction) for contradiction in check(text, facts, question=question, language=spoken))
    if not (found or claims.says_anything or (not alert and (claims.refused or claims.reply is not None))):
        return ("existence: claims nothing, seen regions",)
    beyond = unread(text, spoken, echo=question if claims.refused and not claims.asserted else "")
    return (*found, f"words: says {', '.join(beyond)}, of which the regions tell nothing") if beyond else found


def template_sentence(facts: Facts, language: str) -> str:
    """The sentence that is said instead."""
    return template(facts, language)


def told_language(question: str) -> str | None:
    """The language of a person's question; None where it does not tell."""
    return detect(question) if tells(question) else None
