"""What a sentence claims: types, places, sizes, counts, denials, as structure. One deterministic parser.

It knows words, not regions: whether a claim is true is `verify`'s business.
"""

import re
from dataclasses import replace

from iad_unify.language.citations import without
from iad_unify.language.detection import LEXICONS, detect, in_scripts, tells
from iad_unify.language.mentions import Claims, Mention
from iad_unify.language.pieces import scan
from iad_unify.language.reader import Reader

__all__ = ["LEXICONS", "Claims", "Mention", "foreign", "language_of", "parse"]

_CLAUSE = re.compile(r"[.,;:!?。，、！？；：\n]+")


def parse(text: str, *, question: str = "", language: str | None = None) -> Claims:
    """Read a text. With the `question` that it answers, "No." denies and "Yes." asserts what was asked about.

    Without a `language` it is that of the text, or of the question when the text does not tell. Raises KeyError for a
    language that has no table.
    """
    text = without(text)  # what was confirmed of another event is no claim about this one
    lexicon = LEXICONS[language or language_of(text, question)]
    claims = Reader(scan(text, lexicon)).read()
    if not question:
        return claims
    return _in_context(claims, Reader(scan(question, LEXICONS[language or detect(question)]), asks=True).read())


def language_of(text: str, question: str = "") -> str:
    """The language of a text, or of the question that it answers when it does not tell."""
    return detect(text) if tells(text) or not question else detect(question)


def foreign(text: str, language: str) -> str | None:
    """Another language in which the text claims something; None when it keeps to the given one."""
    for clause in _CLAUSE.split(without(text)):
        for part in in_scripts(clause):
            other = detect(part)
            if other != language and tells(part) and parse(part, language=other).says_anything:
                return other
    return None


def _in_context(answer: Claims, asked: Claims) -> Claims:
    """The answer, completed by what the question names: the region, the type that it takes for granted ("Where is the
    dent?"), what a bare yes or no refers to, and what a bare region is said to be ("Region 2." to "Which region is a scratch?").
    """
    region = next((mention.region for mention in asked.mentions if mention.region), None)
    mentions = answer.mentions
    if region is not None:
        mentions = tuple(m if m.region or m.denied else replace(m, region=region) for m in mentions)
    named = tuple(mention for mention in asked.mentions if mention.described)
    if len(named) == 1 and region is None:
        mentions = tuple(
            m if m.described or m.region is None else replace(named[0], region=m.region, at_least=None)
            for m in mentions
        )
    if len(named) == 1 and len(named[0].defect_types) == 1 and answer.reply is not False:
        mentions = tuple(
            m if m.defect_types or m.denied or not m.described else replace(m, defect_types=named[0].defect_types)
            for m in mentions
        )
    if answer.reply is None or mentions or answer.none or answer.refused:
        return replace(answer, mentions=mentions)
    return _replied(answer, answer.reply, asked, named)


def _replied(answer: Claims, yes: bool, asked: Claims, named: tuple[Mention, ...]) -> Claims:
    """What a bare yes or no says: that what was asked is so, or is not; where nothing was named, whether there is a defect."""
    if asked.none:
        return replace(answer, none=yes, at_least=None if yes else 1)
    if named:
        return replace(answer, mentions=tuple(replace(mention, denied=not yes) for mention in named))
    number = next((count for count in asked.counts if count > 1), None)
    if number is None and asked.at_least is None:
        return replace(answer, none=not yes, at_least=1 if yes else None)
    if not yes:
        return replace(answer, mentions=(Mention(count=number, at_least=asked.at_least, denied=True),))
    counts = answer.counts if number is None else (*answer.counts, number)
    return replace(answer, counts=counts, at_least=asked.at_least)
