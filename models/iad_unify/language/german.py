"""The German word table. Umlauts may also be written ae, oe, ue, and ß as ss."""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import TypeVar

from iad_unify.geometry import CELLS
from iad_unify.language.lexicon import UNITS, Lexicon, listed
from iad_unify.types import UNKNOWN

_Meaning = TypeVar("_Meaning")

#: What an adjective may end in.
_ENDINGS = ("e", "er", "es", "en", "em")
_ROWS = {"oben": ("ober", 0), "unten": ("unter", 2)}
_COLUMNS = {"links": ("link", 0), "rechts": ("recht", 2)}
_MIDDLES = ("mitte", "zentrum", "bildmitte")
_WIDE = ("hälfte", "drittel", "reihe", "spalte", "seite", "bereich", "teil", "rand", "kante", "zone", "abschnitt")


def _spellings(words: Iterable[str]) -> frozenset[str]:
    """The words, and each as it is typed without umlauts."""
    found = set(words)
    plain = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}
    return frozenset(found | {"".join(plain.get(letter, letter) for letter in word) for word in found})


def _table(pairs: Mapping[str, _Meaning]) -> dict[str, _Meaning]:
    return {spelling: meaning for word, meaning in pairs.items() for spelling in _spellings((word,))}


def _inflected(*stems: str) -> tuple[str, ...]:
    return tuple(stem + ending for stem in stems for ending in ("", *_ENDINGS))


def _cell(row: int, column: int) -> tuple[str, ...]:
    return (CELLS[3 * row + column],)


def _corner(row_word: str, row: str, column_word: str, column: str) -> set[str]:
    found = {f"{row_word} {column_word}", f"{column_word} {row_word}", f"{row_word}, {column_word}"}
    for ending in _ENDINGS:
        found |= {f"{row}{ending} {column}{ending}", f"{column}{ending} {row}{ending}"}
    found |= {f"{row_word} am {column}en rand", f"{row_word} auf der {column}en seite", f"{row_word} im {column}en"}
    found |= {f"{column_word} am {row}en rand", f"{column_word} im {row}en bereich", f"{row_word} {column_word}e ecke"}
    return found


def _centred(word: str, stem: str) -> set[str]:
    """Ways to say the middle of a side."""
    found = {f"{word} mittig", f"mittig {word}", f"mittig {stem}en"}
    for middle in _MIDDLES:
        article = "der" if middle.endswith("mitte") else "dem"
        found |= {
            f"{word} {middle}",
            f"{middle} {word}",
            f"{word} in {article} {middle}",
            f"in {article} {middle} {word}",
        }
        found |= {f"{word} im {middle}", f"im {middle} {word}", *(f"{stem}{ending} {middle}" for ending in _ENDINGS)}
    for ending in _ENDINGS:
        found |= {f"{stem}{ending} mittler{ending}", f"mittler{ending} {stem}{ending}"}
    found |= {
        f"in der mitte des {stem}en rands",
        f"in der mitte des {stem}en randes",
        f"in der mitte der {stem}en seite",
    }
    return found | {f"mitte des {stem}en randes", f"mitte der {stem}en seite"}


def _wide(stem: str) -> set[str]:
    return {f"{stem}{ending} {word}{end}" for ending in _ENDINGS for word in _WIDE for end in ("", "s", "es")}


def _cells() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for word, (stem, row) in _ROWS.items():
        found |= dict.fromkeys(_wide(stem), tuple(CELLS[3 * row : 3 * row + 3]))
        found |= dict.fromkeys({word, *_centred(word, stem)}, _cell(row, 1))
    for word, (stem, column) in _COLUMNS.items():
        found |= dict.fromkeys(_wide(stem), tuple(CELLS[column::3]))
        beside = {f"{word} {of}" for of in ("der mitte", "von der mitte", "vom zentrum", "des zentrums")}
        found |= dict.fromkeys({word, *_centred(word, stem), *beside}, _cell(1, column))
    for (row_word, (row_stem, row)), (column_word, (stem, column)) in product(_ROWS.items(), _COLUMNS.items()):
        found |= dict.fromkeys(_corner(row_word, row_stem, column_word, stem), _cell(row, column))
        near = tuple(CELLS[3 * r + c] for r in sorted({row, 1}) for c in sorted({column, 1}))
        for ending in _ENDINGS:
            for quarter in ("quadrant", "quadranten", "viertel"):
                found[f"{row_stem}{ending} {stem}{ending} {quarter}"] = near
                found[f"{stem}{ending} {row_stem}{ending} {quarter}"] = near
    found |= dict.fromkeys((*_MIDDLES, "mittig", "zentral", *(f"zentral{end}" for end in _ENDINGS)), ("center",))
    found |= {f"mittler{end} {word}": ("center",) for end in _ENDINGS for word in ("bereich", "teil", "zone", "zelle")}
    for above, row in (("über", 0), ("oberhalb", 0), ("unter", 2), ("unterhalb", 2)):
        found |= dict.fromkeys((f"{above} der mitte", f"{above} des zentrums", f"{above} dem zentrum"), _cell(row, 1))
    corners = ("top_left", "top_right", "bottom_left", "bottom_right")
    return found | dict.fromkeys(("in einer ecke", "an einer ecke", "eine ecke"), corners)


