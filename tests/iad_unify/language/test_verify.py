"""The verifier: true sentences pass, planted falsehoods are caught."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from iad_unify.geometry import CELLS
from iad_unify.language import wording
from iad_unify.language.facts import SIZES, Facts, RegionFact
from iad_unify.language.speech import template
from iad_unify.language.verify import check
from iad_unify.types import DEFECT_TYPES

RandomFacts = Callable[[np.random.Generator], Facts]


def region(*types: str, cell: str = "center", share: float = 0.0005, other: str = "", split: float = 0.0) -> RegionFact:
    shares = dict.fromkeys(CELLS, 0.0) | {cell: 1.0 - split}
    if other:
        shares[other] = split
    return RegionFact(tuple((slug, 1 / len(types)) for slug in types), tuple(shares.values()), share)


SCRATCH = region("scratch", cell="top_left")
STAIN = region("stain", cell="center", share=0.05)
ONE, TWO, NONE = Facts((SCRATCH,)), Facts((SCRATCH, STAIN)), Facts()


def kinds(text: str, facts: Facts, question: str = "") -> list[str]:
    return [contradiction.kind for contradiction in check(text, facts, question=question)]


def test_the_template_is_always_true(random_facts: RandomFacts) -> None:
    rng = np.random.default_rng(0)
    for _ in range(1500):
        facts = random_facts(rng)
        sentence = template(facts)
        assert check(sentence, facts) == (), sentence
        assert len(sentence.split()) <= 22


def test_a_planted_falsehood_is_caught(random_facts: RandomFacts) -> None:
    rng = np.random.default_rng(1)
    for _ in range(800):
        facts = random_facts(rng)
        likely = {slug for one in facts.regions for slug in one.likely}
        cells = {cell for one in facts.regions for cell in one.cells}
        sizes = {one.size for one in facts.regions}
        for slug in set(DEFECT_TYPES) - likely:
            assert check(f"There is a {wording.noun(slug)}.", facts), (slug, facts)
        for cell in set(CELLS) - cells:
            assert check(f"It lies {rng.choice(wording.PLACES[cell])}.", facts), (cell, facts)
        for size in set(SIZES) - sizes:
            assert check(f"The defect is {size}.", facts), (size, facts)
        for count in set(range(8)) - {len(facts.regions)}:
            assert check(f"{wording.number(count).capitalize()} defects.", facts), (count, facts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A small scratch in the top left.", []),
        ("A small scratch in the upper-left corner.", []),
        ("One defect: a scratch in the upper half.", []),
        ("A crack in the top left.", ["type"]),
        ("A small scratch in the center.", ["location"]),
        ("A large scratch in the top left.", ["size"]),
        ("Two scratches in the top left.", ["count"]),
        ("Scratches in the top left.", ["count"]),
        ("Several defects.", ["count"]),
        ("A scratch and a crack.", ["type", "count"]),
        ("The scratch is a crack.", ["type", "count"]),
        ("A scratch or a crack.", ["type"]),
        ("A scratch in the top left and the center.", ["location"]),
        ("A small scratch. It is large.", ["size", "count"]),
        ("No defect was found.", ["existence"]),
        ("The part is fine, nothing is wrong.", ["existence"]),
        ("No scratch is visible.", ["type"]),
        ("It is not a crack.", []),
        ("The scratch is not in the top left.", ["location"]),
        ("The scratch is not in the center.", []),
        ("A scratch, no other defects.", []),
        ("Region 1 is a scratch.", []),
        ("Region 2 is a scratch.", ["count"]),
        ("I cannot tell.", []),
    ],
)
def test_claims_about_one_small_scratch_in_the_top_left(text: str, expected: list[str]) -> None:
    assert kinds(text, ONE) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Two defects: a small scratch in the top left and a large stain in the center.", []),
        ("In the top left there is a scratch and in the center there is a stain.", []),
        ("A scratch in the center and a stain in the top left.", ["location", "location"]),
        ("A large scratch and a small stain.", ["size", "size"]),
        ("One scratch and one stain.", []),
        ("Two scratches.", ["count"]),
        ("Three defects.", ["count"]),
        ("One defect.", ["count"]),
        ("The strongest is a scratch.", []),
        ("The strongest is a stain.", ["type"]),
        ("The largest defect is a stain.", []),
        ("The largest defect is in the top left.", ["location"]),
        ("Region 2 is a stain in the center.", []),
        ("Region 1 is a stain.", ["type"]),
        ("A scratch in the top left.", []),
    ],
)
def test_claims_about_two_defects_are_bound_to_their_own(text: str, expected: list[str]) -> None:
    assert kinds(text, TWO) == expected


def test_a_good_part_has_no_defect() -> None:
    assert kinds("No defect was found.", NONE) == []
    assert kinds("A scratch in the center.", NONE) == ["existence"]
    assert kinds("One defect.", NONE) == ["count"]
    assert template(NONE) == "No defect was found."


def test_a_likely_type_may_be_said_and_an_unlikely_one_may_not() -> None:
    facts = Facts((region("scratch", "crack"),))
    assert kinds("A scratch.", facts) == kinds("A crack.", facts) == kinds("No crack.", facts) == []
    assert kinds("A dent.", facts) == ["type"]


def test_the_neighbouring_cell_may_be_said_only_when_the_area_is_really_split() -> None:
    split, grazed = (region("crack", cell="top_left", other="top", split=share) for share in (0.35, 0.2))
    assert kinds("A crack at the top.", Facts((split,))) == []
    assert kinds("A crack at the top.", Facts((grazed,))) == ["location"]
    assert kinds("A crack not at the top.", Facts((split,))) == []


def test_a_shape_is_held_against_the_mask() -> None:
    long = Facts((replace(SCRATCH, shapes=("elongated",)),))
    assert kinds("An elongated scratch.", long) == []
    for text in ("A round scratch.", "긁힘은 둥급니다.", "圆形的划痕。", "Ein runder Kratzer.", "It is not elongated."):
        assert kinds(text, long) == ["shape"], text
    assert kinds("A round scratch.", Facts((replace(SCRATCH, shapes=("elongated", "compact")),))) == []
    assert kinds("A round scratch.", ONE) == []  # not measured


def test_a_bare_region_is_held_against_its_question() -> None:
    assert kinds("Region 1.", TWO, "Which region is a scratch?") == []
    assert kinds("Region 2.", TWO, "Which region is a scratch?") == ["type"]
    assert kinds("Region 2.", TWO, "Which region is in the center?") == []


def test_alike_regions_are_counted_apart() -> None:
    assert kinds("Two scratches in the top left.", Facts((SCRATCH, SCRATCH))) == []
    assert kinds("One scratch.", Facts((SCRATCH, SCRATCH))) == ["count"]
    assert kinds("Two scratches, one in the top left and one in the center.", TWO) == ["location", "count"]


def test_a_bare_reply_is_checked_against_its_question() -> None:
    assert kinds("No.", ONE, "Is there a scratch?") == ["type"]
    assert kinds("Yes.", ONE, "Is there a scratch?") == []
    assert kinds("Yes.", ONE, "Is there a crack?") == ["type"]
    assert kinds("No.", ONE, "Is there any defect?") == ["existence"]


def test_a_contradiction_says_what_was_said_and_what_is_seen() -> None:
    (found,) = check("A scratch in the center.", ONE)
    assert str(found) == "location: says center, seen top_left"
