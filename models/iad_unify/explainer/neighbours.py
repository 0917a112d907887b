"""What a training example tells of confirmed neighbours, and what its answer then calls each region.

What a person confirmed outranks the look: the answer names the first type that is told, also where the look says another
one. Told only what the look tells anyway, a model has no reason to read it. It knows no store of confirmed regions and no
prompt.
"""

from collections.abc import Sequence

import numpy as np

from iad_unify.types import DEFECT_TYPES, UNKNOWN

#: Of the regions in an example that tells of neighbours, those that have any.
KNOWN_SHARE = 0.7
#: Of those, the ones that were confirmed as what they look like; the others as any type.
ALIKE_SHARE = 0.5
#: Of those, the ones whose neighbours do not agree: another type comes second.
SPLIT_SHARE = 0.25


def drawn_neighbours(types: Sequence[str], rng: np.random.Generator, share: float) -> tuple[str, ...]:
    """For each region, given what it looks like, the confirmed types as in `prompt.Question.confirmed`.

    Empty in all but that share of the calls; at 0 nothing is drawn from `rng`. A region of unknown type has no neighbours.
    """
    if share <= 0 or rng.random() >= share:
        return ()
    told = tuple(_of_region(slug, rng) if rng.random() < KNOWN_SHARE else "" for slug in types)
    return told if any(told) else ()


def called(types: tuple[tuple[str, float], ...], told: str) -> tuple[tuple[str, float], ...]:
    """What the answer calls a region of those types, likeliest first, of which `told` is told."""
    return ((told.split(",")[0], 1.0),) if told else types


def _of_region(slug: str, rng: np.random.Generator) -> str:
    if slug == UNKNOWN:
        return ""
    any_type = (*DEFECT_TYPES, UNKNOWN)  # unknown: it was confirmed as something that has no word here
    first = slug if rng.random() < ALIKE_SHARE else any_type[int(rng.integers(len(any_type)))]
    others = [other for other in DEFECT_TYPES if other != first]
    second = others[int(rng.integers(len(others)))]
    return f"{first},{second}" if rng.random() < SPLIT_SHARE else first
