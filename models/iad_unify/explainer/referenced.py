"""Examples of which half show what a good part looks like at each region: what a model that takes references learns from.

The other half are those of the plain corpus, because most cameras have no golden template. What is asked and answered is
alike, comparisons with the reference included: their answers say how the regions differ, which is true either way.
"""

from collections.abc import Sequence

import numpy as np

from iad_unify.explainer.corpus import Corpus
from iad_unify.explainer.recipe import DEFAULT, Recipe
from iad_unify.explainer.sightings import Sighting
from iad_unify.explainer.training import Example

#: Share of the examples that show references.
SHOWN_SHARE = 0.5


class Referenced(Corpus):
    """Draws from `sightings`, and as often from `compared`: those of drawings that were seen beside a golden template."""

    def __init__(self, sightings: Sequence[Sighting], compared: Sequence[Sighting], recipe: Recipe = DEFAULT) -> None:
        super().__init__(sightings, recipe)
        self._shown = Corpus(compared, recipe)

    def begin_simply(self, steps: int) -> None:
        """See `Corpus`."""
        super().begin_simply(steps)
        self._shown.begin_simply(steps)

    def _example(self, rng: np.random.Generator, progress: float) -> Example:
        if rng.random() < SHOWN_SHARE:
            return self._shown._example(rng, progress)
        return super()._example(rng, progress)
