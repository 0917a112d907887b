"""The English word table."""

from iad_unify.geometry import CELLS
from iad_unify.language.lexicon import Lexicon
from iad_unify.types import UNKNOWN

_ROWS = {"top": 0, "upper": 0, "uppermost": 0, "bottom": 2, "lower": 2, "lowermost": 2}
_COLUMNS = {"left": 0, "leftmost": 0, "right": 2, "rightmost": 2, "left hand": 0, "right hand": 2}
_MIDDLES = ("center", "centre", "middle", "central", "mid")
_WIDE = (
    "half",
    "third",
    "row",
    "column",
    "side",
    "part",
    "portion",
    "area",
    "region",
    "section",
    "edge",
    "border",
    "zone",
)


def _cell(row: int, column: int) -> str:
    return CELLS[3 * row + column]


def _pairs(row_word: str, column_word: str) -> tuple[str, ...]:
    return (
        f"{row_word} {column_word}",
        f"{column_word} {row_word}",
        f"{row_word} of the {column_word}",
        f"{column_word} of the {row_word}",
        f"{row_word} of {column_word}",
        f"{column_word} of {row_word}",
        f"{row_word} part of the {column_word} side",
        f"{row_word} part on the {column_word}",
        f"{row_word} end of the {column_word} edge",
        f"{row_word} end of the {column_word} side",
        f"{column_word} end of the {row_word} edge",
        f"{column_word} part of the {row_word} edge",
        f"{row_word} of the {column_word} edge",
        f"{row_word} of the {column_word} side",
        f"{column_word} of the {row_word} edge",
        f"{column_word} side of the {row_word}",
        f"{row_word} on the {column_word}",
        f"{row_word}, on the {column_word}",
        f"{row_word} to the {column_word}",
    )


def _cells() -> dict[str, tuple[str, ...]]:
    """Every way to name a cell that we know of; a wide phrase ("upper half") may mean any cell of it."""
    found: dict[str, tuple[str, ...]] = {}
    for word, row in _ROWS.items():
        found |= {word: (_cell(row, 1),)}
        found |= {f"{word} {wide}": tuple(_cell(row, column) for column in range(3)) for wide in _WIDE}
        for middle in _MIDDLES:
            found |= dict.fromkeys(_pairs(word, middle), (_cell(row, 1),))
        for side, column in _COLUMNS.items():
            found |= dict.fromkeys(_pairs(word, side), (_cell(row, column),))
            near = tuple(_cell(r, c) for r in sorted({row, 1}) for c in sorted({column, 1}))
            found |= {f"{word} {side} quadrant": near, f"{word} {side} quarter": near}
    for side, column in _COLUMNS.items():
        found |= {side: (_cell(1, column),)}
        found |= {f"{side} {wide}": tuple(_cell(row, column) for row in range(3)) for wide in _WIDE}
        for middle in _MIDDLES:
            found |= dict.fromkeys(_pairs(middle, side), (_cell(1, column),))
    found |= {middle: ("center",) for middle in _MIDDLES if middle != "mid"}
    found |= {f"{middle} {word}": ("center",) for middle in _MIDDLES for word in ("center", "centre", "middle", "cell")}
    found |= {f"{word} the {middle}": ("top",) for word in ("above",) for middle in _MIDDLES[:3]}
    found |= {f"{word} the {middle}": ("bottom",) for word in ("below", "beneath", "under") for middle in _MIDDLES[:3]}
    corners = ("top_left", "top_right", "bottom_left", "bottom_right")
    return found | {"in a corner": corners, "in one corner": corners, "a corner": corners}


_NOUNS: dict[str, tuple[str, ...]] = {
    "scratch": ("scratch", "scuff", "scrape", "scuff mark", "scratch mark", "score line", "abrasion"),
    "crack": ("crack", "fissure", "fracture", "hairline crack"),
    "hole": ("hole", "blowhole", "blow hole", "pit", "pore", "pinhole", "pin hole", "puncture", "perforation"),
    "chip": ("chip", "nick", "chipped edge", "chipped corner", "edge chip", "chip out"),
    "dent": ("dent", "ding", "indentation", "depression"),
    "stain": ("stain", "smear", "blot", "stain mark"),
    "contamination": (
        "contamination",
        "contaminant",
        "foreign particle",
        "foreign object",
        "foreign body",
        "particle",
        "fibre",
        "fiber",
    ),
    "discoloration": ("discoloration", "discolouration", "discolored area", "discoloured area", "discolored patch"),
    "fray": ("fray", "frayed edge", "frayed area", "loose thread"),
    "missing_part": ("missing part", "missing component", "missing piece", "missing element", "missing chip"),
}
_OTHER_FORMS: dict[str, tuple[str, ...]] = {
    "scratch": ("scratched", "scuffed", "scraped"),
    "crack": ("cracked", "fractured", "cracking"),
    "hole": ("punctured", "perforated", "pitting", "porosity"),
    "chip": ("chipped", "chipping"),
    "dent": ("dented", "dinged"),
    "stain": ("stained", "staining", "smeared"),
    "contamination": ("contaminated", "foreign matter", "foreign material", "debris", "dirt", "dust", "dirty"),
    "discoloration": ("discolored", "discoloured", "color change", "colour change"),
    "fray": ("frayed", "fraying"),
    "missing_part": (
        "part is missing",
        "part missing",
        "component is missing",
        "component missing",
        "piece is missing",
        "piece missing",
        "missing a part",
        "missing a component",
        "part is absent",
        "absent component",
        "absent part",
    ),
    UNKNOWN: (
        "unknown type",
        "unclear type",
        "uncertain type",
        "unknown kind",
        "unclear kind",
        "unidentified",
        "type is unclear",
        "type is unknown",
        "type is uncertain",
    ),
}


