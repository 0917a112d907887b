"""Facts from masks, logits and geometry."""

import numpy as np
import pytest

from iad_unify import masks
from iad_unify.geometry import CELLS, geometry_of_mask
from iad_unify.language import facts
from iad_unify.language.facts import (
    RegionFact,
    TypeRule,
    fact_of_geometry,
    fact_of_mask,
    fact_of_rle,
    likely_types,
    size_of,
)

SURE = {"scratch": 1.0}


def test_a_mask_and_its_run_lengths_give_the_same_fact() -> None:
    mask = np.zeros((90, 120), dtype=bool)
    mask[5:20, 10:30] = True
    from_mask, from_rle = fact_of_mask(mask, SURE), fact_of_rle(masks.encode(mask), SURE)
    assert from_mask == from_rle
    assert (from_rle.cell, from_rle.cell_share, from_rle.size) == ("top_left", 1.0, "large")
    assert from_rle.box == (10.0, 5.0, 20.0, 15.0)


def drawn(draw: str) -> np.ndarray:
    ys, xs = np.mgrid[:80, :80]
    return {
        "line": np.abs(ys - xs) < 3,
        "disc": (ys - 40) ** 2 + (xs - 40) ** 2 < 400,
        "square": (np.abs(ys - 40) < 20) & (np.abs(xs - 40) < 20),
        "ring": np.abs((ys - 40) ** 2 + (xs - 40) ** 2 - 700) < 150,
        "cross": (np.abs(ys - 40) < 3) | (np.abs(xs - 40) < 3),
    }[draw]


@pytest.mark.parametrize(
    ("draw", "shape"),
    [
        ("line", "elongated"),
        ("disc", "compact"),
        ("square", "compact"),
        ("ring", "irregular"),
        ("cross", "irregular"),
    ],
)
def test_the_shape_follows_the_mask_and_not_its_box(draw: str, shape: str) -> None:
    assert facts.shapes_of(drawn(draw)) == (shape,)


def test_near_a_limit_both_shapes_may_be_said() -> None:
    assert facts.shapes_of(np.ones((10, 26), dtype=bool)) == ("elongated", "compact")
    assert facts.shapes_of(np.ones((10, 24), dtype=bool)) == ("compact", "elongated")
    assert facts.shapes_of(np.ones((1, 1), dtype=bool)) == ("compact",)
    assert facts.shapes_of(np.ones((1, 5), dtype=bool)) == ("elongated",)


def test_geometry_alone_gives_the_same_cell_for_a_box() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        mask = np.zeros((99, 99), dtype=bool)
        y, x = rng.integers(0, 80, 2)
        mask[y : y + 19, x : x + 19] = True
        assert fact_of_geometry(geometry_of_mask(mask), SURE).shares == pytest.approx(
            fact_of_mask(mask, SURE).shares, abs=1e-5
        )


def test_an_empty_mask_is_no_region() -> None:
    with pytest.raises(ValueError, match="empty"):
        fact_of_mask(np.zeros((9, 9), dtype=bool), SURE)
    with pytest.raises(ValueError, match="empty"):
        fact_of_rle(masks.encode(np.zeros((9, 9), dtype=bool)), SURE)


@pytest.mark.parametrize(("share", "size"), [(0.0005, "small"), (0.002, "medium"), (0.0099, "medium"), (0.01, "large")])
def test_size_follows_fixed_shares_of_the_frame(share: float, size: str) -> None:
    assert size_of(share) == size


def test_the_likely_types_reach_the_mass_and_no_further() -> None:
    assert [slug for slug, _ in likely_types({"scratch": 0.95, "crack": 0.05})] == ["scratch"]
    assert [slug for slug, _ in likely_types({"scratch": 0.6, "crack": 0.35, "dent": 0.05})] == ["scratch", "crack"]
    assert [slug for slug, _ in likely_types({"scratch": 0.88, "crack": 0.04, "dent": 0.08})] == ["scratch", "dent"]


def test_no_clear_type_is_unknown() -> None:
    types = likely_types({slug: 0.25 for slug in ("scratch", "crack", "dent", "chip")})
    assert types[-1][0] == "unknown"
    assert RegionFact(types, (1.0,) + (0.0,) * 8, 0.01).defect_type == "unknown"
    with pytest.raises(ValueError, match="probability"):
        likely_types({})


def test_a_split_region_lies_in_both_cells_and_a_grazed_one_does_not() -> None:
    split = RegionFact((("crack", 1.0),), (0.6, 0.4) + (0.0,) * 7, 0.01)
    grazed = RegionFact((("crack", 1.0),), (0.8, 0.2) + (0.0,) * 7, 0.01)
    assert split.cells == ("top_left", "top")
    assert grazed.cells == ("top_left",)
    assert len(CELLS) == len(split.shares)


def test_logits_become_probabilities_at_a_temperature() -> None:
    cold = facts.probabilities_of(np.array([2.0, 0.0]), ("scratch", "crack"))
    warm = facts.probabilities_of(np.array([2.0, 0.0]), ("scratch", "crack"), temperature=4.0)
    assert sum(cold.values()) == pytest.approx(1.0)
    assert cold["scratch"] > warm["scratch"] > 0.5


def test_an_answer_of_the_expert_becomes_facts() -> None:
    mask = np.zeros((60, 60), dtype=bool)
    mask[25:35, 25:35] = True
    logits = np.array([[0.0, 6.0]], dtype=np.float32)
    found = facts.facts_of([masks.encode(mask)], logits, ("scratch", "hole"))
    assert (found.regions[0].defect_type, found.regions[0].cell) == ("hole", "center")


def test_a_calibrated_level_is_passed_by_the_smallest_set_that_holds_more() -> None:
    probabilities = {"scratch": 0.5, "crack": 0.3, "dent": 0.15, "chip": 0.05}
    for level, count in ((0.0, 1), (0.49, 1), (0.5, 2), (0.8, 3), (0.99, 4), (1.0, 4)):
        assert [slug for slug, _ in likely_types(probabilities, TypeRule(level))] == list(probabilities)[:count]


def test_below_the_least_confidence_no_type_is_named() -> None:
    probabilities = {"scratch": 0.6, "crack": 0.4}
    assert [slug for slug, _ in likely_types(probabilities, TypeRule(least_confidence=0.6))] == ["scratch", "crack"]
    assert [slug for slug, _ in likely_types(probabilities, TypeRule(least_confidence=0.61))] == ["unknown"]
