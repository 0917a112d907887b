"""A text as the pieces that mean something: types, things, places, sizes, numbers, negations, breaks between clauses.

Pieces come in one order whatever the language: a denial before what it denies, a number before what it counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from iad_unify.language.lexicon import Lexicon

#: Kinds of pieces that name a defect, and kinds that end a clause.
NOUNS = ("type", "thing", "region")
BREAKS = ("comma", "stop", "joint")


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece: its kind, one of the lexicon's tables or a break, and its meaning there."""

    kind: str
    value: object = None
    mark: str = ""  # topic: what the clause speaks of; particle: some other ending; counted: a number with a counter
    near: bool = False  # nothing stands between it and the piece before


STOP = Piece("stop", near=True)
#: Tables whose pieces are of a kind that another table has too: the kind and the mark that tells them apart.
_RENAMED = {"noun_joint": ("joint", "noun"), "count": ("number", "counted")}


def scan(text: str, lexicon: Lexicon) -> list[Piece]:
    """The meaningful pieces of a text in order."""
    found = [piece for piece in _found(lexicon.normalised(text), lexicon) if piece.kind != "ignored"]
    found = [piece for index, piece in enumerate(found) if index == 0 or piece.kind != "affirmation"]  # "is", "has"
    return list(_tidied(_denials_first(list(_articles(found)), lexicon)))


def _found(text: str, lexicon: Lexicon) -> Iterator[Piece]:
    end = 0
    for match in lexicon.pattern.finditer(text):
        near, end = not text[end : match.start()].strip(), match.end()
        if match["measure"]:
            continue
        role = lexicon.endings.get(match["ending"] or match["digits_ending"] or match["tally_ending"] or "", "-")
        mark = "" if role == "-" else "topic" if role == "topic" else "particle"
        if match["numeral"]:
            yield from _tally(match["numeral"], match["suffix"], lexicon, near)
        elif match["digits"]:
            yield Piece("number", int(match["digits"]), mark, near)
        elif match["phrase"]:
            kind, value = lexicon.meanings[match["phrase"]]
            if kind in _RENAMED:
                yield Piece(_RENAMED[kind][0], value, _RENAMED[kind][1], near)
            else:
                yield Piece(kind, value, mark, near)
        else:
            yield Piece("stop" if match["stop"] else "comma", near=near)
        if role not in ("-", "", "topic"):
            kind, mark = _RENAMED.get(role, (role, ""))
            yield Piece(kind, True, mark)


def _tally(numeral: str, suffix: str, lexicon: Lexicon, near: bool) -> Iterator[Piece]:
    """A number with what follows it: one of several, an article, or a count."""
    value = int(numeral) if numeral.isdecimal() else lexicon.numerals[numeral]
    if suffix in lexicon.rank_counters:
        yield Piece("ordinal", value, near=near)
    elif numeral in lexicon.articles:
        yield Piece("article", near=near)
    else:
        if suffix in lexicon.least_counters:
            yield Piece("at_least", True, near=near)
        yield Piece("number", value, "counted", near)


def _articles(items: list[Piece]) -> Iterator[Piece]:
    """An article before a type is dropped; before another noun, a place or a break it counts one."""
    picked = False
    for index, item in enumerate(items):
        picked = item.kind == "pick" or (picked and item.kind not in BREAKS)
        if item.kind != "article":
            yield item
        elif not picked and _counts_one(items[index + 1 :]):  # "the strongest is a defect of unclear type"
            yield Piece("number", 1, near=item.near)


def _counts_one(rest: list[Piece]) -> bool:
    noun = next((one for one in rest if one.kind in (*NOUNS, *BREAKS)), STOP)
    following = rest[0] if rest else STOP
    return noun.kind == "thing" or (noun.kind in BREAKS and following.near and following.kind in ("cell", *BREAKS))


def _denials_first(items: list[Piece], lexicon: Lexicon) -> list[Piece]:
    """Put each denial that comes late before what it denies; a joint after that ends it."""
    out: list[Piece] = []
    for index, item in enumerate(items):
        after = items[index + 1] if index + 1 < len(items) else STOP
        if item.kind not in ("absence", "late_negation"):
            out.append(item)
        elif after.kind not in BREAKS and not lexicon.verb_last:
            out.append(Piece("negation", True))  # "is not visible in the center"
        else:
            start = _denied_from(out, item)
            scope = [Piece("alternative", True) if one.kind in BREAKS else one for one in out[start:]]
            scope.sort(key=lambda one: one.kind != "another")  # "no other defect", in whatever order
            out[start:] = [Piece("negation", True), *scope, *([Piece("joint", True)] if scope else [])]
    return out


def _denied_from(out: list[Piece], denial: Piece) -> int:
    """Where that begins which a denial at the end denies: its clause, or what comes after the clause's topic."""
    start = len(out)
    while start > 0:
        before = out[start - 1]
        if before.kind in BREAKS:
            listed = start > 1 and out[start - 2].kind in NOUNS and not out[start - 2].mark
            if before.mark != "noun" and not (before.kind == "comma" and listed):
                break
        if denial.kind == "late_negation" and before.mark == "topic" and start < len(out):
            break
        start -= 1
    return start


def _tidied(items: list[Piece]) -> Iterator[Piece]:
    """Join "region 2" and "second region" into one piece; put a number before what it counts; drop the comma in "a
    small, round hole"; decide what "nor" is.
    """
    index, noun_seen, denied = 0, False, False
    while index < len(items):
        item = items[index]
        after = items[index + 1] if index + 1 < len(items) else STOP
        if item.kind == "thing" and item.value is False and after.kind == "number" and after.mark != "counted":
            yield Piece("region", after.value, after.mark)
            index += 1
        elif item.kind == "ordinal" and after.kind == "thing":
            yield Piece("region", item.value, after.mark)
            index += 1
        elif back := _counting_back(items[index:]):
            yield from (*back, item)
            index += len(back)
        elif item.kind in ("size", "shape") and not noun_seen and after.kind in ("comma", "joint"):
            yield item
            index += 1
        else:
            yield replace(item, kind="negation" if denied else "another") if item.kind == "nor" else item
        noun_seen = item.kind in NOUNS or (noun_seen and item.kind not in BREAKS)
        denied = item.kind == "negation" or (denied and item.kind != "stop")
        index += 1


def _counting_back(items: list[Piece]) -> list[Piece]:
    """The pieces after the first that count it: "or more" after a number, or a number, "at least" included, after a noun."""
    first, rest = items[0], items[1:]
    if first.kind == "number":
        return rest[:1] if rest and rest[0].kind == "at_least" and rest[0].near else []
    length = 2 if rest and rest[0].kind == "at_least" else 1
    counted = rest[length - 1].mark == "counted" if len(rest) >= length else False
    before_a_noun = len(rest) > length and rest[length].kind in NOUNS and rest[length].near
    return rest[:length] if first.kind in ("type", "thing") and counted and not before_a_noun else []
