"""Every answer of the corpus is true of the geometry that the explainer is given with it."""

import numpy as np
import pytest

from iad_unify.explainer.corpus import Corpus, spoken_types
from iad_unify.explainer.rewording import wordings
from iad_unify.explainer.sightings import Spotter, gather
from iad_unify.geometry import cell_of_point
from iad_unify.language.claims import parse
from iad_unify.language.facts import size_of
from iad_unify.language.questions import PARAPHRASES
from iad_unify.types import DEFECT_TYPES, UNKNOWN


@pytest.fixture(scope="module")
def corpus(expert):
    return Corpus(gather(Spotter(expert, 0.02), "train", 0, 24))


def test_the_same_generator_draws_the_same_examples(corpus):
    first, second = (corpus.draw(np.random.default_rng(4), 30) for _ in range(2))
    assert [one.answer for one in first] == [one.answer for one in second]


def test_counts_sizes_and_places_follow_the_moved_geometry(corpus):
    checked = 0
    for one in corpus.draw(np.random.default_rng(1), 800):
        claims, geometry = parse(one.answer, question=one.question.text), one.question.geometry
        assert len(one.question.appearance) == len(geometry) <= 8
        if claims.counts:
            assert claims.counts[0] == len(geometry)
        if len(geometry) == 1 and claims.size and claims.size != "medium":
            assert claims.size == size_of(float(geometry[0, 4]))
        if len(geometry) == 1 and len(claims.cells) == 1 and max(geometry[0, 2:4]) < 0.1:
            cx, cy, w, h, _ = geometry[0]
            inside = {cell_of_point(cx + a * w / 2, cy + b * h / 2) for a in (-1, 0, 1) for b in (-1, 0, 1)}
            assert claims.cells[0] in inside
            checked += 1
    assert checked > 10


def test_geometry_stays_in_the_frame(corpus):
    for one in corpus.draw(np.random.default_rng(2), 200):
        cx, cy, w, h, area = one.question.geometry.T
        assert np.all(
            (cx - w / 2 >= -1e-6) & (cx + w / 2 <= 1 + 1e-6) & (cy - h / 2 >= -1e-6) & (cy + h / 2 <= 1 + 1e-6)
        )
        assert np.all(area <= w * h + 1e-6)


def test_some_prompts_hold_no_region_and_say_so(corpus):
    empty = [one for one in corpus.draw(np.random.default_rng(3), 400) if not len(one.question.geometry)]
    assert empty
    assert not any(parse(one.answer, question=one.question.text).asserted for one in empty)


def test_what_was_drawn_is_said_first_when_the_expert_holds_it_likely():
    logits = np.full(len(DEFECT_TYPES) + 1, -9.0, np.float32)  # and "unknown"
    logits[[0, 1]] = 1.0, 0.8
    assert [slug for slug, _ in spoken_types("crack", logits)] == ["crack", "scratch"]
    assert spoken_types("dent", logits)[0][0] == "scratch"
    assert spoken_types(UNKNOWN, logits)[0][0] == "scratch"


def test_a_run_begins_with_single_regions(corpus):
    assert {len(one.question.geometry) for one in corpus.draw(np.random.default_rng(5), 60, 0.0)} == {1}
    assert max(len(one.question.geometry) for one in corpus.draw(np.random.default_rng(5), 200, 0.5)) > 1


def test_no_test_paraphrase_is_trained_on():
    for kind, texts in wordings().items():
        assert not {text.lower() for text in texts} & {text.lower() for text in PARAPHRASES[kind][1]}
