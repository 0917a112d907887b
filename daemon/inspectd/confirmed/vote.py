"""What the expert and the confirmed neighbours together say of a region's type. Pure.

The expert is trusted as far as it was right about the neighbours: local accuracy, after Woods, Kegelmeyer and Bowyer 1997
("Combination of multiple classifiers using local accuracy estimates").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp

from iad_unify.catalog import MAX_CONFIRMED_TYPES
from iad_unify.language.facts import CLEAR_FROM
from iad_unify.types import DEFECT_TYPES, UNKNOWN
from inspectd.confirmed.store import Found

#: A neighbour that is so much less similar than the nearest counts e times less.
SOFTNESS = 0.02
#: Before any neighbour tells, the expert is taken to be right in this share of cases, and that counts as so many neighbours.
PRIOR_SHARE, PRIOR_COUNT = 0.5, 1.0


@dataclass(frozen=True, slots=True)
class Vote:
    """A type, how sure it is, and the neighbours that took part."""

    defect_type: str  # a slug, or `unknown` when it is less sure than it has to be
    confidence: float  # of the most probable type, also where that is not sure enough
    neighbours: tuple[Found, ...] = ()

    @property
    def clear(self) -> bool:
        """Whether words may name the type without a doubt."""
        return self.defect_type != UNKNOWN and self.confidence >= CLEAR_FROM

    @property
    def confirmed(self) -> str:
        """The neighbours' types as the explainer is told of them: slugs with commas, the voted one first.

        It names what it is told first, so nothing is told where the vote goes to a type that no neighbour has, or is not
        clear. What it has no word for is `unknown` to it: the sentence that cites the neighbour names it.
        """
        if self.cited is None:
            return ""
        known = (self.defect_type, *(one.defect_type for one in self.neighbours))
        types = dict.fromkeys(slug if slug in DEFECT_TYPES else UNKNOWN for slug in known)
        return ",".join(list(types)[:MAX_CONFIRMED_TYPES])

    @property
    def cited(self) -> Found | None:
        """The nearest neighbour of the voted type, when that is clear."""
        if not self.clear:
            return None
        return next((one for one in self.neighbours if one.defect_type == self.defect_type), None)


def shares(neighbours: Sequence[Found]) -> dict[str, float]:
    """The neighbours' types with their share of the weight, which falls with the distance from the nearest."""
    if not neighbours:
        return {}
    nearest = max(one.similarity for one in neighbours)
    weights: dict[str, float] = {}
    for one in neighbours:
        weight = exp((one.similarity - nearest) / SOFTNESS)
        weights[one.defect_type] = weights.get(one.defect_type, 0.0) + weight
    total = sum(weights.values())
    return {slug: weight / total for slug, weight in weights.items()}


def together(probabilities: Mapping[str, float], neighbours: Sequence[Found]) -> dict[str, float]:
    """Probabilities of the expert mixed with the neighbours' shares; the expert weighs its `trust`."""
    weight = trust(neighbours)
    mixed = {slug: weight * probability for slug, probability in probabilities.items()}
    for slug, share in shares(neighbours).items():
        mixed[slug] = mixed.get(slug, 0.0) + (1 - weight) * share
    return mixed


def trust(neighbours: Sequence[Found]) -> float:
    """The share of neighbours that the expert named rightly by itself, with the prior among them."""
    right = PRIOR_COUNT * PRIOR_SHARE + sum(one.known for one in neighbours)
    return right / (PRIOR_COUNT + len(neighbours))


def vote(probabilities: Mapping[str, float], neighbours: Sequence[Found], least_confidence: float = 0.0) -> Vote:
    """The most probable type of both together; `unknown` when it is below `least_confidence`.

    Without neighbours it is the expert's alone. `unknown` is also what the expert says when it holds that for likeliest.
    """
    mixed = together(probabilities, neighbours) if neighbours else dict(probabilities)
    best = max(mixed, key=lambda slug: (mixed[slug], slug), default=UNKNOWN)
    confidence = mixed.get(best, 0.0)
    return Vote(best if confidence >= least_confidence else UNKNOWN, confidence, tuple(neighbours))
