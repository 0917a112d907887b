"""Questions and gold answers: true, short, scored right, with held-out paraphrases."""

from collections.abc import Callable

import numpy as np
import pytest

from iad_unify.language import questions
from iad_unify.language.answers import MOST_WORDS
from iad_unify.language.claims import parse
from iad_unify.language.detection import detect
from iad_unify.language.facts import Facts, RegionFact
from iad_unify.language.questions import ALERT_QUESTION, DESCRIPTIONS, PARAPHRASES, WEIGHTS, QuestionKind
from iad_unify.language.scoring import correct, scores
from iad_unify.language.speech import LANGUAGES, VOICES
from iad_unify.language.verify import check

RandomFacts = Callable[[np.random.Generator], Facts]

SCRATCH = RegionFact((("scratch", 1.0),), (1.0,) + (0.0,) * 8, 0.0005, shapes=("elongated",))
STAIN = RegionFact((("stain", 1.0),), (0.0,) * 4 + (1.0,) + (0.0,) * 4, 0.05, shapes=("compact",))


@pytest.mark.parametrize("kind", QuestionKind)
def test_gold_answers_are_true_and_score_as_right(kind: QuestionKind, random_facts: RandomFacts) -> None:
    rng = np.random.default_rng(0)
    for index in range(400):
        facts = random_facts(rng)
        made = questions.example(facts, rng, kind, held_out=index % 2 == 0)
        assert check(made.answer, facts, question=made.question) == (), (made.answer, facts)
        assert correct(made, made.answer), (made, scores(made, made.answer))
        assert len(made.answer.split()) <= MOST_WORDS
        assert "{" not in made.question


@pytest.mark.parametrize("kind", QuestionKind)
def test_test_paraphrases_are_never_trained_on(kind: QuestionKind) -> None:
    train, held_out = PARAPHRASES[kind]
    assert not set(train) & set(held_out)
    assert len(train) >= 6
    assert len(held_out) >= 3


@pytest.mark.parametrize("language", DESCRIPTIONS)
def test_descriptions_in_other_languages_are_true_score_as_right_and_hold_paraphrases_back(
    language: str, random_facts: RandomFacts
) -> None:
    train, held_out = DESCRIPTIONS[language]
    assert train[0] == VOICES[language].question
    assert len(set(train) - set(held_out)) >= 10
    assert len(held_out) >= 3
    rng = np.random.default_rng(8)
    for index in range(200):
        facts = random_facts(rng)
        made = questions.example(facts, rng, held_out=index % 2 == 0, language=language)
        assert (made.kind, made.language) == (QuestionKind.DESCRIBE, language)
        assert detect(made.question) == language
        assert made.question in (held_out if index % 2 == 0 else train)
        assert check(made.answer, facts, question=made.question, language=language) == ()
        assert correct(made, made.answer), made
        english = questions.example(facts, rng, QuestionKind.DESCRIBE)
        assert not correct(made, english.answer), made


def test_a_frame_is_asked_about_in_every_language() -> None:
    made = questions.examples(Facts((SCRATCH, STAIN)), np.random.default_rng(9))
    assert [one.language for one in made if one.kind is QuestionKind.DESCRIBE] == ["en", "ko", "zh", "de"]
    assert {one.kind for one in made} == set(QuestionKind)


def test_languages_are_drawn_by_their_weights() -> None:
    assert sum(questions.LANGUAGE_WEIGHTS.values()) == pytest.approx(1.0)
    rng = np.random.default_rng(10)
    assert {questions.drawn_language(rng) for _ in range(100)} == set(LANGUAGES)


def test_the_alert_question_is_trained_on_and_claims_nothing_itself() -> None:
    assert ALERT_QUESTION in PARAPHRASES[QuestionKind.DESCRIBE][0]
    assert parse(ALERT_QUESTION).asserted == ()


def test_the_kinds_are_drawn_by_their_weights(random_facts: RandomFacts) -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)
    rng = np.random.default_rng(2)
    facts = Facts((SCRATCH,))
    kinds = [questions.example(facts, rng).kind for _ in range(600)]
    assert 0.32 < kinds.count(QuestionKind.DESCRIBE) / 600 < 0.5
    assert set(kinds) == set(QuestionKind)