_PARTS = ("teil", "bauteil", "stück", "element")
#: Slug -> words in the singular, in the plural, and other forms that say the same.
_TYPES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "scratch": (
        ("kratzer", "kratzers", "schramme", "kratzspur", "riefe", "schürfung"),
        ("kratzern", "schrammen", "kratzspuren", "riefen", "schürfungen"),
        _inflected("zerkratzt", "verkratzt"),
    ),
    "crack": (
        ("riss", "risses", "haarriss", "bruch", "sprung"),
        ("risse", "rissen", "haarrisse", "haarrissen", "brüche", "sprünge"),
        _inflected("gerissen", "rissig", "gesprungen"),
    ),
    "hole": (
        ("loch", "loches", "lochs", "pore", "durchbruch", "lunker", "nadelloch"),
        ("löcher", "löchern", "poren", "durchbrüche", "lunkern", "nadellöcher"),
        _inflected("durchlöchert", "porös"),
    ),
    "chip": (
        ("absplitterung", "abplatzung", "ausbruch", "kantenausbruch", "abplatzer", "kerbe"),
        ("absplitterungen", "abplatzungen", "ausbrüche", "kantenausbrüche", "abplatzern", "kerben"),
        _inflected("abgesplittert", "abgeplatzt", "ausgebrochen"),
    ),
    "dent": (
        ("delle", "beule", "eindruck", "vertiefung", "druckstelle", "einbuchtung"),
        ("dellen", "beulen", "eindrücke", "vertiefungen", "druckstellen", "einbuchtungen"),
        _inflected("eingedellt", "verbeult"),
    ),
    "stain": (
        ("fleck", "flecks", "fleckes", "schmierfleck", "schliere"),
        ("flecken", "flecke", "schmierflecken", "schlieren"),
        _inflected("fleckig", "verschmiert", "befleckt"),
    ),
    "contamination": (
        ("verunreinigung", "fremdkörper", "fremdkörpers", "partikel", "partikels", "faser", "verschmutzung"),
        ("verunreinigungen", "fremdkörpern", "partikeln", "fasern", "verschmutzungen"),
        (*_inflected("verunreinigt", "verschmutzt", "schmutzig"), "fremdmaterial", "schmutz", "staub"),
    ),
    "discoloration": (
        ("verfärbung", "farbabweichung", "farbänderung"),
        ("verfärbungen", "farbabweichungen", "farbänderungen"),
        _inflected("verfärbt"),
    ),
    "fray": (
        ("ausfransung", "lose faser", "loser faden"),
        ("ausfransungen", "lose fäden", "losen fäden"),
        _inflected("ausgefranst"),
    ),
    "missing_part": (
        ("fehlteil", *(f"fehlende{end} {noun}" for end in ("s", "n") for noun in _PARTS)),
        ("fehlteile", *(f"fehlende{end} {noun}e{case}" for end in ("", "n") for noun in _PARTS for case in ("", "n"))),
        (*(f"{noun} fehlt" for noun in _PARTS), *(f"fehlt ein {noun}" for noun in _PARTS)),
    ),
    UNKNOWN: (
        (),
        (),
        (
            *(
                f"{word} {of}"
                for word in _inflected("unklar", "unbekannt", "ungewiss")
                for of in ("art", "typ", "typs")
            ),
            *(f"{of} ist {word}" for word in ("unklar", "unbekannt", "ungewiss") for of in ("art", "typ")),
        ),
    ),
}
_THINGS = ("defekt", "fehler", "mangel", "anomalie", "auffälligkeit", "beschädigung", "schaden", "makel", "fehlstelle")
_MANY_THINGS = ("defekte", "defekten", "fehlern", "mängel", "mängeln", "anomalien", "auffälligkeiten", "beschädigungen")
_NUMBERS = ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf")
_ORDINALS = ("erst", "zweit", "dritt", "viert", "fünft", "sechst", "siebt", "acht")
_PICKS = {
    "strongest": ("stärkst", "schwerst", "schlimmst", "deutlichst", "auffälligst"),
    "largest": ("größt",),
    "smallest": ("kleinst",),
}
_SIZES = {
    "small": ("klein", "winzig", "gering", "kleiner"),
    "medium": ("mittelgroß", "mittel", "mittler", "mäßig groß"),
    "large": ("groß", "riesig", "ausgedehnt", "größer", "großflächig"),
}
_VERBS = ("ist", "sind", "war", "waren", "wird", "werden", "wurde", "wurden")

