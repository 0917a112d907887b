"""A known defect on another part keeps its look and its type, and leaves the rest of that part alone."""

import numpy as np
import pytest
from numpy.typing import NDArray

from iad_unify.region_expert.squares import Labelled
from iad_unify.region_expert.training.transplant import patched, transplanted

SIDE = 96


def part(grey: int, defect: tuple[slice, slice] | None = None, contrast: int = -40) -> Labelled:
    """A plain part with a little noise; a defect of type 2 is so much darker or lighter."""
    rng = np.random.default_rng(grey)
    rgb = np.clip(grey + rng.normal(0, 1, (SIDE, SIDE, 1)).repeat(3, axis=2), 0, 255).round().astype(np.uint8)
    labels = np.zeros((SIDE, SIDE), np.uint8)
    if defect is not None:
        rgb[defect] = np.clip(rgb[defect].astype(int) + contrast, 0, 255)
        labels[defect] = 2
    return Labelled(rgb, labels, np.ones((SIDE, SIDE), bool))


def moved(good: Labelled, donor: Labelled, count: int = 20) -> list[Labelled]:
    """Those of `count` tries that fit."""
    tries = (transplanted(good, donor, np.random.default_rng(seed)) for seed in range(count))
    return [one for one in tries if one is not None]


def grey_of(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    return float(np.median(picture[mask]))  # its edge is soft


def test_a_defect_takes_the_light_of_its_new_part() -> None:
    donor = part(200, (slice(30, 42), slice(10, 30)))
    for good in (part(90), part(150)):
        found = moved(good, donor)
        assert len(found) == 20
        for one in found:
            mask = one.labels == 2
            assert mask.any()
            assert set(np.unique(one.labels)) == {0, 2}
            assert grey_of(one.rgb, mask) - grey_of(good.rgb, mask) == pytest.approx(-40, abs=4)
            assert one.clean is good.rgb


def test_only_its_surroundings_change_with_it() -> None:
    good, donor = part(120), part(200, (slice(30, 36), slice(10, 16)))
    for one in moved(good, donor):
        rows, columns = np.nonzero((one.rgb != good.rgb).any(axis=2))
        inside_rows, inside_columns = np.nonzero(one.labels)
        assert rows.min() >= inside_rows.min() - 6
        assert columns.max() <= inside_columns.max() + 6


def test_places_and_sizes_vary() -> None:
    found = moved(part(120), part(200, (slice(30, 42), slice(10, 30))))
    assert len({tuple(np.argwhere(one.labels)[0]) for one in found}) > 15
    assert len({int((one.labels > 0).sum()) for one in found}) > 5


def test_what_covers_a_whole_part_stays_there() -> None:
    assert transplanted(part(120), part(200, (slice(0, 90), slice(0, 90))), np.random.default_rng(0)) is None


def test_a_good_picture_has_nothing_to_give() -> None:
    assert transplanted(part(120), part(200), np.random.default_rng(0)) is None


def test_nothing_is_put_onto_the_padding() -> None:
    good = part(120)
    good.content[:, : SIDE // 2] = False
    for one in moved(good, part(200, (slice(30, 42), slice(10, 30)))):
        assert not one.labels[:, : SIDE // 2].any()
        np.testing.assert_array_equal(one.rgb[:, : SIDE // 2], good.rgb[:, : SIDE // 2])


def test_a_piece_of_a_good_part_is_good() -> None:
    good, other = part(120), part(200)
    other.rgb[40:60] = 150  # something to carry over
    shape = part(90, (slice(36, 44), slice(10, 20)))
    one = patched(good, other, shape, np.random.default_rng(1))
    assert one is not None
    assert not one.labels.any()
    assert (one.rgb != good.rgb).any()
    assert patched(good, other, part(90, (slice(0, 40), slice(0, 40))), np.random.default_rng(1)) is None
