"""What a language must be able to say of defects. It knows no grammar and makes no choice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Said:
    """One defect in the terms that words use."""

    defect_type: str  # a slug, or `unknown`
    size: str  # small, medium or large
    cell: str
    way: int = 0  # which of the cell's places is said; any number


class Voice(Protocol):
    """Sentences about defects in one language; where there are several the first is the template's."""

    language: str  # ISO 639-1
    places: Mapping[str, tuple[str, ...]]  # cell -> ways to name it, inside a sentence
    nothing: tuple[str, ...]  # that there is no defect
    question: str  # what the daemon asks of every event

    def single(self, defect: Said) -> tuple[str, ...]:
        """The only defect: type, location, size, and that it is one."""
        ...

    def pair(self, first: Said, second: Said) -> tuple[str, ...]:
        """Two defects of different types, both described."""
        ...

    def several(self, count: int, strongest: Said) -> tuple[str, ...]:
        """How many there are, two or more, and the strongest of them."""
        ...

    def alike(self, count: int, strongest: Said) -> tuple[str, ...]:
        """Two or more of one type and size, and where the strongest lies."""
        ...


def placed(voice: Voice, defect: Said) -> str:
    """Where the defect is, in one of the voice's ways."""
    ways = voice.places[defect.cell]
    return ways[defect.way % len(ways)]
