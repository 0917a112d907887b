"""What the controls learn from: the same questions, no region or the whole picture, and answers true of the frame."""

import numpy as np
import pytest

from iad_unify.explainer.corpus import Corpus
from iad_unify.explainer.recipe import Recipe
from iad_unify.explainer.sightings import Spotter, drawn, gather
from iad_unify.explainer.without import Blind, Whole
from iad_unify.language.claims import parse
from iad_unify.language.detection import detect

COUNT = 24


@pytest.fixture(scope="module")
def spotter(expert):
    return Spotter(expert, 0.02)


@pytest.fixture(scope="module")
def seen(spotter):
    return gather(spotter, "train", 0, COUNT)


@pytest.fixture(scope="module")
def looks(spotter):
    return spotter.wholes([drawn("train", 0, index) for index in range(COUNT)])


def test_the_blind_corpus_asks_and_answers_as_the_other_but_shows_no_region(seen):
    plain, blind = (kind(seen).draw(np.random.default_rng(5), 40, 0.5) for kind in (Corpus, Blind))
    assert [one.answer for one in plain] == [one.answer for one in blind]
    assert [one.question.text for one in plain] == [one.question.text for one in blind]
    assert any(len(one.question.geometry) for one in plain)
    assert not any(len(one.question.geometry) for one in blind)


@pytest.mark.parametrize("progress", [0.0, 0.5])
def test_a_whole_picture_is_one_region_and_its_answers_are_of_its_defects(seen, looks, progress):
    counts = {len(one.oracle.rles) for one in seen}
    for one in Whole(seen, looks).draw(np.random.default_rng(6), 60, progress):
        assert one.question.geometry.tolist() == [[0.5, 0.5, 1.0, 1.0, 1.0]]
        assert one.question.appearance.shape == looks[:1].shape
        told = parse(one.answer, question=one.question.text).counts
        assert not told or told[0] in counts


def test_a_simple_run_asks_of_one_region_in_english_to_its_end(seen, looks):
    simple = Recipe(simple=True)
    whole, blind = Recipe(regions="whole", simple=True), Recipe(regions="none", simple=True)
    given, *controls = (Corpus(seen, simple), Whole(seen, looks, whole), Blind(seen, blind))
    asked = [corpus.draw(np.random.default_rng(7), 60, 0.9) for corpus in (given, *controls)]
    assert {len(one.question.geometry) for one in asked[0]} == {1}
    assert {one.question.text for one in asked[0]} == {one.question.text for one in asked[2]}
    for one in (one for examples in asked for one in examples):
        assert detect(one.answer) == "en"
        assert parse(one.answer, question=one.question.text).counts in ((), (1,))
    predicted = {region.appearance.tobytes() for scene in given._predicted for region in scene}
    begun, later = (
        [given._one_region(np.random.default_rng(index), progress)[0].appearance.tobytes() for index in range(40)]
        for progress in (0.05, 0.9)
    )
    assert not predicted & set(begun)  # the usual schedule begins with true ones
    assert predicted & set(later)


def test_without_a_picture_of_one_defect_there_is_nothing_to_begin_with(seen, looks):
    several = [index for index, one in enumerate(seen) if len(one.oracle.rles) > 1]
    with pytest.raises(ValueError, match="exactly one"):
        Whole([seen[index] for index in several], looks[several])


def test_true_regions_alone_are_drawn_when_that_is_the_schedule(seen):
    corpus = Corpus(seen, Recipe("gt"))
    true = {region.appearance.tobytes() for scene in corpus._oracle for region in scene}
    for progress in (0.05, 0.9):
        scenes = [corpus._scene(np.random.default_rng(index), progress) for index in range(40)]
        assert {region.appearance.tobytes() for scene in scenes for region in scene} <= true
    late = Corpus(seen, Recipe("stage-wise"))
    scenes = [late._scene(np.random.default_rng(index), 0.9) for index in range(40)]
    assert not {region.appearance.tobytes() for scene in scenes for region in scene} & true
