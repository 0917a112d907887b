"""Regions out of a probability map: where they lie, what they score, what can never be one."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from iad_unify.catalog import MAX_REGIONS
from iad_unify.geometry import Letterbox
from iad_unify.region_expert.config import MERGE_GAP_PX
from iad_unify.region_expert.proposals import propose, resample, smooth

SQUARE = Letterbox.fit(256, 256, 256)


def _map(*spots: tuple[int, int, int, float]) -> NDArray[np.float32]:
    """A map with square spots (x, y, side, value)."""
    values = np.zeros((256, 256), dtype=np.float32)
    for x, y, side, value in spots:
        values[y : y + side, x : x + side] = value
    return values


def test_regions_come_by_descending_score_and_then_from_top_to_bottom() -> None:
    found = propose(_map((10, 200, 5, 0.8), (10, 10, 5, 0.8), (100, 100, 5, 0.9)), SQUARE, 0.5, 0)
    assert [(p.x, p.y) for p in found] == [(100, 100), (10, 10), (10, 200)]
    assert [p.score for p in found] == pytest.approx([0.9, 0.8, 0.8])


def test_a_region_s_mask_is_the_hot_pixels_at_equal_scale() -> None:
    (region,) = propose(_map((30, 40, 7, 0.9)), SQUARE, 0.5, 0)
    assert region.box == (30, 40, 7, 7)
    assert region.area == 49
    assert region.geometry(SQUARE) == pytest.approx([33.5 / 256, 43.5 / 256, 7 / 256, 7 / 256, 49 / 65536])


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (113, 300), (640, 480), (100, 100)])
def test_a_region_lies_where_the_defect_is_in_the_original_frame(width: int, height: int) -> None:
    letterbox = Letterbox.fit(width, height, 256)
    truth = np.zeros((height, width), dtype=bool)
    truth[height // 4 : height // 2, width // 2 : width * 3 // 4] = True
    (region,) = propose(letterbox.apply_mask(truth).astype(np.float32), letterbox, 0.5, 0)
    placed = np.zeros_like(truth)
    placed[region.y : region.y + region.mask.shape[0], region.x : region.x + region.mask.shape[1]] = region.mask
    assert (placed & truth).sum() / (placed | truth).sum() > 0.9


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (200, 900)])
def test_the_letterbox_padding_never_raises_a_region_or_a_score(width: int, height: int) -> None:
    letterbox = Letterbox.fit(width, height, 256)
    x, y, w, h = letterbox.inner
    raw = np.ones((256, 256), dtype=np.float32)
    raw[y : y + h, x : x + w] = 0.01
    smoothed = smooth(raw, letterbox, 2.0)
    assert smoothed.max() == pytest.approx(0.01)
    assert propose(smoothed, letterbox, 0.05, 0) == []
    for region in propose(smoothed, letterbox, 0.0, 0):
        assert region.x >= 0
        assert region.x + region.mask.shape[1] <= width


def test_pieces_with_a_small_gap_are_one_region_and_distant_ones_are_two() -> None:
    near, far = MERGE_GAP_PX - 2, MERGE_GAP_PX + 3
    assert len(propose(_map((50, 50, 6, 0.9), (56 + near, 50, 6, 0.7)), SQUARE, 0.5, 0)) == 1
    assert len(propose(_map((50, 50, 6, 0.9), (56 + far, 50, 6, 0.7)), SQUARE, 0.5, 0)) == 2


def test_diagonal_neighbours_are_connected() -> None:
    assert len(propose(_map((50, 50, 1, 0.9), (51, 51, 1, 0.9)), SQUARE, 0.5, 0)) == 1


def test_the_smallest_area_counts_original_pixels() -> None:
    letterbox = Letterbox.fit(1024, 1024, 256)  # one pixel of the square is 16 of the frame
    spots = _map((50, 50, 2, 0.9), (150, 150, 6, 0.8))
    assert len(propose(spots, letterbox, 0.5, 40)) == 2
    assert [p.score for p in propose(spots, letterbox, 0.5, 200)] == pytest.approx([0.8])


def test_there_are_never_more_than_the_most_regions_and_the_best_are_kept() -> None:
    spots = [(12 * (i % 15) + 20, 12 * (i // 15) + 20, 2, 0.5 + 0.01 * i) for i in range(40)]
    found = propose(_map(*spots), SQUARE, 0.4, 0)
    assert len(found) == MAX_REGIONS
    assert found[0].score == pytest.approx(0.89)
    assert min(p.score for p in found) > 0.7


@pytest.mark.parametrize("size", [(64, 64), (20, 50), (3000, 2000)])
def test_a_region_is_never_lost_between_square_and_frame(size: tuple[int, int]) -> None:
    letterbox = Letterbox.fit(*size, 256)
    x, y, w, h = letterbox.inner
    rng = np.random.default_rng(0)
    for _ in range(30):
        values = np.zeros((256, 256), dtype=np.float32)
        values[y + int(rng.integers(h)), x + int(rng.integers(w))] = 0.9
        (region,) = propose(values, letterbox, 0.5, 0)
        assert region.area >= 1
        assert 0 <= region.x < size[0]
        assert 0 <= region.y < size[1]


@pytest.mark.parametrize("threshold", [0.1, 0.3])
def test_some_region_reaches_a_threshold_exactly_when_the_picture_s_score_does(threshold: float) -> None:
    rng = np.random.default_rng(4)
    letterbox = Letterbox.fit(400, 300, 256)
    for _ in range(40):
        noise = cv2.resize(rng.random((24, 24), dtype=np.float32) ** 6, (256, 256))
        smoothed = smooth(noise * rng.uniform(0.1, 1.0), letterbox, 1.0)
        scores = [p.score for p in propose(smoothed, letterbox, threshold, 0)]
        for decision in np.linspace(threshold, 1, 12):
            assert any(score >= decision for score in scores) == bool(smoothed.max() >= decision)


def test_resampling_to_the_frame_puts_pixel_centres_on_pixel_centres() -> None:
    letterbox = Letterbox.fit(512, 256, 256)
    ramp = np.tile(np.arange(256, dtype=np.float32), (256, 1))
    values = resample(ramp, letterbox, (0, 0, 512, 256))
    assert values[128, 100] == pytest.approx((100 + 0.5) * 0.5 - 0.5, abs=0.02)


def test_a_region_grows_into_its_faint_border_and_faint_noise_is_none() -> None:
    values = np.zeros((64, 64), np.float32)
    values[10:20, 10:30] = 0.4
    values[12:16, 12:16] = 0.9
    values[40:50, 40:50] = 0.4
    letterbox = Letterbox.fit(64, 64, 64)
    alone = propose(values, letterbox, 0.6, 0.0)
    grown = propose(values, letterbox, 0.6, 0.0, grow_share=0.5)
    assert [region.area for region in alone] == [16]
    assert [region.area for region in grown] == [200]
    assert grown[0].score == alone[0].score