GERMAN = Lexicon(
    language="de",
    types=_table({word: slug for slug, (one, _, other) in _TYPES.items() for word in (*one, *other)}),
    plural_types=_table({word: slug for slug, (_, many, _) in _TYPES.items() for word in many}),
    things=_spellings((*_THINGS, "defekts", "defektes", "mangels", "region", "bereich", "bereichs")),
    plural_things=_spellings((*_MANY_THINGS, "schäden", "fehlstellen", "regionen", "bereiche", "bereichen")),
    cells=_table(_cells()),
    sizes=_table(
        {form: size for size, stems in _SIZES.items() for form in _inflected(*stems)} | {"mittlerer größe": "medium"}
    ),
    numbers=_table({word: number for number, word in enumerate(_NUMBERS)})
    | {"genau ein": 1, "nur ein": 1, "genau eine": 1, "nur eine": 1, "genau einen": 1, "nur einen": 1, "ein paar": 2}
    | dict.fromkeys(("einzelner", "einzelne", "einzelnes", "einzelnen", "ein einziger", "eine einzige"), 1)
    | dict.fromkeys(("beide", "beiden"), 2),
    shapes=_table(
        dict.fromkeys(_inflected("länglich", "langgezogen", "linienförmig", "gestreckt", "strichförmig"), "elongated")
        | dict.fromkeys(_inflected("kompakt", "rund", "rundlich", "kreisförmig", "punktförmig"), "compact")
        | dict.fromkeys(_inflected("unregelmäßig", "unregelmäßig geformt", "gezackt", "verzweigt"), "irregular")
    ),
    ordinals=_table({stem + end: rank for rank, stem in enumerate(_ORDINALS, start=1) for end in _ENDINGS}),
    picks=_table({stem + end: pick for pick, stems in _PICKS.items() for stem in stems for end in _ENDINGS}),
    several=_spellings(
        listed(
            "mehr als ein | mehr als eine | mehr als einen | mehr als einer | mehrere | mehreren | einige | einigen | "
            "viele | vielen | zahlreiche | diverse | etliche"
        )
    ),
    at_least=frozenset({"mindestens", "wenigstens", "oder mehr"}),
    quantities=_spellings(listed("anzahl der | zahl der | anzahl von | wie viele | wieviele | irgendwelche")),
    another=_spellings(
        f"{stem}{end}" for stem in ("weiter", "ander", "zusätzlich", "sonstig") for end in ("", *_ENDINGS)
    ),
    negations=_spellings(
        (*_inflected("kein"), "nicht", "ohne", "weder", "nein", "nie", "frei von", "anstatt", "statt")
    ),
    affirmations=listed("ja | jawohl | richtig | stimmt"),
    nothing=_spellings(
        listed(
            "nichts | fehlerfrei | defektfrei | mangelfrei | einwandfrei | makellos | in ordnung | "
            "unbeschädigt | gutteil | unauffällig | teil ist gut | sieht gut aus"
        )
    ),
    refusals=_spellings(
        listed(
            "nicht sagen | nicht bestimmen | nicht erkennen lässt | nicht beantworten | "
            "nicht beantwortet werden | nicht bestimmt werden | nicht möglich | weiß nicht | weiß ich nicht | "
            "nicht feststellen | unmöglich zu | nicht ablesen | nicht zu sagen | lässt sich nicht"
        )
    ),
    alternatives=_spellings(listed("oder | möglicherweise | vielleicht | eventuell | beziehungsweise | bzw")),
    joints=_spellings(
        listed("außer | und | mit | aber | sondern | während | sowie | plus | neben | & | zusammen mit | dazu")
    ),
    ignored=_spellings(
        listed(
            "nicht nur | ein wenig | ein bisschen | größer als | kleiner als | im bereich | in dem bereich | "
            "so groß wie | rechts neben | links neben | einer der | eine der | eines der | höchstens | "
            "nicht mehr als | kein zweifel | recht gut | zu recht | mit rechten dingen | zum ersten | "
            "als erstes | obere grenze | mitte des teils"
        )
    ),
    absences=_spellings(
        f"nicht {seen}" for seen in listed("zu sehen | vorhanden | sichtbar | erkennbar | zu erkennen | zu finden | da")
    )
    | _spellings(f"{verb} nicht {found}" for verb in _VERBS for found in ("gefunden", "entdeckt", "festgestellt"))
    | _spellings(listed("nicht gefunden | gibt es nicht | liegt nicht vor | liegen nicht vor | sehe ich nicht")),
    nor=listed("noch | noch ein | noch eine | noch einen"),
    articles=listed("ein | eine | einen | einem | einer | eines"),
    units=(*UNITS, "prozent", "millimeter", "zentimeter", "grad"),
)
