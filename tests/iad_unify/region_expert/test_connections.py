"""What a region severs and joins is counted in two tones, whatever the width of the track."""

import numpy as np
import pytest
from numpy.typing import NDArray

from iad_unify.region_expert.connections import CONNECTION_NUMBERS, changes

SIDE = 96
Picture = NDArray[np.uint8]
#: Of what `changes` returns: the light areas' numbers, and then the dark ones'.
SPLIT, JOINED, APPEARED, VANISHED = range(4)
DARK, BALANCE = 4, 8


def board(width: int) -> Picture:
    """Two dark tracks on light ground, 12 pixels apart."""
    out = np.full((SIDE, SIDE, 3), 220, np.uint8)
    out[42 - width : 42] = out[54 : 54 + width] = 30
    return out


def changed(width: int, value: int, rows: slice, columns: slice = slice(40, 46)) -> NDArray[np.float32]:
    """The numbers of a region that takes one tone."""
    template = board(width)
    picture = template.copy()
    picture[rows, columns] = value
    return changes(picture, template, (picture != template).any(axis=2))


@pytest.mark.parametrize("width", [4, 12, 24])
def test_a_severed_track_is_split_and_a_bitten_one_is_not(width: int) -> None:
    severed = changed(width, 220, slice(42 - width, 42))
    assert severed[DARK + SPLIT] > 0
    assert severed[JOINED] > 0
    bitten = changed(width, 220, slice(42 - width // 2, 42))
    assert not bitten[:BALANCE].any()
    assert severed[BALANCE] == bitten[BALANCE] == 1


def test_a_cut_that_stops_a_pixel_short_of_the_edge_severs_and_one_that_stops_farther_does_not() -> None:
    almost = changed(12, 220, slice(31, 42))
    assert almost[DARK + SPLIT] > 0.5
    assert almost[JOINED] > 0
    assert not changed(12, 220, slice(33, 42))[:BALANCE].any()
    nearly_a_bridge = changed(12, 30, slice(42, 53))
    assert nearly_a_bridge[DARK + JOINED] > 0.5
    assert not changed(12, 30, slice(42, 51))[:BALANCE].any()


@pytest.mark.parametrize("width", [4, 12, 24])
def test_a_bridge_joins_and_a_spur_does_not(width: int) -> None:
    bridge = changed(width, 30, slice(42, 54))
    assert bridge[DARK + JOINED] > 0
    assert bridge[SPLIT] > 0
    spur = changed(width, 30, slice(42, 48))
    assert not spur[:BALANCE].any()
    assert bridge[BALANCE] == spur[BALANCE] == -1


def test_a_hole_and_a_speck_of_copper_appear() -> None:
    hole = changed(24, 220, slice(28, 34))
    assert hole[APPEARED] == pytest.approx(0.22 * np.log1p(8 * 8), rel=1e-5)  # 6 by 6, and a pixel farther
    assert not np.delete(hole, [APPEARED, BALANCE]).any()
    speck = changed(12, 30, slice(45, 51))
    assert speck[DARK + APPEARED] == hole[APPEARED]


def test_what_vanishes_is_told() -> None:
    template = board(4)
    template[10:16, 40:46] = 30
    found = changes(board(4), template, (template != board(4)).any(axis=2))
    assert found[DARK + VANISHED] > 0
    assert not np.delete(found, [DARK + VANISHED, BALANCE]).any()


def test_a_cut_off_corner_counts_by_its_size() -> None:
    """Of what a gap splits off, the smaller part is counted: a sliver weighs less than half of a track."""
    sliver = changed(24, 220, slice(30, 42), slice(40, 41))
    assert not sliver[DARK + SPLIT]
    template = board(24)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    template[:, 60:] = 220  # the tracks end here
    sizes = []
    for across in (6, 14):
        line = np.abs((42 - rows) + (60 - columns) - across) <= 1
        picture = template.copy()
        picture[line & (rows < 42) & (template[..., 0] == 30)] = 220
        sizes.append(changes(picture, template, (picture != template).any(axis=2))[DARK + SPLIT])
    assert 0 < sizes[0] < sizes[1]


def test_a_region_at_the_border_of_a_plain_picture_says_nothing() -> None:
    plain = np.full((SIDE, SIDE, 3), 128, np.uint8)
    mask = np.zeros((SIDE, SIDE), bool)
    mask[0, 0] = mask[-1, -1] = True
    np.testing.assert_array_equal(changes(plain, plain, mask), np.zeros(CONNECTION_NUMBERS, np.float32))
