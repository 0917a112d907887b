"""Pictures of good parts in a memory: few and different, and the one most like a frame is found and moved onto it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from iad_unify.geometry import Letterbox
from iad_unify.region_expert import good_parts
from iad_unify.region_expert.good_parts import Chosen, GoodPart, nearest

BOX = Letterbox.fit(256, 192, 256)


def part(shade: int, seed: int = 0, letterbox: Letterbox = BOX) -> GoodPart:
    rng = np.random.default_rng(seed)
    rgb = rng.normal(shade, 4, (letterbox.height, letterbox.width, 3)).clip(0, 255).astype(np.uint8)
    return GoodPart(letterbox.apply(rgb), letterbox)


def shades(parts: list[GoodPart]) -> list[int]:
    return [round(float(one.square[BOX.content()].mean()), -1) for one in parts]


def chosen(*offered: GoodPart) -> list[GoodPart]:
    found = Chosen()
    for one in offered:
        found.offer(one)
    return found.parts


def test_the_good_part_most_like_the_frame_is_found() -> None:
    parts = [part(60), part(120), part(200)]
    found = nearest(parts, part(130, seed=5).square, BOX)
    assert found is not None
    assert abs(float(found[BOX.content()].mean()) - 120) < 2


def test_it_is_moved_onto_the_frame() -> None:
    rng = np.random.default_rng(3)
    blocks: NDArray[np.uint8] = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8).repeat(16, axis=0).repeat(16, axis=1)
    whole = Letterbox.fit(256, 256, 256)
    moved = np.roll(blocks, (3, -2), axis=(0, 1))
    found = nearest([GoodPart(blocks, whole)], moved, whole)
    assert found is not None
    inside = slice(16, -16)
    assert np.abs(found[inside, inside].astype(int) - moved[inside, inside]).mean() < 4
    assert np.abs(blocks[inside, inside].astype(int) - moved[inside, inside]).mean() > 12


def test_a_frame_of_another_size_has_no_good_part() -> None:
    other = Letterbox.fit(100, 200, 256)
    assert nearest([part(60)], part(60, letterbox=other).square, other) is None
    assert nearest([], part(60).square, BOX) is None


def test_of_many_the_different_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(good_parts, "MOST", 3)
    assert shades(chosen(*(part(shade, seed) for seed, shade in enumerate([60, 61, 62, 140, 63, 220, 64])))) == [
        60,
        140,
        220,
    ]


def test_large_pictures_are_fewer_but_one_is_always_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(good_parts, "MOST_BYTES", 2 * part(0).square.nbytes)
    assert len(chosen(part(60), part(120), part(200))) == 2
    monkeypatch.setattr(good_parts, "MOST_BYTES", 1)
    assert shades(chosen(part(60), part(120))) == [60]
