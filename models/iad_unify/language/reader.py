"""Binds the pieces of a text to the defects that they speak of. It knows pieces, not words."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from iad_unify.language.mentions import Claims, Mention
from iad_unify.language.pieces import BREAKS, NOUNS, Piece


@dataclass(slots=True)
class _Draft:
    """A mention while it is being read; also holds what was read before its noun."""

    types: list[str] = field(default_factory=list)
    cells: list[tuple[str, ...]] = field(default_factory=list)
    size: str | None = None
    count: int | None = None
    at_least: int | None = None
    region: int | None = None
    pick: str | None = None
    denied: bool = False
    shape: str | None = None
    more: int = 0  # "two other defects": so many beside those named elsewhere, if nothing else is said of them

    def take(self, other: "_Draft") -> None:
        """Add what was read before the noun."""
        self.cells += [cells for cells in other.cells if cells not in self.cells]
        self.size, self.count = other.size or self.size, other.count or self.count
        self.shape = other.shape or self.shape
        self.at_least, self.region = other.at_least or self.at_least, other.region or self.region

    @property
    def empty(self) -> bool:
        named = self.types or self.cells or self.size or self.shape
        return not (named or self.count or self.at_least or self.region)

    def mention(self) -> Mention:
        at_least = None if self.count is not None else self.at_least
        places = tuple(self.cells)
        said = (self.size, self.count, at_least, self.region, self.pick, self.denied, self.shape)
        return Mention(tuple(self.types), places, *said)


class Reader:
    """Walks over the items once and binds each to the defect it speaks of.

    A size or a number belongs to the noun that follows in its clause, else to the one before; a place belongs to the
    noun before it in its clause, else to the one that follows. A denial reaches to the end of its clause.

    When it `asks`, a plural is no number: "are there scratches?" is answered by one.
    """

    def __init__(self, items: list[Piece], *, asks: bool = False) -> None:
        self.items, self.asks = items, asks
        self.drafts: list[_Draft] = []
        self.current: _Draft | None = None
        self.denial: _Draft | None = None
        self.ahead = _Draft()  # what waits for its noun
        self.further = self.either = self.least = self.quantity = False
        self.more = False  # an "another" that waits for its noun; without one it is a defect more
        self.unnamed = 0  # how many such defects there are
        self.counts: list[int] = []
        self.total_at_least: int | None = None
        self.none = self.refused = False
        self.reply: bool | None = None
        self.subject: int | None = None  # the numbered region that the sentence speaks of

    def read(self) -> Claims:
        """All that the pieces claim; a reader reads once."""
        for index, item in enumerate(self.items):
            handler = getattr(self, f"_on_{item.kind}", None)
            if handler is not None:
                handler(index, item.value)
        self._close_denial()
        self._settle_ahead()
        mentions = tuple(draft.mention() for draft in self.drafts if not draft.empty)
        return Claims(mentions, tuple(self.counts), self._at_least(), self.none, self.refused, self.reply)

    def _at_least(self) -> int | None:
        """How many defects there are said to be at least, in all."""
        if self.refused:
            return None
        more = self.unnamed + sum(draft.more for draft in self.drafts if draft.empty)
        if not more:
            return None if self.counts else self.total_at_least
        named = [draft for draft in self.drafts if not (draft.denied or draft.empty or draft.pick)]
        beside = sum(draft.count or draft.at_least or 1 for draft in named)
        return max(1, beside, self.total_at_least or 0) + more

    # --- clauses -----------------------------------------------------------------------------------------------

    def _noun_ahead(self, index: int) -> bool:
        return self._first_of(self.items[index + 1 :])

    def _noun_behind(self, index: int) -> bool:
        return self._first_of(reversed(self.items[:index]))

    @staticmethod
    def _first_of(items: Iterable[Piece]) -> bool:
        for item in items:
            if item.kind in NOUNS:
                return True
            if item.kind in BREAKS:
                return False
        return False

    def _introduces(self, index: int) -> bool:
        """Whether a place comes before the noun that it belongs to: "on the right, a hole"."""
        if self._noun_behind(index):
            return False
        opens = index == 0 or self.items[index - 1].kind == "stop"
        later = [item for item in self.items[index + 1 :] if not (opens and item.kind == "comma")]
        return self._first_of(later)

    def _on_comma(self, index: int, value: object) -> None:
        self._close_denial()

    def _on_joint(self, index: int, value: object) -> None:
        self._close_denial()
        self.either = False

    def _on_stop(self, index: int, value: object) -> None:
        self._close_denial()
        self._settle_ahead()
        self.further = self.either = self.quantity = False
        self.subject = None

    def _settle_ahead(self) -> None:
        """What waited for a noun that never came speaks of the defect named last, or of one without a name."""
        if self.more:
            self.unnamed += self.ahead.count or 1
            self.more, self.ahead.count = False, None
        if self.ahead.count is not None:
            self.counts.append(self.ahead.count)
            self.ahead.count = None
        if not self.ahead.empty:
            self._now().take(self.ahead)
        self.ahead = _Draft()

    def _now(self) -> _Draft:
        if self.denial is not None:
            return self.denial
        if self.current is None:
            self.current = _Draft()
            self.drafts.append(self.current)
        return self.current

    # --- denials and replies -----------------------------------------------------------------------------------

    def _on_negation(self, index: int, value: object) -> None:
        after = self.items[index + 1].kind if index + 1 < len(self.items) else "stop"
        if index == 0 and after in ("comma", "stop"):
            self.reply = False
        else:
            self._close_denial()  # "neither in the center nor large" denies each by itself
            self.denial = _Draft(denied=True)

    def _on_affirmation(self, index: int, value: object) -> None:
        if index == 0:
            self.reply = True

    def _close_denial(self) -> None:
        denial, self.denial = self.denial, None
        if denial is None or not (denial.types or denial.cells or denial.size or denial.shape):
            return  # "not very deep"
        denial.count = denial.at_least = None
        if not denial.types and self.current is not None:
            denial.types = list(self.current.types)  # "the scratch is not in the center"
            denial.region = self.current.region
        elif denial.region is None:
            denial.region = self.subject  # "region 2 is not a crack"
        self.drafts.append(denial)

    def _on_nothing(self, index: int, value: object) -> None:
        after = self.items[index + 1].kind if index + 1 < len(self.items) else "stop"
        if self.denial is not None:  # "not flawless"
            self.denial = None
            self.total_at_least = max(1, self.total_at_least or 0)
        elif after != "another":
            self.none = True

    def _on_refusal(self, index: int, value: object) -> None:
        self.refused = True

    # --- what is said ------------------------------------------------------------------------------------------

    def _on_another(self, index: int, value: object) -> None:
        self.further = True
        self.more = self.denial is None and not (index > 0 and self.items[index - 1].kind == "nothing")

    def _on_alternative(self, index: int, value: object) -> None:
        self.either = True

    def _on_quantity(self, index: int, value: object) -> None:
        self.quantity = True

    def _on_at_least(self, index: int, value: object) -> None:
        self.least = True

    def _on_several(self, index: int, value: object) -> None:
        if self._noun_ahead(index):
            self.ahead.at_least = 2
        elif self._noun_behind(index):
            self._many_of_the_last()

    def _many_of_the_last(self) -> None:
        """There are at least two of the noun before: "of scratches there are several"."""
        if self.denial is not None or self.current is None:
            return
        if self.current.types:
            self.current.at_least = max(2, self.current.at_least or 0)
        else:
            self.total_at_least = max(2, self.total_at_least or 0)

    def _on_number(self, index: int, value: object) -> None:
        assert isinstance(value, int)
        if self.least:
            self.ahead.at_least, self.least = value, False
        elif self._noun_ahead(index) or self.current is None or self.denial is not None:
            self.ahead.count = value
        elif any(item.kind == "cell" for item in self.items[index + 1 : index + 2]):
            if (self.current.count or 1) < 2:  # "one scratch here and one there"; "two scratches, one here ..." has two
                self.current.count = (self.current.count or 1) + value
        elif self._noun_behind(index) and self.current.types:
            self.current.count = value  # "the number of scratches is two"
        else:
            self.ahead.count = value

    def _on_size(self, index: int, value: object) -> None:
        assert isinstance(value, str)
        if self._noun_ahead(index) or (self.current is None and self.denial is None):
            self.ahead.size = value
        else:
            self._add_size(self._now(), value)

    def _add_size(self, draft: _Draft, size: str) -> None:
        """A second, different size is a claim of its own, so that "small ... large" cannot hide one."""
        if draft.size in (None, size) or draft.denied:
            draft.size = size
        else:
            self.drafts.append(_Draft(types=list(draft.types), size=size, region=draft.region))

    def _on_shape(self, index: int, value: object) -> None:
        assert isinstance(value, str)
        if self._noun_ahead(index) or (self.current is None and self.denial is None):
            self.ahead.shape = value
        else:
            self._add_shape(self._now(), value)

    def _add_shape(self, draft: _Draft, shape: str) -> None:
        if draft.shape in (None, shape) or draft.denied:
            draft.shape = shape
        else:
            self.drafts.append(_Draft(types=list(draft.types), shape=shape, region=draft.region))

    def _on_cell(self, index: int, value: object) -> None:
        assert isinstance(value, tuple)
        waits = self._introduces(index) and self.denial is None
        target = self.ahead if waits else self._now()
        if value not in target.cells:
            target.cells.append(value)

    def _on_pick(self, index: int, value: object) -> None:
        """Begin a mention of one region ("the strongest"), of the type named last unless a noun follows."""
        assert isinstance(value, str)
        if self.denial is not None:
            return
        known = [] if self._noun_ahead(index) or self.current is None else list(self.current.types)
        self.current = _Draft(types=known, pick=value)
        self.drafts.append(self.current)

    def _on_region(self, index: int, value: object) -> None:
        assert isinstance(value, int)
        if self.denial is not None:
            self.denial.region = value
            return
        self.subject, self.more = value, False
        known = next((draft for draft in self.drafts if draft.region == value), None)
        if known is None:
            known = _Draft(region=value)
            self.drafts.append(known)
        self.current = known
        self.ahead.count = self.ahead.at_least = None
        self.current.take(self.ahead)
        self.ahead = _Draft()

    def _on_thing(self, index: int, value: object) -> None:
        ahead, self.ahead = self.ahead, _Draft()
        plural, self.quantity = bool(value) and not (self.quantity or self.asks), False
        self.more = False
        count, least = ahead.count, ahead.at_least or (2 if plural and ahead.count is None else None)
        ahead.count = ahead.at_least = None
        if self.denial is not None:
            self.denial.take(ahead)
            later = self.items[index + 1] if index + 1 < len(self.items) else Piece("stop")
            narrowed = self.denial.types or self.denial.cells or self.denial.size or self.denial.shape
            if not (self.further or narrowed or later.kind == "cell"):
                self.none, self.denial = True, None
            self.further = False
            return
        if count is not None and not self.further:
            self.counts.append(count)
        elif least is not None and not self.further:
            self.total_at_least = max(least, self.total_at_least or 0)
        if self.current is None or self.further:
            self.current = _Draft(more=(count or 1) if self.further else 0)
            self.drafts.append(self.current)
        self.current.take(ahead)
        self.further = False

    def _on_type(self, index: int, value: object) -> None:
        assert isinstance(value, tuple)
        slug, plural = value
        ahead, self.ahead = self.ahead, _Draft()
        if plural and not (self.quantity or self.asks) and ahead.count is None and ahead.at_least is None:
            ahead.at_least = 2
        self.quantity = self.more = False
        if self.denial is not None:
            self._deny(slug, ahead)
            return
        draft = self._draft_for(slug, numbered=ahead.count is not None)
        if slug not in draft.types:
            draft.types.append(slug)
        size, shape, ahead.size, ahead.shape = ahead.size, ahead.shape, None, None
        draft.take(ahead)
        if size is not None:
            self._add_size(draft, size)
        if shape is not None:
            self._add_shape(draft, shape)
        self.current, self.further, self.either = draft, False, False

    def _deny(self, slug: str, ahead: _Draft) -> None:
        assert self.denial is not None
        if self.denial.types:  # "no scratch or crack" denies both, each by itself
            self.drafts.append(self.denial)
            self.denial = _Draft(denied=True)
        self.denial.types.append(slug)
        if self.further:  # "no other scratch" says nothing of those already named
            self.denial = None
        else:
            self.denial.take(ahead)
        self.further = self.either = False

    def _draft_for(self, slug: str, numbered: bool) -> _Draft:
        """The mention that a type word speaks of: an alternative, one named before, one without a type, a new one."""
        if self.either and self.current is not None and self.current.types:
            return self.current
        asserted = [draft for draft in self.drafts if not draft.denied]
        if not self.further:
            if self.current is not None and not self.current.types:
                return self.current
            known = next((draft for draft in asserted if slug in draft.types and not numbered), None)
            if known is not None:
                return known
        draft = _Draft()
        self.drafts.append(draft)
        return draft
