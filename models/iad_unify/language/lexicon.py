"""The shape of a language's word table; `claims` reads text with it, one table per language.

It knows no language: they differ in which tables are filled. Every table maps phrases (lower case, single spaces,
hyphens and underscores as spaces) to meanings. The longest phrase wins.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

#: Units after a number that then counts nothing.
UNITS = ("%", "percent", "mm", "cm", "µm", "um", "px", "pixels", "pixel", "degrees", "°")


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
    shapes: Mapping[str, str]
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
    noun_joints: frozenset[str] = frozenset()  # and, between nouns only: a denial after them denies each
    ignored: frozenset[str] = frozenset()  # phrases that look like a claim and are none
    absences: frozenset[str] = frozenset()  # "is not visible": denies what its clause named before
    late_negations: frozenset[str] = frozenset()  # denies what stands between the topic and it, as in Korean
    nor: frozenset[str] = frozenset()  # denies after a denial in its sentence, else announces a further defect
    articles: frozenset[str] = frozenset()  # one, or only a, before a type
    counts: Mapping[str, int] = field(
        default_factory=dict
    )  # number words that only count and never name one of several
    numerals: Mapping[str, int] = field(default_factory=dict)  # number words that count only before a counter
    counters: frozenset[str] = frozenset()  # what follows a number that counts: measure words
    least_counters: frozenset[str] = frozenset()  # the same, saying "or more"
    rank_counters: frozenset[str] = frozenset()  # what follows a number that names one of several
    units: tuple[str, ...] = UNITS
    spaced: bool = True  # words are separated by spaces, so a phrase must end where a word ends
    endings: Mapping[str, str] = field(default_factory=dict)  # particle after a phrase -> "", topic, or a piece's kind
    verb_last: bool = False  # a denial always comes after what it denies

    def normalised(self, text: str) -> str:
        """The form in which phrases are looked up."""
        folded = unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")
        plain = re.sub(r"\s+", " ", re.sub(r"[-_/\u2010-\u2015()\[\]\"*]", " ", folded)).strip()
        return plain if self.spaced else re.sub(r"(?<![a-z0-9]) | (?![a-z0-9])", "", plain)

    @cached_property
    def meanings(self) -> dict[str, tuple[str, object]]:
        """Phrase -> (kind, value); where two tables share a phrase, the later kind here wins."""
        found: dict[str, tuple[str, object]] = {}
        tables: list[tuple[str, Mapping[str, object]]] = [
            ("thing", dict.fromkeys(self.things, False) | dict.fromkeys(self.plural_things, True)),
            ("size", dict(self.sizes)),
            ("shape", dict(self.shapes)),
            ("number", dict(self.numbers)),
            ("count", dict(self.counts)),
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
            "noun_joint": self.noun_joints,
            "absence": self.absences,
            "late_negation": self.late_negations,
            "nor": self.nor,
            "article": self.articles,
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
        """Finds measures (ignored), numbers with and without a counter, phrases and punctuation, the longest first.

        Groups: measure; numeral, suffix and tally_ending; digits and digits_ending; phrase and ending; stop; comma.
        """
        before, after = (r"(?<!\w)", r"(?!\w)") if self.spaced else ("", "")
        endings = _any(self.endings) if self.endings else "(?!)"
        numerals, suffixes = _any(self.numerals), _any({*self.counters, *self.least_counters, *self.rank_counters})
        parts = (
            rf"(?P<measure>\d+(?:[.,]\d+)?\s?(?:{_any(self.units)}){after}|\d+[.,]\d+)",
            rf"{before}(?P<numeral>\d{{1,3}}|{numerals})\s?(?P<suffix>{suffixes})(?P<tally_ending>{endings})?{after}",
            rf"(?<![\d.]){before}(?P<digits>\d{{1,3}})(?P<digits_ending>{endings})?(?!\d|\.\d){after}",
            rf"{before}(?P<phrase>{_any(self.meanings)})(?P<ending>{endings})?{after}",
            "(?P<stop>[.;:!?。！？；])",
            "(?P<comma>[,，、])",
        )
        return re.compile("|".join(parts))


def listed(text: str) -> frozenset[str]:
    """The phrases of a text, with a bar between them."""
    return frozenset(phrase.strip() for phrase in text.split("|"))


def _any(words: Iterable[str]) -> str:
    """Matches one of the words, the longest that fits; nothing when there is none."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or "(?!)"