def test_a_good_frame_gets_the_questions_that_it_can_answer() -> None:
    rng = np.random.default_rng(3)
    kinds = {one.kind for one in questions.examples(Facts(), rng)}
    asked_of_all = (QuestionKind.DESCRIBE, QuestionKind.COUNT, QuestionKind.EXISTENCE, QuestionKind.COMPARE)
    assert kinds == {*asked_of_all, QuestionKind.VERDICT, QuestionKind.ILL_POSED}


def test_answers_come_in_several_wordings() -> None:
    rng = np.random.default_rng(4)
    facts = Facts((SCRATCH, STAIN))
    for kind in QuestionKind:
        assert len({questions.example(facts, rng, kind).answer for _ in range(60)}) >= 2, kind


def test_scoring_is_strict() -> None:
    rng = np.random.default_rng(5)
    one = Facts((SCRATCH,))
    described = questions.example(one, rng, QuestionKind.DESCRIBE)
    assert correct(described, "One small scratch in the upper left corner.")
    assert scores(described, "A small scratch in the center.") == {
        "type": True,
        "location": False,
        "size": True,
        "count": True,
    }
    located = questions.example(one, rng, QuestionKind.LOCATION)
    assert not correct(located, "In the top left or the center.")
    assert not correct(located, "In the upper half.")
    assert not correct(located, "Not in the top left.")
    assert not correct(located, "")
    typed = questions.example(one, rng, QuestionKind.TYPE)
    assert not correct(typed, "A scratch or a crack.")
    assert not correct(typed, "Not a scratch.")


def test_a_swapped_region_is_scored_wrong() -> None:
    rng = np.random.default_rng(6)
    for kind in (QuestionKind.TYPE, QuestionKind.LOCATION, QuestionKind.SIZE, QuestionKind.DESCRIBE):
        asked = questions.example(Facts((SCRATCH,)), rng, kind)
        other = questions.example(Facts((STAIN,)), rng, kind)
        assert not correct(asked, other.answer)


def test_a_shape_that_may_be_said_is_right() -> None:
    one = Facts((RegionFact(SCRATCH.defect_types, SCRATCH.shares, 0.01, shapes=("elongated", "compact")),))
    made = questions.example(one, np.random.default_rng(11), QuestionKind.SHAPE)
    assert correct(made, "It is elongated.")
    assert correct(made, "Round.")
    assert not correct(made, "Irregular.")
    assert not correct(made, "It is not elongated.")


def test_a_region_is_told_whole_and_pointed_at_by_its_number() -> None:
    rng = np.random.default_rng(12)
    two = Facts((SCRATCH, STAIN))
    told = [questions.example(two, rng, QuestionKind.REFER) for _ in range(20)]
    assert {"type", "location", "size"} == set(scores(told[0], told[0].answer))
    assert any("Region 2 is a large stain in" in one.answer for one in told)
    pointed = next(
        one for one in iter(lambda: questions.example(two, rng, QuestionKind.POINT), None) if "stain" in one.question
    )
    assert correct(pointed, "Region 2.")
    assert not correct(pointed, "Region 1.")
    assert not correct(pointed, "A stain.")


def test_only_what_is_there_once_is_pointed_at() -> None:
    alike = Facts((SCRATCH, SCRATCH))
    assert questions.example(alike, np.random.default_rng(13), QuestionKind.POINT).kind is QuestionKind.DESCRIBE


def test_what_is_taken_for_granted_and_is_not_there_is_refused() -> None:
    rng = np.random.default_rng(14)
    made = [questions.example(Facts((SCRATCH,)), rng, QuestionKind.ILL_POSED) for _ in range(80)]
    granted = [one for one in made if "there is no" in one.answer.lower()]
    assert granted
    for one in granted:
        assert "scratch" not in one.question
        assert not correct(one, "A scratch in the top left.")


def test_a_comparison_says_what_a_good_part_lacks_or_that_nothing_differs() -> None:
    rng = np.random.default_rng(15)
    made = questions.example(Facts((SCRATCH,)), rng, QuestionKind.COMPARE)
    assert correct(made, "Unlike the reference, there is one small scratch in the top left.")
    assert not correct(made, "It does not differ from the reference.")
    good = questions.example(Facts(), rng, QuestionKind.COMPARE)
    assert correct(good, "It looks like the reference.")
    assert not correct(good, made.answer)


def test_an_ill_posed_question_is_answered_by_a_refusal_only() -> None:
    made = questions.example(Facts((SCRATCH,)), np.random.default_rng(7), QuestionKind.ILL_POSED)
    assert correct(made, "I cannot tell.")
    assert not correct(made, "A scratch.")
