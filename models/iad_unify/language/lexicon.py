"""The shape of a language's word table; `claims` reads text with it, one table per language.

Every table maps phrases (lower case, single spaces, hyphens and underscores as spaces) to meanings. The longest phrase
wins. A language whose words have no spaces between them, or carry endings, says so; nothing else differs.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Lexicon:
    """The words of one language."""

    language: str  # ISO 639-1
    types: Mapping[str, str]  # phrase -> defect slug, singular or an adjective
    plural_types: Mapping[str, str]
    things: frozenset[str]  # words for a defect of any kind, singular
    plural_things: frozenset[str]
    cells: Mapping[str, tuple[str, ...]]  # phrase -> the cells that it may mean
    sizes: Mapping[str, str]
    numbers: Mapping[str, int]  # number words; digits are read in every language
    ordinals: Mapping[str, int]
    picks: Mapping[str, str]  # phrase -> strongest, largest or smallest: one region among those spoken of
    several: frozenset[str]  # more than one, without saying how many
    at_least: frozenset[str]
    quantities: frozenset[str]  # the plural that follows says nothing of how many
    another: frozenset[str]  # the next noun is a further defect, or "no other": says nothing of those already named
    negations: frozenset[str]
    affirmations: frozenset[str]
    nothing: frozenset[str]  # phrases that say that there is no defect
    refusals: frozenset[str]  # phrases that say that it cannot be told
    alternatives: frozenset[str]  # or
    joints: frozenset[str]  # and, with, while: the next clause has its own noun
    ignored: frozenset[str] = field(default_factory=frozenset)  # phrases that look like a claim and are none
    units: tuple[str, ...] = ("%", "percent", "mm", "cm", "µm", "um", "px", "pixels", "pixel", "degrees", "°")
    spaced: bool = True  # words are separated by spaces, so a phrase must end where a word ends
    endings: tuple[str, ...] = ()  # particles that may follow a phrase, as in Korean

    def normalised(self, text: str) -> str:
        """The form in which phrases are looked up."""
        folded = unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")
        return re.sub(r"\s+", " ", re.sub(r"[-_/\u2010-\u2015()\[\]\"*]", " ", folded)).strip()

    @cached_property
    def meanings(self) -> dict[str, tuple[str, object]]:
        """Phrase -> (kind, value); where two tables share a phrase, the later kind here wins."""
        found: dict[str, tuple[str, object]] = {}
        tables: list[tuple[str, Mapping[str, object]]] = [
            ("thing", dict.fromkeys(self.things, False) | dict.fromkeys(self.plural_things, True)),
            ("size", dict(self.sizes)),
            ("number", dict(self.numbers)),
            ("ordinal", dict(self.ordinals)),
            ("pick", dict(self.picks)),
            ("cell", dict(self.cells)),
            ("type", {phrase: (slug, False) for phrase, slug in self.types.items()}),
            ("type", {phrase: (slug, True) for phrase, slug in self.plural_types.items()}),
        ]
        markers = {
            "several": self.several,
            "at_least": self.at_least,
            "quantity": self.quantities,
            "another": self.another,
            "negation": self.negations,
            "affirmation": self.affirmations,
            "joint": self.joints,
            "alternative": self.alternatives,
            "refusal": self.refusals,
            "nothing": self.nothing,
            "ignored": self.ignored,
        }
        tables += [(kind, dict.fromkeys(phrases, True)) for kind, phrases in markers.items()]
        for kind, table in tables:
            found.update({phrase: (kind, value) for phrase, value in table.items()})
        return found

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds measures (ignored), digits, phrases and punctuation, the longest phrase first."""
        phrases = "|".join(re.escape(phrase) for phrase in sorted(self.meanings, key=len, reverse=True))
        units = "|".join(re.escape(unit) for unit in self.units)
        endings = f"(?:{'|'.join(map(re.escape, self.endings))})?" if self.endings else ""
        words = rf"(?<!\w)(?P<phrase>{phrases}){endings}(?!\w)" if self.spaced else rf"(?P<phrase>{phrases})"
        digits = (
            r"(?<![\w.])(?P<digits>\d{1,3})(?![\w])(?!\.\d)"
            if self.spaced
            else r"(?<![\d.])(?P<digits>\d{1,3})(?![\d.])"
        )
        return re.compile(
            rf"(?P<measure>\d+(?:[.,]\d+)?\s?(?:{units})(?!\w)|\d+[.,]\d+)|{digits}|{words}|(?P<stop>[.;:!?。！？；])|(?P<comma>[,，、])"
        )
