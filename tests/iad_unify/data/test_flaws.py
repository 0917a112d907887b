"""Imitated flaws: each shows, mostly, and says where."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from iad_unify.data.edges import edge_point
from iad_unify.data.flaws import FLAWS, SURFACE_FLAWS, Flaw, chip, other_finish, pores, scratch, unevenness

EVERYWHERE = np.ones((192, 256), dtype=bool)


def _part(seed: int) -> NDArray[np.uint8]:
    """A bright, grained part before a dark background, with streaks."""
    rng = np.random.default_rng(seed)
    picture = np.full((192, 256, 3), 30, np.uint8)
    picture[20:172, 40:220] = rng.integers(110, 170, (1, 180, 1), dtype=np.uint8)
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("flaw", [*FLAWS, *SURFACE_FLAWS], ids=lambda flaw: str(flaw.__name__))
@pytest.mark.parametrize("plain", [False, True], ids=["part", "plain"])
def test_a_flaw_keeps_the_picture_beside_its_mask_and_shows_inside(flaw: Flaw, plain: bool) -> None:
    visible = 0
    for seed in range(24):
        picture = np.full((192, 256, 3), 120, np.uint8) if plain else _part(seed)
        before = picture.copy()
        changed, mask = flaw(picture, _part(seed + 100), EVERYWHERE, np.random.default_rng(seed))
        assert (picture == before).all()
        assert changed.shape == picture.shape
        assert changed.dtype == np.uint8
        assert mask.shape == picture.shape[:2]
        assert mask.dtype == bool
        difference = cv2.absdiff(picture, changed).max(axis=2)
        visible += bool(mask.any() and difference[mask].mean() > 5)
        far = cv2.dilate(mask.astype(np.uint8), np.ones((41, 41), np.uint8)) == 0
        assert difference[far].mean() < 6 if far.any() else True
    assert visible >= 12 or (plain and flaw.__name__ in {"fray", "warp"})  # nothing to tear or to move


@pytest.mark.parametrize("flaw", [*FLAWS, *SURFACE_FLAWS], ids=lambda flaw: str(flaw.__name__))
def test_a_flaw_lies_where_the_part_is_shown_and_depends_on_the_seed_alone(flaw: Flaw) -> None:
    nowhere = np.zeros_like(EVERYWHERE)
    flaw(_part(0), _part(1), nowhere, np.random.default_rng(0))  # no part at all is no error
    first, second = (flaw(_part(0), _part(1), EVERYWHERE, np.random.default_rng(7)) for _ in range(2))
    assert (first[0] == second[0]).all()
    assert (first[1] == second[1]).all()


def test_an_edge_is_that_of_the_part_and_points_out_of_it() -> None:
    for seed in range(20):
        edge = edge_point(_part(seed), EVERYWHERE, np.random.default_rng(seed))
        x, y = edge.at
        assert min(abs(x - 40), abs(x - 219), abs(y - 20), abs(y - 171)) < 6
        assert edge.background.max() < 45
        out = edge.at + 10 * np.array([np.cos(edge.angle), np.sin(edge.angle)])
        assert not edge.part[int(out[1]), int(out[0])]


def test_a_part_that_fills_the_frame_ends_at_its_border() -> None:
    edge = edge_point(np.full((192, 256, 3), 120, np.uint8), EVERYWHERE, np.random.default_rng(0))
    assert edge.part.all()
    assert edge.at[0] in {0, 255} or edge.at[1] in {0, 191}


def test_a_chip_shows_the_background() -> None:
    shades = []
    for seed in range(20):
        changed, mask = chip(_part(seed), _part(1), EVERYWHERE, np.random.default_rng(seed))
        shades.append(float(np.median(changed[mask])))
    assert np.median(shades) < 70


def test_scratches_are_thin_and_unevenness_is_wide() -> None:
    thin, wide = (
        [
            np.count_nonzero(flaw(_part(seed), _part(1), EVERYWHERE, np.random.default_rng(seed))[1])
            for seed in range(20)
        ]
        for flaw in (scratch, unevenness)
    )
    assert np.median(thin) < 600
    assert np.median(wide) > 4000


def test_pores_are_small_and_dark() -> None:
    for seed in range(20):
        picture = _part(seed)
        changed, mask = pores(picture, picture, EVERYWHERE, np.random.default_rng(seed))
        assert 0 < np.count_nonzero(mask) < 1500
        assert np.median(changed[mask].astype(int) - picture[mask]) < 0


def test_another_finish_is_a_band_that_reaches_the_border() -> None:
    for seed in range(20):
        _, mask = other_finish(_part(seed), _part(1), EVERYWHERE, np.random.default_rng(seed))
        borders = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
        assert any(border.any() for border in borders)
        assert np.count_nonzero(mask) > 1000
