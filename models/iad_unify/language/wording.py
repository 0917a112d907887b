"""How cells, types, sizes and numbers are said in English; every phrase here is one that `claims` reads back exactly."""

from iad_unify.types import UNKNOWN, spoken

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_PLURALS = {"scratch": "scratches", "contamination": "contaminations", "fray": "frays"}

#: Ways to say that something lies in a cell; the first is the template's.
PLACES: dict[str, tuple[str, ...]] = {
    "top_left": (
        "in the top left",
        "in the upper left corner",
        "at the top left",
        "in the upper-left part",
        "near the top-left corner",
    ),
    "top": ("in the top center", "at the top", "in the upper middle", "above the center", "at the top middle"),
    "top_right": (
        "in the top right",
        "in the upper right corner",
        "at the top right",
        "in the upper-right part",
        "near the top-right corner",
    ),
    "left": (
        "in the center left",
        "on the left",
        "at the middle left",
        "left of the center",
        "in the middle of the left side",
    ),
    "center": ("in the center", "in the middle", "at the center", "in the middle of the part", "in the central area"),
    "right": (
        "in the center right",
        "on the right",
        "at the middle right",
        "right of the center",
        "in the middle of the right side",
    ),
    "bottom_left": (
        "in the bottom left",
        "in the lower left corner",
        "at the bottom left",
        "in the lower-left part",
        "near the bottom-left corner",
    ),
    "bottom": (
        "in the bottom center",
        "at the bottom",
        "in the lower middle",
        "below the center",
        "at the bottom middle",
    ),
    "bottom_right": (
        "in the bottom right",
        "in the lower right corner",
        "at the bottom right",
        "in the lower-right part",
        "near the bottom-right corner",
    ),
}


def number(count: int) -> str:
    """A count in words up to twelve, then in digits."""
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def article(phrase: str) -> str:
    """`a` or `an`, with the phrase."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def noun(defect_type: str, count: int = 1) -> str:
    """The noun for `count` defects of a type; those of unclear type are defects."""
    if defect_type == UNKNOWN:
        return "defect" if count == 1 else "defects"
    word = spoken(defect_type)
    return word if count == 1 else _PLURALS.get(defect_type, f"{word}s")


def sized(defect_type: str, size: str, count: int = 1) -> str:
    """Size and noun, such as `small scratch`; an unclear type is said to be unclear."""
    phrase = f"{size} {noun(defect_type, count)}" if size else noun(defect_type, count)
    return f"{phrase} of unclear type" if defect_type == UNKNOWN else phrase
