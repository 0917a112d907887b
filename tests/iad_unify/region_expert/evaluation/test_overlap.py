"""AUPRO against brute force: every distinct score tried as a threshold, regions found by flood fill."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from iad_unify.region_expert.evaluation import metrics, overlap

Mask = NDArray[np.bool_]


def _regions(truth: Mask) -> list[Mask]:
    """8-connected regions, one growing at a time."""
    left, found = truth.copy(), []
    while left.any():
        region = np.zeros_like(left)
        region[tuple(np.argwhere(left)[0])] = True
        while True:
            padded = np.pad(region, 1)
            height, width = region.shape
            near = np.any([padded[y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=0) & left
            if (near == region).all():
                break
            region = near
        found.append(region)
        left &= ~region
    return found


def _brute_aupro(maps: list[NDArray[np.float32]], truths: list[Mask], limit: float) -> float:
    regions = [(values, region) for values, truth in zip(maps, truths, strict=True) for region in _regions(truth)]
    good = sum(int((~truth).sum()) for truth in truths)
    corners = [(0.0, 0.0)]
    for threshold in sorted({float(value) for values in maps for value in values.ravel()}, reverse=True):
        alarms = sum(int((values[~truth] >= threshold).sum()) for values, truth in zip(maps, truths, strict=True))
        shares = [float((values[region] >= threshold).mean()) for values, region in regions]
        corners.append((alarms / good, float(np.mean(shares))))
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(corners):
        end = min(x1, limit)
        if x1 > x0 and end > x0:
            area += (end - x0) * (y0 + (y0 + (y1 - y0) * (end - x0) / (x1 - x0))) / 2
    return area / limit


def _drawn(seed: int, levels: int) -> tuple[list[NDArray[np.float32]], list[Mask]]:
    """Small maps of several sizes with ties: two regions that touch by a corner, scattered pixels, one empty truth."""
    rng = np.random.default_rng(seed)
    truths = [np.zeros((9, 12), dtype=bool), rng.random((10, 7)) < 0.2, np.zeros((8, 8), dtype=bool)]
    truths[0][1:3, 1:4] = truths[0][3:5, 4:6] = truths[0][7:, 9:] = True
    maps = [np.floor((rng.random(t.shape) + 0.5 * t) * levels).astype(np.float32) / levels for t in truths]
    return maps, truths


@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("levels", [2, 12, 100_000])
@pytest.mark.parametrize("seed", range(5))
def test_aupro_agrees_with_brute_force(seed: int, levels: int, limit: float) -> None:
    maps, truths = _drawn(seed, levels)
    assert overlap.aupro(maps, truths, limit) == pytest.approx(_brute_aupro(maps, truths, limit), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_a_histogram_with_a_bin_for_each_score_gives_the_same_aupro(seed: int) -> None:
    maps, truths = _drawn(seed, 12)
    counts, regions = np.zeros((3, 40)), 0
    for values, truth in zip(maps, truths, strict=True):
        shares, count = overlap.region_shares(truth)
        regions += count
        low, high = (np.round(values[mask] * 12).astype(int) for mask in (~truth, truth))
        counts += [np.bincount(low, minlength=40), np.bincount(high, minlength=40), np.bincount(high, shares, 40)]
    binned = metrics.histogram_curve(counts[1], counts[0], counts[2] / regions)
    for limit in (0.05, 0.3):
        assert metrics.aupro(binned, limit) == pytest.approx(overlap.aupro(maps, truths, limit), abs=1e-12)


def test_regions_that_touch_by_a_corner_are_one() -> None:
    truth = np.zeros((6, 6), dtype=bool)
    truth[0, 0] = truth[1, 1] = truth[2, 0] = truth[5, 5] = True
    shares, count = overlap.region_shares(truth)
    assert count == 2
    assert shares.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1])


def test_every_region_weighs_the_same_however_large() -> None:
    truth = np.zeros((40, 40), dtype=bool)
    truth[:20, :20] = truth[30, 30] = True
    found = truth.copy()
    found[30, 30] = False  # of 401 true pixels one is missed: half of the regions
    assert overlap.aupro([found.astype(np.float32)], [truth], 0.3) == pytest.approx(0.5 + 0.5 * 0.15, abs=1e-3)


def test_a_perfect_map_has_an_aupro_of_one_and_a_constant_one_half_the_limit() -> None:
    _, truths = _drawn(0, 2)
    assert overlap.aupro([truth.astype(np.float32) for truth in truths], truths, 0.05) == pytest.approx(1)
    for limit in (0.3, 0.05):
        constant = [np.full(truth.shape, 0.4, dtype=np.float32) for truth in truths]
        assert overlap.aupro(constant, truths, limit) == pytest.approx(limit / 2)


def test_a_constant_map_has_the_prevalence_as_its_average_precision() -> None:
    _, truths = _drawn(1, 2)
    judged = [overlap.Judged(np.full(truth.shape, 0.4, dtype=np.float32), truth) for truth in truths]
    points = overlap.pool(judged, 1000)
    share = sum(truth.sum() for truth in truths) / sum(truth.size for truth in truths)
    assert metrics.average_precision(points) == pytest.approx(share)
    assert metrics.auroc(points) == pytest.approx(0.5)


def test_pixels_left_out_count_neither_way() -> None:
    maps, truths = _drawn(2, 12)
    left_out = np.zeros(truths[0].shape, dtype=bool)
    left_out[:, 6:] = True
    cut = overlap.pool([overlap.Judged(maps[0], truths[0], left_out)], 1000)
    alone = overlap.pool([overlap.Judged(maps[0][:, :6], truths[0][:, :6])], 1000)
    for ours, theirs in zip(
        (metrics.auroc(cut), metrics.average_precision(cut), metrics.aupro(cut, 0.3)),
        (metrics.auroc(alone), metrics.average_precision(alone), metrics.aupro(alone, 0.3)),
        strict=True,
    ):
        assert ours == theirs


def test_without_regions_or_good_pixels_there_is_no_aupro() -> None:
    empty = np.zeros((4, 4), dtype=bool)
    assert np.isnan(overlap.aupro([np.ones((4, 4), dtype=np.float32)], [empty]))
    assert np.isnan(overlap.aupro([np.ones((4, 4), dtype=np.float32)], [~empty]))
    assert np.isnan(overlap.aupro([], []))


@pytest.mark.parametrize("limit", [0, -0.1, 1.1])
def test_a_limit_that_is_no_rate_is_refused(limit: float) -> None:
    maps, truths = _drawn(0, 3)
    with pytest.raises(ValueError, match="false-positive rate"):
        overlap.aupro(maps, truths, limit)


def test_the_caller_s_maps_stay_as_they_were() -> None:
    maps, truths = _drawn(0, 100)
    before = [values.copy() for values in maps]
    overlap.aupro(maps, truths)
    for old, new in zip(before, maps, strict=True):
        np.testing.assert_array_equal(old, new)
