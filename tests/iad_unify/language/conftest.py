"""Random facts for properties."""

from collections.abc import Callable

import numpy as np
import pytest

from iad_unify.language.facts import Facts, RegionFact, likely_types
from iad_unify.types import DEFECT_TYPES


def _random_facts(rng: np.random.Generator, most: int = 5) -> Facts:
    regions = []
    for _ in range(int(rng.integers(0, most + 1))):
        probabilities = rng.dirichlet(np.full(len(DEFECT_TYPES), rng.choice([0.02, 0.1, 0.5]))).tolist()
        shares = rng.dirichlet(np.full(9, rng.choice([0.03, 0.3]))).tolist()
        types = likely_types(dict(zip(DEFECT_TYPES, probabilities, strict=True)))
        shapes = (("elongated",), ("compact", "elongated"), ("irregular",))[int(rng.integers(3))]
        share = float(10 ** rng.uniform(-4, -0.5))
        regions.append(RegionFact(types, tuple(shares), share, shapes=shapes))
    return Facts(tuple(regions))


@pytest.fixture
def random_facts() -> Callable[[np.random.Generator], Facts]:
    """Facts with 0 to 5 regions, clear and unclear types, whole and split cells, all sizes."""
    return _random_facts