def _plural(noun: str) -> str:
    if noun.endswith(("ch", "s", "x", "sh")):
        return noun + "es"
    return noun[:-1] + "ies" if noun.endswith("y") and noun[-2] not in "aeiou" else noun + "s"


_THINGS = (
    "defect",
    "anomaly",
    "flaw",
    "fault",
    "mark",
    "blemish",
    "imperfection",
    "problem",
    "issue",
    "damage",
    "region",
    "spot",
)

ENGLISH = Lexicon(
    language="en",
    types={phrase: slug for table in (_NOUNS, _OTHER_FORMS) for slug, phrases in table.items() for phrase in phrases},
    plural_types={_plural(phrase): slug for slug, phrases in _NOUNS.items() for phrase in phrases},
    things=frozenset(_THINGS),
    plural_things=frozenset(_plural(noun) for noun in _THINGS if noun != "damage"),
    cells=_cells(),
    sizes={
        **dict.fromkeys(("small", "tiny", "little", "minute", "small sized", "small size"), "small"),
        **dict.fromkeys(
            ("medium", "moderate", "medium sized", "medium size", "mid sized", "mid size", "midsize"), "medium"
        ),
        **dict.fromkeys(("moderately sized", "average sized", "intermediate"), "medium"),
        **dict.fromkeys(
            ("large", "big", "huge", "extensive", "sizable", "sizeable", "large sized", "large size"), "large"
        ),
    },
    numbers={
        word: number
        for number, words in enumerate(
            ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
        )
        for word in (words,)
    }
    | {"single": 1, "only a": 1, "a pair of": 2, "pair of": 2, "a couple of": 2, "both": 2},
    shapes={
        **dict.fromkeys(
            (
                "elongated",
                "oblong",
                "line shaped",
                "linear",
                "stretched",
                "streak like",
                "long and thin",
                "long and narrow",
            ),
            "elongated",
        ),
        **dict.fromkeys(("compact", "round", "roundish", "rounded", "circular", "blob like", "dot like"), "compact"),
        **dict.fromkeys(("irregular", "irregularly shaped", "jagged", "ragged", "branched"), "irregular"),
    },
    ordinals={"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8},
    picks={
        **dict.fromkeys(
            ("strongest", "most severe", "worst", "most prominent", "main one", "main defect"), "strongest"
        ),
        **dict.fromkeys(("largest", "biggest"), "largest"),
        **dict.fromkeys(("smallest", "tiniest"), "smallest"),
    },
    several=frozenset(
        {
            "several",
            "multiple",
            "many",
            "numerous",
            "a few",
            "large number of",
            "small number of",
            "various",
            "more than one",
        }
    ),
    at_least=frozenset({"at least", "no fewer than", "not fewer than", "or more"}),
    quantities=frozenset({"number of", "count of", "how many", "any"}),
    another=frozenset({"another", "other", "further", "additional", "more", "a second", "else"}),
    negations=frozenset(
        {"no", "not", "without", "neither", "nor", "none", "never", "isn't", "aren't", "wasn't", "doesn't", "don't"}
        | {"free of", "free from", "rather than", "instead of", "absence of", "lacks any", "cannot see", "can't see"}
    ),
    affirmations=frozenset({"yes", "yeah", "correct", "indeed"}),
    nothing=frozenset(
        {
            "nothing",
            "defect free",
            "flawless",
            "good part",
            "looks good",
            "looks normal",
        }
        | {
            "is normal",
            "undamaged",
            "is intact",
            "fault free",
            "is clean",
            "no anomalous region",
            "nothing wrong",
            "does not differ",
            "no difference",
            "looks like the reference",
        }
        | {
            f"{what} {good}"
            for what in ("part", "part is", "it", "it is", "everything", "everything is", "all is")
            for good in ("ok", "okay", "fine", "good", "acceptable", "in order", "alright")
        }
        | {
            "part pass",
            "part passes",
            "accept this part",
            "accept the part",
            "accept it",
            "be shipped",
            "without defects",
        }
    ),
    refusals=frozenset(
        {
            "cannot tell",
            "can't tell",
            "cannot be told",
            "can't be told",
            "cannot say",
            "can't say",
            "cannot be determined",
        }
        | {
            "can't be determined",
            "cannot determine",
            "can't determine",
            "unable to",
            "not possible to",
            "impossible to",
        }
        | {"do not know", "don't know", "not enough information", "cannot be answered", "can't be answered", "not sure"}
        | {"cannot answer", "can't answer", "cannot be said", "there is no way to"}
    ),
    alternatives=frozenset({"or", "possibly", "perhaps", "maybe"}),
    joints=frozenset(
        {"and", "with", "but", "while", "whereas", "plus", "alongside", "beside", "as well as", "together with", "&"}
        | {"next to", "except", "except for", "apart from", "other than"}
    ),
    absences=frozenset(
        {
            f"{verb} {absent}"
            for verb in ("is", "are", "was", "were")
            for absent in ("absent", "not present", "not there")
        }
        | {f"{verb} not {seen}" for verb in ("is", "are", "was", "were") for seen in ("visible", "found", "seen")}
        | {"cannot be seen", "can't be seen", "cannot be found", "can't be found"}
    ),
    ignored=frozenset(
        {"on top of", "left behind", "left by", "right at", "right in", "right on", "right now", "right next to"}
        | {"right beside", "right near", "all right", "not only", "no doubt", "one of", "no more than", "not more than"}
        | {
            "of the part",
            "of the image",
            "of the frame",
            "bottom line",
            "part of",
            "in part",
            "any part",
            "some of",
            "whole part",
        }
    ),
)
