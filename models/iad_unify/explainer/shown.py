"""Examples that show the frame beside its regions, in a share of the corpus.

Only frames as they were seen are shown: a moved region, or one of another frame, would not be where the picture has it.
The other examples are those of the corpus.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from iad_unify.explainer.corpus import EMPTY_SHARE, ORACLE_SHARE, Corpus, Region, as_seen
from iad_unify.explainer.recipe import Recipe
from iad_unify.explainer.sightings import Sighting
from iad_unify.explainer.training import Example

Picture = NDArray[np.uint8]  # RGB [h, w, 3]


class Shown(Corpus):
    """The corpus with `recipe.crops` of its examples shown; `pictures` are those of the sightings, in their order."""

    def __init__(self, sightings: Sequence[Sighting], pictures: Sequence[Picture], recipe: Recipe) -> None:
        super().__init__(sightings, recipe)
        seen = list(zip(sightings, pictures, strict=True))
        drawn = [picture for one, picture in seen if one.oracle.rles]
        found = [picture for one, picture in seen if one.predicted.rles]
        self._true = list(zip(self._oracle, drawn, strict=True))
        self._proposed = list(zip(self._predicted, found or drawn, strict=True))
        self._good = [picture for one, picture in seen if not one.oracle.rles]

    def _example(self, rng: np.random.Generator, progress: float) -> Example:
        if rng.random() >= self._recipe.crops:
            return super()._example(rng, progress)
        simple = self.is_simple(progress)
        scene, picture = self._frame(rng, progress, simple)
        kind = self._simple_kind(rng) if simple else None
        one = self._about(scene, *as_seen(scene), kind, rng)
        return replace(one, question=replace(one.question, crop=picture))

    def _frame(self, rng: np.random.Generator, progress: float, simple: bool) -> tuple[list[Region], Picture]:
        """A frame and its regions, one of them in the simple part of a run."""
        if not simple and self._good and rng.random() < EMPTY_SHARE:
            return [], self._good[int(rng.integers(len(self._good)))]
        share = self._recipe.oracle_share(progress, 1.0 if simple else ORACLE_SHARE)
        pool = self._true if share >= 1 or rng.random() < share else self._proposed
        scene, picture = pool[int(rng.integers(len(pool)))]
        return [scene[int(rng.integers(len(scene)))]] if simple else scene, picture
