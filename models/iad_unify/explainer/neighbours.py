"""What a training example tells of confirmed neighbours: drawn for each region, right most of the time.

The answer to learn does not follow them but what was drawn, so that a model learns how far to believe them. It knows no
store of confirmed regions and no prompt.
"""

from collections.abc import Sequence

import numpy as np

from iad_unify.types import DEFECT_TYPES, UNKNOWN

#: Of the regions in an example that tells of neighbours, those that have any.
KNOWN_SHARE = 0.7
#: Of those, the ones whose nearest neighbour was confirmed as what the region is.
RIGHT_SHARE = 0.85
#: Of those, the ones whose neighbours do not agree: another type comes second.
SPLIT_SHARE = 0.15


def drawn_neighbours(types: Sequence[str], rng: np.random.Generator, share: float) -> tuple[str, ...]:
    """For each region, given what its answer calls it, the confirmed types as in `prompt.Question.confirmed`.

    Empty in all but that share of the calls; at 0 nothing is drawn from `rng`. A region of unknown type has no neighbours.
    """
    if share <= 0 or rng.random() >= share:
        return ()
    told = tuple(_of_region(slug, rng) if rng.random() < KNOWN_SHARE else "" for slug in types)
    return told if any(told) else ()


def _of_region(slug: str, rng: np.random.Generator) -> str:
    if slug == UNKNOWN:
        return ""
    others = [other for other in DEFECT_TYPES if other != slug]
    other = others[int(rng.integers(len(others)))]
    found = (slug, other) if rng.random() < RIGHT_SHARE else (other, slug)
    return ",".join(found[: 2 if rng.random() < SPLIT_SHARE else 1])
