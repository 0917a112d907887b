"""Every answer of the corpus is true of the geometry that the explainer is given with it."""

from itertools import product

import numpy as np
import pytest

from iad_unify.catalog import MAX_REGIONS
from iad_unify.explainer.corpus import Corpus, sentences, spoken_types
from iad_unify.explainer.rewording import wordings
from iad_unify.explainer.sightings import Spotter, gather
from iad_unify.explainer.tokenizer import train_tokenizer
from iad_unify.geometry import CELLS, cell_of_point
from iad_unify.language.claims import parse
from iad_unify.language.detection import detect
from iad_unify.language.facts import SIZES, size_of
from iad_unify.language.questions import DESCRIPTIONS, PARAPHRASES
from iad_unify.language.speech import LANGUAGES, VOICES
from iad_unify.language.voices.voice import Said
from iad_unify.types import DEFECT_TYPES, UNKNOWN

#: What an alert sentence may take.
MOST_TOKENS = 40


@pytest.fixture(scope="module")
def corpus(expert):
    return Corpus(gather(Spotter(expert, 0.02), "train", 0, 24))


@pytest.fixture(scope="module")
def tokenizer(corpus):
    return train_tokenizer(sentences(corpus, np.random.default_rng(0)))


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


def test_a_short_run_is_simple_for_as_many_steps_as_reading_a_region_takes(expert):
    corpus = Corpus(gather(Spotter(expert, 0.02), "train", 0, 24))

    def lead_in(steps):
        corpus.begin_simply(steps)
        return max(share for share in np.linspace(0, 1, 1001) if corpus.is_simple(share))

    assert lead_in(0) == lead_in(9000) == pytest.approx(0.12, abs=2e-3)
    assert lead_in(1250) == pytest.approx(500 / 1250, abs=2e-3)
    assert lead_in(100) == pytest.approx(0.5, abs=2e-3)
    counts = {len(one.question.geometry) for one in corpus.draw(np.random.default_rng(1), 100, 0.49)}
    assert counts == {1}
    assert len({len(one.question.geometry) for one in corpus.draw(np.random.default_rng(1), 100, 0.51)}) > 1


def test_what_was_drawn_is_said_first_when_the_expert_holds_it_likely():
    logits = np.full(len(DEFECT_TYPES) + 1, -9.0, np.float32)  # and "unknown"
    logits[[0, 1]] = 1.0, 0.8
    assert [slug for slug, _ in spoken_types("crack", logits)] == ["crack", "scratch"]
    assert spoken_types("dent", logits)[0][0] == "scratch"
    assert spoken_types(UNKNOWN, logits)[0][0] == "scratch"


def test_a_run_begins_with_single_regions(corpus):
    assert {len(one.question.geometry) for one in corpus.draw(np.random.default_rng(5), 60, 0.0)} == {1}
    assert max(len(one.question.geometry) for one in corpus.draw(np.random.default_rng(5), 200, 0.5)) > 1


def test_descriptions_come_in_every_language_and_other_kinds_in_english(corpus):
    drawn = corpus.draw(np.random.default_rng(6), 400)
    assert {detect(one.question.text) for one in drawn} == set(LANGUAGES)
    for one in drawn:
        if detect(one.question.text) != "en":
            assert detect(one.answer) == detect(one.question.text)
    assert {detect(one.answer) for one in corpus.draw(np.random.default_rng(6), 100, 0.0)} == {"en"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_alert_sentence_takes_few_tokens_in_each_language(tokenizer, language):
    voice = VOICES[language]
    for slug, size, cell in product((*DEFECT_TYPES, UNKNOWN), SIZES, CELLS):
        for defect in (Said(slug, size, cell, way) for way in range(3)):
            for sentence in (*voice.single(defect), *voice.several(MAX_REGIONS, defect)):
                assert len(tokenizer(sentence)["input_ids"]) <= MOST_TOKENS, sentence
    for sentence in (*voice.nothing, voice.question):
        assert len(tokenizer(sentence)["input_ids"]) <= MOST_TOKENS, sentence


def test_no_test_paraphrase_is_trained_on():
    shared = {**PARAPHRASES, **DESCRIPTIONS}
    assert wordings().keys() == shared.keys()
    for kind, texts in wordings().items():
        assert not {text.lower() for text in texts} & {text.lower() for text in shared[kind][1]}
