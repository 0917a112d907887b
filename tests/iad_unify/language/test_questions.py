"""Questions and gold answers: true, short, scored right, with held-out paraphrases."""

from collections.abc import Callable

import numpy as np
import pytest

from iad_unify.language import questions
from iad_unify.language.answers import MOST_WORDS
from iad_unify.language.claims import parse
from iad_unify.language.facts import Facts, RegionFact
from iad_unify.language.questions import ALERT_QUESTION, PARAPHRASES, WEIGHTS, QuestionKind
from iad_unify.language.scoring import correct, scores
from iad_unify.language.verify import check

RandomFacts = Callable[[np.random.Generator], Facts]

SCRATCH = RegionFact((("scratch", 1.0),), (1.0,) + (0.0,) * 8, 0.0005)
STAIN = RegionFact((("stain", 1.0),), (0.0,) * 4 + (1.0,) + (0.0,) * 4, 0.05)


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


def test_the_alert_question_is_trained_on_and_claims_nothing_itself() -> None:
    assert ALERT_QUESTION in PARAPHRASES[QuestionKind.DESCRIBE][0]
    assert parse(ALERT_QUESTION).asserted == ()


def test_the_kinds_are_drawn_by_their_weights(random_facts: RandomFacts) -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)
    rng = np.random.default_rng(2)
    facts = Facts((SCRATCH,))
    kinds = [questions.example(facts, rng).kind for _ in range(600)]
    assert 0.33 < kinds.count(QuestionKind.DESCRIBE) / 600 < 0.47
    assert set(kinds) == set(QuestionKind)


def test_a_good_frame_gets_the_questions_that_it_can_answer() -> None:
    rng = np.random.default_rng(3)
    kinds = {one.kind for one in questions.examples(Facts(), rng)}
    assert kinds == {QuestionKind.DESCRIBE, QuestionKind.COUNT, QuestionKind.EXISTENCE, QuestionKind.ILL_POSED}


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


def test_an_ill_posed_question_is_answered_by_a_refusal_only() -> None:
    made = questions.example(Facts((SCRATCH,)), np.random.default_rng(7), QuestionKind.ILL_POSED)
    assert correct(made, "I cannot tell.")
    assert not correct(made, "A scratch.")
