"""Questions and answers about sightings: what the explainer learns from.

Regions are moved, frames rescaled and scenes mixed before a question is asked, and the answer follows from where the
mask then is: place, size and number never run out of variety, though the looks come from a fixed set of drawings.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, product

import numpy as np
from numpy.typing import NDArray

from iad_unify.explainer.config import MAX_PROMPT_REGIONS
from iad_unify.explainer.neighbours import called, drawn_neighbours
from iad_unify.explainer.prompt import Question
from iad_unify.explainer.recipe import DEFAULT, Recipe
from iad_unify.explainer.rewording import opened, wordings
from iad_unify.explainer.sightings import Regions, Sighting
from iad_unify.explainer.training import Example
from iad_unify.geometry import CELLS, cell_shares_of_window, geometry_of_box
from iad_unify.language import questions
from iad_unify.language.facts import SIZES, Facts, RegionFact, likely_types, probabilities_of, shapes_of
from iad_unify.language.questions import DESCRIPTIONS, QuestionKind
from iad_unify.language.speech import VOICES
from iad_unify.language.voices.voice import Said
from iad_unify.masks import decode_window
from iad_unify.types import DEFECT_TYPES, UNKNOWN

#: Until this share of the run only single regions and simple questions are drawn: the model first learns to read a
#: region, in a few hundred steps, and then which of several; all at once it learns neither in several thousand. In a short
#: run the share is as many steps, and at most that one.
SIMPLE_UNTIL, SIMPLE_STEPS, SIMPLE_AT_MOST = 0.12, 500, 0.5
SIMPLE_KINDS = (QuestionKind.DESCRIBE, QuestionKind.LOCATION, QuestionKind.TYPE, QuestionKind.SIZE)
#: Shares of the drawn scenes: none, then of the rest the oracle's; of those with regions, mixed and moved.
EMPTY_SHARE, ORACLE_SHARE, MIXED_SHARE, MOVED_SHARE = 0.03, 0.45, 0.25, 0.6
#: Logarithm of the largest shrinking and growing of regions beside their frame.
SHRINK, GROW = 0.7, 0.3
#: Standard deviations of noise on standardised appearance, against learning single drawings by heart.
APPEARANCE_NOISE = 0.1
#: Texts that the tokenizer is trained on.
TOKENIZER_EXAMPLES = 3000


@dataclass(frozen=True, slots=True)
class Region:
    """One region with what is needed to put it elsewhere."""

    appearance: NDArray[np.float32]  # [K, D]
    window: NDArray[np.bool_]  # [h, w], tight
    x: int
    y: int
    width: int  # of the frame, pixels
    height: int
    types: tuple[tuple[str, float], ...]  # what may be said of it, the best first
    shapes: tuple[str, ...]
    reference: NDArray[np.float32] | None = None  # [K, D], what a good part looks like there

    def placed(self, x: float, y: float, width: int, height: int) -> tuple[RegionFact, NDArray[np.float32]]:
        """Its fact and geometry [5] with its window at (x, y) of a frame."""
        rows, columns = self.window.shape
        area = int(np.count_nonzero(self.window))
        shares = cell_shares_of_window(self.window, int(x), int(y), width, height)
        fact = RegionFact(self.types, tuple(shares.tolist()), area / (width * height), shapes=self.shapes)
        return fact, geometry_of_box(int(x), int(y), columns, rows, area, width, height)


class Corpus:
    """Draws examples from sightings."""

    def __init__(self, sightings: Sequence[Sighting], recipe: Recipe = DEFAULT) -> None:
        self._recipe = recipe
        self._simple_until = SIMPLE_UNTIL
        self._oracle = [regions_of(one.oracle, drawn=True) for one in sightings if one.oracle.rles]
        self._predicted = [regions_of(one.predicted, drawn=False) for one in sightings if one.predicted.rles]
        if not self._oracle:
            raise ValueError("no sighting has a drawn defect")
        self._predicted = self._predicted or self._oracle
        self._deviation = np.maximum(self.appearance().std(0), 1e-3)
        self._wordings = wordings()
        self._no_appearance = np.zeros((0, *self._deviation.shape), np.float32)

    def begin_simply(self, steps: int) -> None:
        """Set how long a run of so many steps, 0 where they are not known, is simple."""
        share = SIMPLE_STEPS / steps if steps else 0.0
        self._simple_until = max(SIMPLE_UNTIL, min(share, SIMPLE_AT_MOST))

    def is_simple(self, progress: float) -> bool:
        """Whether only single regions and simple questions are drawn at that point of a run."""
        return self._recipe.simple or progress < self._simple_until

    def appearance(self) -> NDArray[np.float32]:
        """The appearance rows of all regions, [N, K, D]."""
        scenes = [*self._oracle, *self._predicted]
        return np.stack([region.appearance for scene in scenes for region in scene])

    def draw(self, rng: np.random.Generator, count: int, progress: float = 1.0) -> list[Example]:
        """`count` examples for that point of a run, 0 to 1; once it `is_simple` no more, of all kinds of questions."""
        return [self._example(rng, progress) for _ in range(count)]

    def _example(self, rng: np.random.Generator, progress: float) -> Example:
        simple = self.is_simple(progress)
        scene = self._one_region(rng, progress) if simple else self._scene(rng, progress)
        kind = self._simple_kind(rng) if simple else None
        return self._about(scene, *_arranged(scene, rng), kind, rng)

    def _about(
        self,
        scene: Sequence[Region],
        facts: Facts,
        geometry: NDArray[np.float32],
        kind: QuestionKind | None,
        rng: np.random.Generator,
    ) -> Example:
        """A question about a scene whose regions lie where `geometry` says."""
        told = drawn_neighbours([region.types[0][0] for region in scene], rng, self._recipe.neighbours)
        asked = self._asked(_confirmed(facts, told), rng, kind)
        text = asked.question if _as_it_is(asked) else opened(asked.question, rng)
        if not scene:
            return Example(Question(text, self._no_appearance, np.zeros((0, 5), np.float32)), asked.answer)
        looks = self._noisy([region.appearance for region in scene], rng)
        good = [region.reference for region in scene if region.reference is not None]
        reference = self._noisy(good, rng) if len(good) == len(scene) else None
        return Example(Question(text, looks, geometry, reference, told), asked.answer)

    def _noisy(self, rows: Sequence[NDArray[np.float32]], rng: np.random.Generator) -> NDArray[np.float32]:
        looks = np.stack(rows)
        return looks + rng.normal(0, APPEARANCE_NOISE, looks.shape).astype(np.float32) * self._deviation

    def _simple_kind(self, rng: np.random.Generator) -> QuestionKind:
        return SIMPLE_KINDS[int(rng.integers(len(SIMPLE_KINDS)))]

    def _asked(self, facts: Facts, rng: np.random.Generator, kind: QuestionKind | None) -> questions.Example:
        """A question of the kind; in the simple part of the run, which has a kind, English only."""
        if kind is not None:
            return questions.example(facts, rng, kind, wordings=self._wordings)
        drawn = questions.drawn_kind(rng)
        language = questions.drawn_language(rng) if drawn is QuestionKind.DESCRIBE else "en"
        return questions.example(facts, rng, drawn, wordings=self._wordings, language=language)

    def _pool(self, rng: np.random.Generator, share: float) -> list[list[Region]]:
        return self._oracle if share >= 1 or rng.random() < share else self._predicted

    def _one_region(self, rng: np.random.Generator, progress: float) -> list[Region]:
        pool = self._pool(
            rng, self._recipe.oracle_share(progress, 1.0 if progress < self._simple_until else ORACLE_SHARE)
        )
        scene = pool[int(rng.integers(len(pool)))]
        return [scene[int(rng.integers(len(scene)))]]

    def _scene(self, rng: np.random.Generator, progress: float) -> list[Region]:
        if rng.random() < EMPTY_SHARE:
            return []
        pool = self._pool(rng, self._recipe.oracle_share(progress, ORACLE_SHARE))
        scene = list(pool[int(rng.integers(len(pool)))])
        if rng.random() < MIXED_SHARE:
            for _ in range(int(rng.integers(1, 5))):
                scene += pool[int(rng.integers(len(pool)))]
            scene = [scene[int(index)] for index in rng.permutation(len(scene))]
        return scene[:MAX_PROMPT_REGIONS]


def _arranged(scene: Sequence[Region], rng: np.random.Generator) -> tuple[Facts, NDArray[np.float32]]:
    """Facts and geometry [R, 5] of a scene, as it was seen or moved about in a frame of another size."""
    if scene and rng.random() < MOVED_SHARE:
        factor = float(np.exp(rng.uniform(-GROW, SHRINK)))
        width = max(round(scene[0].width * factor), *(region.window.shape[1] for region in scene), 1)
        height = max(round(scene[0].height * factor), *(region.window.shape[0] for region in scene), 1)
        placed = [
            region.placed(
                rng.integers(width - region.window.shape[1] + 1),
                rng.integers(height - region.window.shape[0] + 1),
                width,
                height,
            )
            for region in scene
        ]
        return _told(placed)
    return as_seen(scene)


def as_seen(scene: Sequence[Region]) -> tuple[Facts, NDArray[np.float32]]:
    """Facts and geometry [R, 5] of a scene that lies where it was seen."""
    if not scene:
        return Facts(), np.zeros((0, 5), np.float32)
    return _told([region.placed(region.x, region.y, region.width, region.height) for region in scene])


def _told(placed: Sequence[tuple[RegionFact, NDArray[np.float32]]]) -> tuple[Facts, NDArray[np.float32]]:
    return Facts(tuple(fact for fact, _ in placed)), np.stack([geometry for _, geometry in placed])


def _confirmed(facts: Facts, told: Sequence[str]) -> Facts:
    """The facts as an answer has them that heeds what is told of the regions; nothing told changes nothing."""
    if not told:
        return facts
    pairs = zip(facts.regions, told, strict=True)
    return Facts(tuple(replace(fact, defect_types=called(fact.defect_types, slugs)) for fact, slugs in pairs))


def _as_it_is(asked: questions.Example) -> bool:
    """Whether the question must not be reworded: the daemon's own, and those in other languages than the openings'."""
    return asked.language != "en" or asked.question == questions.ALERT_QUESTION


def regions_of(regions: Regions, drawn: bool) -> list[Region]:
    """Those of a frame with what may be said of them: of the drawn ones what was drawn, of proposals what is likely."""
    found = []
    for index, rle in enumerate(regions.rles[:MAX_PROMPT_REGIONS]):
        window, x, y = decode_window(rle)
        slug = regions.drawn_types[index]
        types = ((slug, 1.0),) if drawn else spoken_types(slug, regions.type_logits[index])
        looks = regions.appearance[index].astype(np.float32)
        good = None if regions.reference is None else regions.reference[index].astype(np.float32)
        found.append(Region(looks, window, x, y, rle.width, rle.height, types, shapes_of(window), good))
    return found


def spoken_types(drawn: str, logits: NDArray[np.float32]) -> tuple[tuple[str, float], ...]:
    """The likely types of a proposal, what was drawn there first when the expert holds it likely.

    So the answer to learn is one that the verifier, who knows the logits only, accepts.
    """
    likely = likely_types(probabilities_of(logits, (*DEFECT_TYPES, UNKNOWN)))
    found = [pair for pair in likely if pair[0] == drawn]
    if not found or drawn == UNKNOWN:
        return likely
    return (*found, *(pair for pair in likely if pair[0] not in (drawn, UNKNOWN)))


def sentences(corpus: Corpus, rng: np.random.Generator) -> Iterator[str]:
    """Texts for the tokenizer: questions and answers of the corpus, and what each language says of every defect.

    The latter, so that an alert takes few tokens in each, whatever the drawings show.
    """
    for example in corpus.draw(rng, TOKENIZER_EXAMPLES):
        yield example.question.text
        yield example.answer
    for language, voice in VOICES.items():
        asked = cycle(DESCRIPTIONS[language][0] if language in DESCRIPTIONS else (voice.question,))
        yield from voice.nothing
        for slug, size, cell in product(DEFECT_TYPES, SIZES, CELLS):
            defect = Said(slug, size, cell, int(rng.integers(3)))
            count = int(rng.integers(2, MAX_PROMPT_REGIONS + 1))
            yield from (next(asked), *voice.single(defect), *voice.several(count, defect))
