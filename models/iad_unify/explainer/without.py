"""Examples without regions: what the ladder's S3t and S4t learn from, at as many steps as the others.

The questions and answers are those of the corpus. In place of the regions there is nothing, or the whole picture as the
one region; then frames are as they were seen, because a moved region would not be where the picture has it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from iad_unify.explainer.config import MAX_PROMPT_REGIONS
from iad_unify.explainer.corpus import APPEARANCE_NOISE, Corpus, Region, regions_of
from iad_unify.explainer.prompt import Question
from iad_unify.explainer.recipe import DEFAULT, Recipe
from iad_unify.explainer.rewording import opened
from iad_unify.explainer.sightings import Sighting
from iad_unify.explainer.training import Example
from iad_unify.geometry import WHOLE_FRAME
from iad_unify.language.facts import Facts
from iad_unify.language.questions import ALERT_QUESTION


class Blind(Corpus):
    """The corpus with the regions left out of the prompt."""

    def _example(self, rng: np.random.Generator, progress: float) -> Example:
        one = super()._example(rng, progress)
        nothing = Question(one.question.text, self._no_appearance, np.zeros((0, 5), np.float32))
        return Example(nothing, one.answer)


class Whole(Corpus):
    """Frames as they were seen, the whole of each as the one region; `looks` are their appearance rows [N, K, D]."""

    def __init__(self, sightings: Sequence[Sighting], looks: NDArray[np.floating], recipe: Recipe = DEFAULT) -> None:
        self._looks = looks.astype(np.float32)  # first: their deviation is taken from `appearance`
        super().__init__(sightings, recipe)
        self._frames = [regions_of(one.oracle, drawn=True) for one in sightings]
        self._single = [index for index, scene in enumerate(self._frames) if len(scene) == 1]
        if not self._single:
            raise ValueError("no sighting has exactly one drawn defect")

    def appearance(self) -> NDArray[np.float32]:
        """The appearance rows that are learned from, [N, K, D]."""
        return self._looks

    def _example(self, rng: np.random.Generator, progress: float) -> Example:
        simple = self.is_simple(progress)
        pool = self._single if simple else range(len(self._frames))
        index = pool[int(rng.integers(len(pool)))]
        asked = self._asked(_facts(self._frames[index]), rng, self._simple_kind(rng) if simple else None)
        as_it_is = asked.language != "en" or asked.question == ALERT_QUESTION
        text = asked.question if as_it_is else opened(asked.question, rng)
        noise = rng.normal(0, APPEARANCE_NOISE, self._deviation.shape).astype(np.float32) * self._deviation
        return Example(Question(text, (self._looks[index] + noise)[None], WHOLE_FRAME[None]), asked.answer)


def _facts(scene: Sequence[Region]) -> Facts:
    placed = (one.placed(one.x, one.y, one.width, one.height) for one in scene[:MAX_PROMPT_REGIONS])
    return Facts(tuple(fact for fact, _ in placed))
