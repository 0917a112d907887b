"""The structure of what a text claims: mentions of defects, counts, denials. It reads nothing.

Source of the claim kinds: the 3x3 grid protocol for understanding (type, location, size, count, existence).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mention:
    """What is said of one defect, or of `count` defects alike. Empty or None: nothing was said."""

    defect_types: tuple[str, ...] = ()  # one slug, or alternatives ("a scratch or a crack")
    cells: tuple[tuple[str, ...], ...] = ()  # each named place: the cells that it may mean; all places are claimed
    size: str | None = None
    count: int | None = None
    at_least: int | None = None  # a plural or "several" without a number: at least 2
    region: int | None = None  # "region 2": its number, from 1
    pick: str | None = None  # "the strongest", "the largest", "the smallest": which region it is
    denied: bool = False  # the mention says that there is no such defect
    shape: str | None = None

    @property
    def described(self) -> bool:
        """Whether anything is said of the defect beside how many there are and which it is."""
        return bool(self.defect_types or self.cells or self.size or self.shape)


@dataclass(frozen=True, slots=True)
class Claims:
    """All that a text claims."""

    mentions: tuple[Mention, ...] = ()  # denied ones included
    counts: tuple[int, ...] = ()  # how many defects there are in all, each time it is said
    at_least: int | None = None
    none: bool = False  # says that there is no defect
    refused: bool = False  # says that it cannot be told
    reply: bool | None = None  # a leading yes or no

    @property
    def asserted(self) -> tuple[Mention, ...]:
        """The mentions that are not denials."""
        return tuple(mention for mention in self.mentions if not mention.denied)

    @property
    def defect_type(self) -> str | None:
        """The type, when exactly one is named without an alternative; else None."""
        named = {mention.defect_types for mention in self.asserted if mention.defect_types}
        only = next(iter(named)) if len(named) == 1 else ()
        return only[0] if len(only) == 1 else None

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells that are named exactly, in the order of the text, without repeats."""
        named = [place[0] for mention in self.asserted for place in mention.cells if len(place) == 1]
        return tuple(dict.fromkeys(named))

    @property
    def cell(self) -> str | None:
        """The cell, when exactly one place is named and it is one cell; else None."""
        places = {place for mention in self.asserted for place in mention.cells}
        only = next(iter(places)) if len(places) == 1 else ()
        return only[0] if len(only) == 1 else None

    @property
    def size(self) -> str | None:
        """The size, when exactly one is named; else None."""
        named = {mention.size for mention in self.asserted if mention.size}
        return next(iter(named)) if len(named) == 1 else None

    @property
    def shape(self) -> str | None:
        """The shape, when exactly one is named; else None."""
        named = {mention.shape for mention in self.asserted if mention.shape}
        return next(iter(named)) if len(named) == 1 else None

    @property
    def count(self) -> int | None:
        """How many defects there are in all, when one number is said: of defects, or of one type and no other."""
        if self.counts:
            return self.counts[0] if len(set(self.counts)) == 1 else None
        if self.none:
            return 0
        named = [m.count for m in self.asserted if (m.defect_types or m.count) and m.pick is None]
        return named[0] if len(named) == 1 else None

    @property
    def says_anything(self) -> bool:
        """Whether something is claimed of defects; a bare yes, no or refusal claims nothing."""
        return bool(self.mentions or self.counts or self.at_least or self.none)
