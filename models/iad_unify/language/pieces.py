"""A text as the pieces that mean something: types, things, places, sizes, numbers, negations, breaks between clauses."""

from collections.abc import Iterable
from dataclasses import dataclass

from iad_unify.language.lexicon import Lexicon

#: Kinds of pieces that name a defect, and kinds that end a clause.
NOUNS = ("type", "thing", "region")
BREAKS = ("comma", "stop", "joint")


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece: its kind, one of the lexicon's tables or a break, and its meaning there."""

    kind: str
    value: object = None


def scan(text: str, lexicon: Lexicon) -> list[Piece]:
    """The meaningful pieces of a text in order."""
    items: list[Piece] = []
    for match in lexicon.pattern.finditer(lexicon.normalised(text)):
        if match["measure"]:
            continue
        if match["digits"]:
            items.append(Piece("number", int(match["digits"])))
        elif match["phrase"]:
            items.append(Piece(*lexicon.meanings[match["phrase"]]))
        else:
            items.append(Piece("stop" if match["stop"] else "comma"))
    return list(_tidied(item for item in items if item.kind != "ignored"))


def _tidied(source: Iterable[Piece]) -> Iterable[Piece]:
    """Join "region 2" and "second region" into one item; drop the comma in "a small, round hole"."""
    items = list(source)
    index, noun_seen = 0, False
    while index < len(items):
        item = items[index]
        after = items[index + 1] if index + 1 < len(items) else Piece("stop")
        if item.kind == "thing" and item.value is False and after.kind == "number":
            yield Piece("region", after.value)
            index += 1
        elif item.kind == "ordinal" and after.kind == "thing":
            yield Piece("region", item.value)
            index += 1
        elif item.kind == "size" and not noun_seen and after.kind in ("comma", "joint"):
            yield item
            index += 1
        else:
            yield item
        noun_seen = item.kind in NOUNS or (noun_seen and item.kind not in BREAKS)
        index += 1
