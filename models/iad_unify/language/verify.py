"""Whether a text is true of the regions: every claim is recomputed from the measured facts.

A claim is contradicted when no region can bear it out; what is left unsaid is never wrong. The rules, by kind:

- type: some region must have the type in its likely set, and all alternatives when several are given;
- location: some region of that type must lie in the cell: its first cell, or one with `SPLIT_SHARE` of its area;
- size: some region of that type and place must be of that size;
- shape: some region of that type and place must have one of its shapes near it; unmeasured shapes are not judged;
- count: a number of all defects must be the number of regions; a number of one type must be possible given the likely
  sets; more defects described than regions is too many;
- existence: "no defect" needs no region, a described defect needs one; a denied defect must not surely be there, and a
  denied number must not surely be theirs.

- language: what is said must be said in one language.

It knows the facts and the claims, no model and no picture.
"""

from dataclasses import dataclass

from iad_unify.language.citations import without
from iad_unify.language.claims import Claims, Mention, foreign, language_of, parse
from iad_unify.language.facts import Facts, RegionFact


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One claim that the regions contradict."""

    kind: str  # type, location, size, shape, count, existence or language
    said: str
    seen: str

    def __str__(self) -> str:
        return f"{self.kind}: says {self.said}, seen {self.seen}"


def check(text: str, facts: Facts, *, question: str = "", language: str | None = None) -> tuple[Contradiction, ...]:
    """Parse and verify in one step; a claim in another language than the text's, or the given one, is wrong as well.

    Without a `language` it is that of the text. What the parser of one language cannot read must not pass unread.
    """
    text = without(text)
    spoken = language or language_of(text, question)
    other = foreign(text, spoken)
    found = (Contradiction("language", other, spoken),) if other else ()
    return found + verify(parse(text, question=question, language=language), facts)


def verify(claims: Claims, facts: Facts) -> tuple[Contradiction, ...]:
    """The claims that the facts contradict, without repeats; empty when the text is true or claims nothing."""
    found: list[Contradiction] = [*_existence(claims, facts), *_totals(claims, facts)]
    for mention in claims.mentions:
        if mention.denied:
            found += _denied(mention, facts)
        elif facts.regions:
            found += _asserted(mention, facts)
    if facts.regions:
        found += _numbers(claims, facts)
    return tuple(dict.fromkeys(found))


def _existence(claims: Claims, facts: Facts) -> list[Contradiction]:
    if claims.none and facts.regions:
        return [Contradiction("existence", "no defect", _regions(len(facts.regions)))]
    described = any(m.described or m.region or m.pick for m in claims.asserted)
    if described and not facts.regions:
        return [Contradiction("existence", "a defect", "no region")]
    return []


def _totals(claims: Claims, facts: Facts) -> list[Contradiction]:
    seen = len(facts.regions)
    found = [Contradiction("count", str(count), _regions(seen)) for count in claims.counts if count != seen]
    if claims.at_least is not None and seen < claims.at_least:
        kind = "existence" if claims.at_least == 1 else "count"
        found.append(Contradiction(kind, f"at least {claims.at_least}", _regions(seen)))
    return found


def _asserted(mention: Mention, facts: Facts) -> list[Contradiction]:
    regions = _spoken_of(mention, facts)
    if not regions:
        return [Contradiction("count", f"region {mention.region}", _regions(len(facts.regions)))]
    found: list[Contradiction] = []
    if mention.defect_types:
        fitting = tuple(region for region in regions if set(mention.defect_types) <= set(region.likely))
        if not fitting:
            seen = "; ".join(dict.fromkeys(" or ".join(region.likely) for region in regions))
            found.append(Contradiction("type", " or ".join(mention.defect_types), seen))
        regions = fitting or regions
    for place in mention.cells:
        if not _in_place(regions, place):
            seen = "; ".join(dict.fromkeys(" or ".join(region.cells) for region in regions))
            found.append(Contradiction("location", " or ".join(place), seen))
    placed = tuple(region for place in mention.cells for region in _in_place(regions, place)) or regions
    if mention.size is not None and all(region.size != mention.size for region in placed):
        found.append(Contradiction("size", mention.size, "; ".join(dict.fromkeys(region.size for region in placed))))
    if mention.shape is not None and all(region.shapes and mention.shape not in region.shapes for region in placed):
        seen = "; ".join(dict.fromkeys(region.shapes[0] for region in placed))
        found.append(Contradiction("shape", mention.shape, seen))
    return found


def _denied(mention: Mention, facts: Facts) -> list[Contradiction]:
    """A denial is wrong when a region surely has everything that is denied together, or so many have it."""
    sure = [region for region in _spoken_of(mention, facts) if _surely(mention, region)]
    if mention.count is not None or mention.at_least is not None:
        possible = _of_type(facts.regions, mention.defect_types) if mention.defect_types else facts.regions
        exactly = mention.count is not None and len(sure) == len(possible) == mention.count
        enough = mention.at_least is not None and len(sure) >= mention.at_least
        number = mention.count or f"at least {mention.at_least}"
        return [Contradiction("count", f"not {number}", _regions(len(sure)))] if exactly or enough else []
    for region in sure:
        if mention.cells:
            return [Contradiction("location", f"not in {' or '.join(mention.cells[0])}", region.cell)]
        if mention.size is not None:
            return [Contradiction("size", f"not {mention.size}", region.size)]
        if mention.shape is not None:
            return [Contradiction("shape", f"not {mention.shape}", region.shapes[0])]
        return [Contradiction("type", f"no {' or '.join(mention.defect_types)}", region.likely[0])]
    return []


def _surely(mention: Mention, region: RegionFact) -> bool:
    """Whether the region has all that is said of it, beyond doubt."""
    type_sure = not mention.defect_types or set(region.likely) <= set(mention.defect_types)
    cell_sure = not mention.cells or any(region.cells == (cell,) for place in mention.cells for cell in place)
    shape_sure = mention.shape is None or region.shapes == (mention.shape,)
    return type_sure and cell_sure and shape_sure and mention.size in (None, region.size)


def _numbers(claims: Claims, facts: Facts) -> list[Contradiction]:
    found: list[Contradiction] = []
    described = [
        mention for mention in claims.asserted if mention.defect_types and not (mention.region or mention.pick)
    ]
    numbered: dict[tuple[str, ...], int] = {}
    for mention in described:
        pool = _of_type(facts.regions, mention.defect_types)
        if mention.cells:
            pool = _in_place(pool, tuple(cell for place in mention.cells for cell in place))
        least = mention.count or mention.at_least or 1
        if pool and len(pool) < least:
            said = f"{least} of type {' or '.join(mention.defect_types)}"
            found.append(Contradiction("count", said, _regions(len(pool))))
        if mention.count is not None and not mention.cells:
            numbered[mention.defect_types] = numbered.get(mention.defect_types, 0) + mention.count
    for types, said_count in numbered.items():
        unplaced = sum(m.count or 1 for m in described if m.defect_types == types and m.cells)
        sure = sum(set(region.likely) <= set(types) for region in facts.regions)
        if sure > said_count + unplaced:
            found.append(Contradiction("count", f"{said_count} of type {' or '.join(types)}", _regions(sure)))
    least = sum(mention.count or mention.at_least or 1 for mention in described)
    if not found and least > len(facts.regions):
        found.append(Contradiction("count", f"{least} described", _regions(len(facts.regions))))
    return found


def _spoken_of(mention: Mention, facts: Facts) -> tuple[RegionFact, ...]:
    if mention.pick is not None:
        return _picked(mention, facts)
    if mention.region is None:
        return facts.regions
    return facts.regions[mention.region - 1 : mention.region] if mention.region > 0 else ()


def _picked(mention: Mention, facts: Facts) -> tuple[RegionFact, ...]:
    """The strongest comes first in the facts; the largest and the smallest are found among those of the named type."""
    if mention.pick == "strongest" or not facts.regions:
        return facts.regions[:1]
    pool = _of_type(facts.regions, mention.defect_types) or facts.regions
    sign = 1 if mention.pick == "largest" else -1
    return (max(pool, key=lambda region: sign * region.area_share),)


def _of_type(regions: tuple[RegionFact, ...], types: tuple[str, ...]) -> tuple[RegionFact, ...]:
    return tuple(region for region in regions if set(types) & set(region.likely))


def _in_place(regions: tuple[RegionFact, ...], place: tuple[str, ...]) -> tuple[RegionFact, ...]:
    return tuple(region for region in regions if set(place) & set(region.cells))


def _regions(count: int) -> str:
    return "no region" if count == 0 else f"{count} region{'s' if count > 1 else ''}"
