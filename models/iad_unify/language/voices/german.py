"""German sentences about defects: genders, cases and the endings of adjectives."""

from collections.abc import Mapping

from iad_unify.language.voices.voice import Said, placed
from iad_unify.types import UNKNOWN

#: Slug -> gender, noun in the singular, in the plural. Masculine, feminine and neuter.
_NOUNS: dict[str, tuple[str, str, str]] = {
    "scratch": ("m", "Kratzer", "Kratzer"),
    "crack": ("m", "Riss", "Risse"),
    "hole": ("n", "Loch", "Löcher"),
    "chip": ("f", "Absplitterung", "Absplitterungen"),
    "dent": ("f", "Delle", "Dellen"),
    "stain": ("m", "Fleck", "Flecken"),
    "contamination": ("f", "Verunreinigung", "Verunreinigungen"),
    "discoloration": ("f", "Verfärbung", "Verfärbungen"),
    "fray": ("f", "Ausfransung", "Ausfransungen"),
    "missing_part": ("n", "fehlendes Teil", "fehlende Teile"),
    UNKNOWN: ("m", "Defekt unklarer Art", "Defekte unklarer Art"),
}
_SIZES = {"small": "klein", "medium": "mittelgroß", "large": "groß"}
#: Article and ending of the adjective after it, nominative and accusative.
_NOMINATIVE = {"m": ("ein", "er"), "f": ("eine", "e"), "n": ("ein", "es")}
_ACCUSATIVE = _NOMINATIVE | {"m": ("einen", "en")}
_THE = {"m": "der", "f": "die", "n": "das"}
_NUMBERS = ("null", "ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf")


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _opening(text: str) -> str:
    """With a capital first letter; the others stay as they are, since nouns have one too."""
    return text[:1].upper() + text[1:]


class German:
    """See `voice.Voice`."""

    language = "de"
    places: Mapping[str, tuple[str, ...]] = {
        "top_left": ("oben links", "links oben", "in der linken oberen Ecke"),
        "top": ("oben in der Mitte", "oben mittig", "oben"),
        "top_right": ("oben rechts", "rechts oben", "in der rechten oberen Ecke"),
        "left": ("links in der Mitte", "links mittig", "links"),
        "center": ("in der Mitte", "im Zentrum", "mittig"),
        "right": ("rechts in der Mitte", "rechts mittig", "rechts"),
        "bottom_left": ("unten links", "links unten", "in der linken unteren Ecke"),
        "bottom": ("unten in der Mitte", "unten mittig", "unten"),
        "bottom_right": ("unten rechts", "rechts unten", "in der rechten unteren Ecke"),
    }
    nothing: tuple[str, ...] = (
        "Es wurde kein Defekt gefunden.",
        "Es gibt keinen Defekt.",
        "Das Teil zeigt keine Defekte.",
    )
    question = "Beschreibe die Defekte in einem Satz: Art, Lage, Größe und Anzahl."

    def single(self, defect: Said) -> tuple[str, ...]:
        """See `voice.Voice`."""
        place, one = placed(self, defect), self._noun(defect)
        return (
            f"{_opening(one)} {place}.",
            f"{_opening(place)} befindet sich {one}.",
            f"Es gibt {self._noun(defect, _ACCUSATIVE)} {place}.",
        )

    def pair(self, first: Said, second: Said) -> tuple[str, ...]:
        """See `voice.Voice`."""
        both = " und ".join(f"{self._noun(one)} {placed(self, one)}" for one in (first, second))
        return f"Zwei Defekte: {both}.", f"Es gibt zwei Defekte: {both}."

    def several(self, count: int, strongest: Said) -> tuple[str, ...]:
        """See `voice.Voice`."""
        rest = f"der stärkste ist {self._noun(strongest)} {placed(self, strongest)}"
        return f"{_opening(_number(count))} Defekte; {rest}.", f"Es gibt {_number(count)} Defekte; {rest}."

    def alike(self, count: int, strongest: Said) -> tuple[str, ...]:
        """See `voice.Voice`."""
        gender, _, plural = _NOUNS[strongest.defect_type]
        many = f"{_number(count)} {_SIZES[strongest.size]}e {plural}"
        rest = f"{_THE[gender]} stärkste liegt {placed(self, strongest)}"
        return f"{_opening(many)}; {rest}.", f"Es gibt {many}; {rest}."

    def _noun(self, defect: Said, case: Mapping[str, tuple[str, str]] = _NOMINATIVE) -> str:
        gender, noun, _ = _NOUNS[defect.defect_type]
        article, ending = case[gender]
        return f"{article} {_SIZES[defect.size]}{ending} {noun}"
