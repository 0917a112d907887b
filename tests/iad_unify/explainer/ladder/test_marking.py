"""Strict, soft and contains: each looser than the one before."""

import numpy as np
import pytest

from iad_unify.explainer.ladder.marking import Marks, marks
from iad_unify.language.facts import Facts, fact_of_mask
from iad_unify.language.questions import QuestionKind, example


def scratch(rows, columns):
    mask = np.zeros((90, 90), bool)
    mask[rows, columns] = True
    return fact_of_mask(mask, {"scratch": 1.0})


TOP = scratch(slice(5, 10), slice(40, 50))
BETWEEN = scratch(slice(5, 10), slice(22, 34))  # two thirds of it on the left


def marked(fact, kind, answer):
    return marks(example(Facts((fact,)), np.random.default_rng(0), kind, held_out=True), fact, answer)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("It is at the top.", Marks(True, True, True)),
        ("In the top left.", Marks(False, False, True)),  # "top" is in it: that is why strict is the headline
        ("In the upper half.", Marks(False, True, False)),
        ("Not at the top.", Marks(False, False, True)),
        ("In the bottom right.", Marks(False, False, False)),
        ("That cannot be told from the regions.", Marks(False, False, False)),
    ],
)
def test_a_place_is_marked_three_ways(answer, expected):
    assert marked(TOP, QuestionKind.LOCATION, answer) == expected


def test_a_second_cell_with_a_fair_share_is_softly_right():
    assert marked(BETWEEN, QuestionKind.LOCATION, "It is at the top.") == Marks(False, True, False)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("A scratch.", Marks(True, True, True)),
        ("A scratch or a crack.", Marks(False, True, True)),
        ("No scratch, a dent.", Marks(False, False, True)),
        ("A dent.", Marks(False, False, False)),
    ],
)
def test_a_type_is_marked_three_ways(answer, expected):
    assert marked(TOP, QuestionKind.TYPE, answer) == expected
