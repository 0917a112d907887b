"""Where training pictures come from, and how they become a batch.

A source yields labelled squares; it knows nothing of the model or the losses.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from iad_unify.data.anomalies import add_anomaly
from iad_unify.data.samples import Sample
from iad_unify.data.truth import MADE_UP
from iad_unify.procedural import draw_random
from iad_unify.region_expert.squares import Batch, Labelled, collate, open_sample
from iad_unify.region_expert.training.variation import crop, emphasise, vary, with_anomaly

#: Pictures are kept decoded up to this; beyond it they are read again.
_OPENED_BYTES = 3 << 30


class Source(Protocol):
    """An endless supply of labelled squares."""

    def next(self, rng: np.random.Generator) -> Labelled:
        """Another square; all chance comes from `rng`."""
        ...


class ProceduralSource:
    """Drawings, each used a few times from a pool, because drawing one costs as much as half a training step of it."""

    def __init__(self, size: int, type_slugs: Sequence[str], pool: int = 384, reuse: float = 0.6) -> None:
        self._size = size
        self._types = {slug: index + 1 for index, slug in enumerate(type_slugs)}
        self._pool: list[Labelled] = []
        self._capacity = pool
        self._reuse = reuse

    def next(self, rng: np.random.Generator) -> Labelled:
        """A drawing, or now and then a clean one with a synthetic anomaly."""
        if len(self._pool) < self._capacity or rng.random() > self._reuse:
            drawn = self._draw(rng)
            if len(self._pool) < self._capacity:
                self._pool.append(drawn)
            else:
                self._pool[rng.integers(self._capacity)] = drawn
        else:
            drawn = self._pool[rng.integers(len(self._pool))]
        if drawn.clean is not None and rng.random() < 0.12:  # an anomaly that no generator has a name for
            donor = self._pool[rng.integers(len(self._pool))].rgb
            rgb, mask = add_anomaly(drawn.clean, donor, rng)
            return Labelled(rgb, np.where(mask, np.uint8(MADE_UP), np.uint8(0)), drawn.content, drawn.clean)
        return drawn

    def _draw(self, rng: np.random.Generator) -> Labelled:
        drawing = draw_random(rng, self._size, good_share=0.05, max_defects=4)
        labels = np.zeros((self._size, self._size), dtype=np.uint8)
        for defect in drawing.defects:
            labels[defect.mask] = self._types[defect.defect_type]
        return Labelled(drawing.image, labels, np.ones_like(labels, dtype=bool), drawing.clean)


class SampleSource:
    """Real pictures: defective ones drawn evenly over their types, good ones, and good ones with a synthetic anomaly.

    Defects of no type of `type_slugs`, as where a data set does not tell, count as one type more: where they are teaches
    the anomaly map, what they are teaches nothing.
    """

    def __init__(self, samples: Sequence[Sample], size: int, type_slugs: Sequence[str]) -> None:
        self._size = size
        self._slugs = tuple(type_slugs)
        self._good = [sample for sample in samples if sample.good]
        self._by_type: list[list[Sample]] = [
            found for slug in type_slugs if (found := [s for s in samples if slug in s.defect_types])
        ]
        untyped = [s for s in samples if not s.good and not s.defect_types & set(type_slugs) and (s.mask or s.boxes)]
        if untyped:
            self._by_type.append(untyped)
        self._opened: dict[str, Labelled] = {}
        self._room = max(1, _OPENED_BYTES // (8 * size * size))

    def next(self, rng: np.random.Generator) -> Labelled:
        """One of the three kinds, by chance."""
        chance = rng.random()
        if self._by_type and (chance < 0.45 or not self._good):
            return self._open(_any(self._by_type[rng.integers(len(self._by_type))], rng))
        good = self._open(_any(self._good, rng))
        # where no defect is known, the synthetic anomalies are all there is to learn from, and each brings its clean twin
        if chance < (0.7 if self._by_type else 0.3):
            return good
        return with_anomaly(good, self._open(_any(self._good, rng)), rng)

    def _open(self, sample: Sample) -> Labelled:
        key = str(sample.image)
        if key not in self._opened:
            if len(self._opened) >= self._room:
                self._opened.pop(next(iter(self._opened)))
            self._opened[key] = open_sample(sample, self._size, self._slugs)[0]
        return self._opened[key]


class MixedSource:
    """Draws from several sources by weight."""

    def __init__(self, sources: Sequence[tuple[Source, float]]) -> None:
        self._sources = [source for source, _ in sources]
        total = sum(weight for _, weight in sources)
        self._shares = [weight / total for _, weight in sources]

    def next(self, rng: np.random.Generator) -> Labelled:
        """A square of one of the sources."""
        return self._sources[int(rng.choice(len(self._sources), p=self._shares))].next(rng)


def make_batch(source: Source, count: int, rng: np.random.Generator, side: int, visibility: float = 0.0) -> Batch:
    """A varied batch of `count` squares, or of twice as many crops when `side` is less than the square's.

    A defective picture whose clean twin is known comes together with it: the pair differs in nothing but the defect,
    so that no other cue tells them apart. `visibility` is passed to `emphasise`.
    """
    items: list[Labelled] = []
    total = count
    while len(items) < total:
        item = emphasise(source.next(rng), visibility)
        cut = side < item.rgb.shape[0]
        total = 2 * count if cut else count
        for part in [_varied_crop(item, side, rng) for _ in range(2)] if cut else [vary(item, rng)]:
            items.append(part)
            if part.clean is not None and part.labels.any():
                items.append(replace(part, rgb=part.clean, labels=np.zeros_like(part.labels), boxes=None))
    return collate(items[:total])


def _varied_crop(item: Labelled, side: int, rng: np.random.Generator) -> Labelled:
    """A varied crop; it is cut with room around it, so that turning and shifting bring in picture, not border."""
    room = min(item.rgb.shape[0], side + side // 4)
    inset = (room - side) // 2
    varied = vary(crop(item, room, rng, inset), rng)
    area = slice(inset, inset + side), slice(inset, inset + side)
    return varied.map(lambda picture: picture[area], lambda plane: plane[area])


def _any(samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
    return samples[int(rng.integers(len(samples)))]
