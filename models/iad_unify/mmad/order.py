"""What a run of MMAD is asked to do. No torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from iad_unify.mmad.layout import Picture


@dataclass(frozen=True, slots=True)
class Order:
    """What to run."""

    data: Path  # folder with mmad.json
    answers: Path
    checkpoint: Path  # of the explainer
    expert: Path
    shots: int = 1  # 0 or 1 good picture
    templates: str = "random"
    device: str = "cpu"


def spread(pictures: Sequence[Picture], most: int) -> tuple[Picture, ...]:
    """At most `most` pictures, evenly over the list; all for 0."""
    if not most or most >= len(pictures):
        return tuple(pictures)
    return tuple(pictures[index * len(pictures) // most] for index in range(most))
