"""A frame is shown only beside regions that lie where it has them."""

from dataclasses import replace

import numpy as np
import pytest

from iad_unify.explainer.corpus import Corpus
from iad_unify.explainer.recipe import DEFAULT, Recipe
from iad_unify.explainer.shown import Shown
from iad_unify.explainer.sightings import Regions, Spotter, gather

COUNT = 16


@pytest.fixture(scope="module")
def seen(expert):
    found = gather(Spotter(expert, 0.02), "train", 0, COUNT)
    drawn = found[0].oracle  # the first frame becomes a good one
    nothing = Regions(drawn.appearance[:0], drawn.geometry[:0], drawn.type_logits[:0], (), ())
    return [replace(found[0], oracle=nothing), *found[1:]]


@pytest.fixture(scope="module")
def pictures():
    """One flat picture a sighting, whose tone is its number."""
    return [np.full((32, 64, 3), index, np.uint8) for index in range(COUNT)]


@pytest.mark.parametrize("progress", [0.0, 0.5])
def test_the_regions_beside_a_frame_are_its_own_and_lie_where_they_were_seen(seen, pictures, progress):
    drawn = Shown(seen, pictures, Recipe(crops=0.5)).draw(np.random.default_rng(1), 300, progress)
    shown = [one.question for one in drawn if one.question.crop is not None]
    assert 100 < len(shown) < 200
    kinds = set()
    for question in shown:
        sighting = seen[question.crop[0, 0, 0]]
        sides = [regions.geometry for regions in (sighting.oracle, sighting.predicted)]
        rows = [tuple(row) for side in sides for row in side.round(5).tolist()]
        assert all(tuple(row) in rows for row in question.geometry.round(5).tolist())
        kinds.add(len(question.geometry))
    assert kinds == {1} if progress == 0 else max(kinds) > 1


def test_a_good_frame_is_shown_without_a_region(seen, pictures):
    drawn = Shown(seen, pictures, Recipe(crops=1.0)).draw(np.random.default_rng(2), 400, 0.5)
    assert all(one.question.crop is not None for one in drawn)
    empty = [one for one in drawn if not len(one.question.geometry)]
    assert empty
    assert {int(one.question.crop[0, 0, 0]) for one in empty} == {0}


def test_the_rest_of_the_examples_are_those_of_the_corpus(seen, pictures):
    never = Shown(seen, pictures, DEFAULT).draw(np.random.default_rng(3), 30, 0.5)
    assert all(one.question.crop is None for one in never)
    assert all(one.question.crop is None for one in Corpus(seen).draw(np.random.default_rng(3), 30, 0.5))


def test_every_sighting_needs_its_picture(seen, pictures):
    with pytest.raises(ValueError, match="shorter"):
        Shown(seen, pictures[:-1], Recipe(crops=0.5))
