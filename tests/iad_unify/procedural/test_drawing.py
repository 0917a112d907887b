"""Drawings: labels that fit the picture, every product with every defect type, repeatable, quick."""

import time

import cv2
import numpy as np
import pytest

from iad_unify.procedural import PRODUCTS, USUAL_DEFECTS, Drawing, defect_mask, draw, draw_random
from iad_unify.types import DEFECT_TYPES


def _grown(mask: np.ndarray, by: int) -> np.ndarray:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * by + 1, 2 * by + 1), np.uint8)).astype(bool)


def _change(drawing: Drawing) -> np.ndarray:
    return np.abs(drawing.image.astype(int) - drawing.clean.astype(int)).max(axis=2)


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("defect_type", DEFECT_TYPES)
def test_a_defect_changes_the_picture_in_its_mask_and_nowhere_else(product: str, defect_type: str) -> None:
    for seed in range(5):
        drawing = draw(product, np.random.default_rng(seed), defect_types=(defect_type,))
        assert drawing.image.shape == drawing.clean.shape == (256, 256, 3)
        assert drawing.image.dtype == drawing.clean.dtype == np.uint8
        for defect in drawing.defects:
            assert defect.defect_type == defect_type
            assert cv2.connectedComponents(defect.mask.astype(np.uint8), connectivity=8)[0] == 2
        change = _change(drawing)
        assert not change[~_grown(drawing.mask, 2)].any()
        if defect_type != "missing_part":  # a board may have no component left to miss
            assert drawing.defects
        if drawing.defects:
            assert np.percentile(change[drawing.mask], 90) >= 3


def test_the_same_seed_draws_the_same_picture() -> None:
    first, second = (draw_random(np.random.default_rng(11), good_share=0.0) for _ in range(2))
    assert (first.image == second.image).all()
    assert [d.defect_type for d in first.defects] == [d.defect_type for d in second.defects]


def test_good_parts_come_at_the_asked_share_and_carry_no_defect() -> None:
    rng = np.random.default_rng(0)
    drawings = [draw_random(rng, 96, good_share=0.5) for _ in range(200)]
    good = [d for d in drawings if not d.defects]
    assert 70 <= len(good) <= 130
    assert all((d.image == d.clean).all() for d in good)


def test_masks_of_one_drawing_do_not_touch() -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        drawing = draw_random(rng, good_share=0.0)
        total = sum(int(d.mask.sum()) for d in drawing.defects)
        assert total == int(drawing.mask.sum())
        pieces = cv2.connectedComponents(drawing.mask.astype(np.uint8), connectivity=8)[0] - 1
        assert pieces == len(drawing.defects)


@pytest.mark.parametrize("defect_type", ["hole", "dent", "stain"])
def test_the_frame_cuts_no_defect_off(defect_type: str) -> None:
    for seed in range(25):
        for defect in draw("fabric", np.random.default_rng((3, seed)), defect_types=(defect_type,)).defects:
            inner = defect.mask[1:-1, 1:-1]
            assert inner.sum() >= 0.9 * defect.mask.sum(), seed


def test_a_missing_component_shows_what_is_printed_under_it() -> None:
    shown = []
    for seed in range(12):
        drawing = draw("circuit_board", np.random.default_rng((4, seed)), defect_types=("missing_part",))
        for defect in drawing.defects:
            bright = drawing.image[defect.mask].min(axis=1).astype(int), drawing.clean[defect.mask].min(axis=1)
            shown.append(np.percentile(bright[0], 97) - np.percentile(bright[1], 50))
    assert len(shown) >= 10
    assert np.median(shown) > 60  # white print, on whatever colour


def test_contrast_goes_from_faint_to_strong() -> None:
    rng = np.random.default_rng(2)
    means = []
    for _ in range(120):
        drawing = draw_random(rng, good_share=0.0, max_defects=1, product="metal_tile")
        means += [float(_change(drawing)[d.mask].mean()) for d in drawing.defects]
    assert np.percentile(means, 15) < 40
    assert np.percentile(means, 85) > 60


def test_a_grey_camera_sees_no_colour() -> None:
    rng = np.random.default_rng(4)
    spreads = [np.ptp(draw_random(rng, 128, product="metal_tile").image.astype(int), axis=2).max() for _ in range(20)]
    assert max(spreads) <= 16


@pytest.mark.parametrize("size", [64, 256, 400])
def test_other_sizes_are_drawn(size: int) -> None:
    rng = np.random.default_rng(size)
    for product in PRODUCTS:
        assert draw_random(rng, size, good_share=0.0, product=product).image.shape == (size, size, 3)


def test_every_usual_defect_is_a_known_one() -> None:
    assert set(USUAL_DEFECTS) == set(PRODUCTS)
    assert all(set(types) <= set(DEFECT_TYPES) for types in USUAL_DEFECTS.values())


@pytest.mark.parametrize("defect_type", DEFECT_TYPES)
def test_a_mask_for_a_real_frame_stays_where_it_is_allowed(defect_type: str) -> None:
    rng = np.random.default_rng(8)
    allowed = np.zeros((720, 1280), dtype=bool)
    allowed[150:600, 300:1000] = True
    for size_hint in (0.0, 60.0):
        mask = defect_mask(defect_type, rng, size_hint, allowed)
        assert mask.shape == allowed.shape
        assert mask.any()
        assert not (mask & ~allowed).any()


def test_no_room_and_unknown_names_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="allowed"):
        defect_mask("hole", rng, 10, np.zeros((64, 64), dtype=bool))
    with pytest.raises(ValueError, match="unknown defect type"):
        draw("fabric", rng, defect_types=("rust",))
    with pytest.raises(ValueError, match="unknown product"):
        draw("shoe", rng)
    with pytest.raises(ValueError, match="at least 32"):
        draw("fabric", rng, size=8)


def test_a_drawing_costs_a_few_milliseconds() -> None:
    rng = np.random.default_rng(0)
    draw_random(rng)
    start = time.process_time()
    for _ in range(40):
        draw_random(rng)
    assert (time.process_time() - start) / 40 < 0.025  # about 6 ms on one idle core; the bound allows a busy one
