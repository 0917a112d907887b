"""Squares larger than the network's input: tiles that cover them, one map without seams, and what smaller defects gain."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from iad_unify import resources
from iad_unify.checkpoint import read_card
from iad_unify.geometry import Letterbox
from iad_unify.procedural import draw
from iad_unify.region_expert import inspection, memory, model, tiling
from iad_unify.region_expert.config import HEADS, ExpertConfig

SMALL = ExpertConfig(size=64, widths=(8, 16, 16, 16), trained_heads=HEADS)


@pytest.fixture(scope="module")
def small() -> model.RegionExpert:
    """An untrained expert whose input is a quarter of the usual one."""
    torch.manual_seed(0)
    return model.RegionExpert(SMALL).eval()


@pytest.fixture(scope="module")
def shipped() -> model.RegionExpert:
    return model.load(resources.weights("region_expert"))


def pictures(count: int, side: int, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return np.stack([draw("metal_tile", rng, size=side).image for _ in range(count)])


@pytest.mark.parametrize(("whole", "side"), [(256, 64), (320, 256), (1024, 256), (2048, 640), (96, 64), (64, 64)])
def test_tiles_cover_the_square_on_the_network_s_grid_and_overlap_by_a_quarter(whole: int, side: int) -> None:
    starts = sorted({tile.x for tile in tiling.tiles(whole, side)})
    assert starts[0] == 0
    assert starts[-1] == whole - side
    assert all(start % 32 == 0 for start in starts)
    assert all(after - before <= 0.75 * side for before, after in pairwise(starts))
    assert len(tiling.tiles(whole, side)) == len(starts) ** 2


def test_a_square_of_the_expert_s_own_side_is_answered_bit_for_bit_as_without_tiles(small: model.RegionExpert) -> None:
    squares = pictures(2, 64)
    found, whole = tiling.look(small, squares), small.look(squares)
    assert torch.equal(found.logits, whole.logits)
    assert torch.equal(found.features, whole.features)


def test_a_smaller_square_is_refused(small: model.RegionExpert) -> None:
    with pytest.raises(ValueError, match=r"32 pixels is smaller than the expert's input of 64"):
        tiling.look(small, np.zeros((1, 32, 32, 3), np.uint8))


@pytest.mark.parametrize("whole", [100, 84])
def test_a_square_between_the_steps_of_the_grid_is_refused(whole: int) -> None:
    with pytest.raises(tiling.UnfitSquare, match="not a multiple of 32"):
        tiling.tiles(whole, 64)


@pytest.mark.parametrize("scale", [1, 4, 8])
def test_maps_that_agree_are_put_together_unchanged(scale: int) -> None:
    whole = np.random.default_rng(0).random((2, 192, 192), np.float32)
    canvas = tiling.Canvas(2, 192, 64)
    for some in tiling.batches(2, tiling.tiles(192, 64)):
        tiles = torch.from_numpy(tiling.cut(whole, some, 64))[:, None]
        canvas.add(some, torch.nn.functional.avg_pool2d(tiles, scale))
    expected = torch.nn.functional.avg_pool2d(torch.from_numpy(whole)[:, None], scale)
    torch.testing.assert_close(canvas.blended(), expected)


def test_a_batch_of_tiled_squares_is_what_each_is_alone(small: model.RegionExpert) -> None:
    squares = pictures(3, 160)
    together = tiling.look(small, squares, patches=True)
    assert together.patches is not None
    assert together.logits.shape == (3, 160, 160)
    assert together.features.shape == (3, SMALL.token_dim, 40, 40)
    assert together.patches.shape[:2] == (3, len(tiling.tiles(160, 64)))
    torch.testing.assert_close(tiling.patches_of(small, squares), together.patches, atol=1e-4, rtol=1e-4)
    corner = small.patches_of(squares[1:2, -64:, -64:])[0]  # the last tile
    torch.testing.assert_close(together.patches[1, -1], corner, atol=1e-4, rtol=1e-4)
    for row in range(3):
        alone = tiling.look(small, squares[row : row + 1])
        torch.testing.assert_close(alone.logits[0], together.logits[row], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(alone.features[0], together.features[row], atol=1e-4, rtol=1e-4)


def test_where_only_one_tile_looks_the_map_is_that_tile_s_own() -> None:
    torch.manual_seed(0)
    expert = model.RegionExpert(replace(SMALL, size=128)).eval()
    squares = pictures(1, 320)
    found = tiling.look(expert, squares).logits[0]
    assert sorted({tile.x for tile in tiling.tiles(320, 128)}) == [0, 96, 192]
    middle = expert.look(squares[:, 96:224, 96:224]).logits[0]
    torch.testing.assert_close(found[128:192, 128:192], middle[32:96, 32:96], atol=1e-5, rtol=1e-5)


def test_no_seam_shows_where_tiles_begin_and_end(shipped: model.RegionExpert) -> None:
    """Columns on either side of a tile's border differ no more than any other two."""
    features = tiling.look(shipped, pictures(1, 640, seed=3)).features[0]
    steps = (features[..., 1:] - features[..., :-1]).abs().mean(dim=(0, 1))  # between neighbouring columns
    starts = sorted({tile.x // 4 for tile in tiling.tiles(640, 256)})
    borders = sorted({at - 1 for at in starts[1:]} | {at + 64 - 1 for at in starts[:-1]})
    assert steps[borders].mean() < 1.25 * steps.mean()


def test_templates_are_cut_with_their_pictures() -> None:
    torch.manual_seed(0)
    expert = model.RegionExpert(replace(SMALL, template=True)).eval()
    squares, templates = pictures(2, 128), pictures(2, 128, seed=9)
    found = tiling.look(expert, squares, templates)
    corner = expert.look(squares[:, :64, :64], templates[:, :64, :64])
    torch.testing.assert_close(found.logits[:, :32, :32], corner.logits[:, :32, :32], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(found.logits, tiling.look(expert, squares).logits)


def test_a_tile_shows_its_part_of_the_frame_and_none_where_there_is_only_padding() -> None:
    letterbox = Letterbox.fit(100, 400, 256)  # content is columns 96..160
    assert tiling.part(letterbox, tiling.Tile(0, 0), 64) is None
    whole = tiling.part(letterbox, tiling.Tile(32, 64), 64)
    assert whole is not None
    assert whole.inner == (32, 0, 32, 64)
    assert tiling.part(letterbox, tiling.Tile(0, 160), 64) is None


@pytest.mark.parametrize(("product", "kind", "seed"), [("metal_tile", "scratch", 1), ("fabric", "hole", 3)])
def test_a_small_defect_in_a_large_frame_is_missed_at_256_and_found_at_1024(
    shipped: model.RegionExpert, product: str, kind: str, seed: int
) -> None:
    good, bad = (
        draw(product, np.random.default_rng(seed), size=256, defect_types=types).image for types in ((), (kind,))
    )
    frame = np.tile(good, (4, 4, 1))
    frame[512:768, 256:512] = bad
    threshold = read_card(resources.weights("region_expert")).default_threshold
    assert threshold is not None
    hits = {}
    for side in (256, 1024):
        letterbox = Letterbox.fit(1024, 1024, side)
        found = inspection.inspect(shipped, letterbox.apply(frame)[None], [letterbox], [threshold], [0.0])[0]
        hits[side] = [box for box in (one.box for one in found.proposals) if 256 <= box[0] < 512 <= box[1] < 768]
    assert not hits[256]
    assert hits[1024]


def test_a_memory_finds_on_tiles_what_good_parts_never_showed(small: model.RegionExpert) -> None:
    letterbox = Letterbox.fit(90, 180, 160)

    def square(seed: int) -> NDArray[np.uint8]:
        return letterbox.apply(np.random.default_rng(seed).normal(140, 6, (180, 90, 3)).clip(0, 255).astype(np.uint8))

    kept = memory.build(small, [(square(seed), letterbox) for seed in range(8)], "abc", size=64)
    assert kept.origin.size == 160
    bad = square(100)
    bad[100:110, 70:80] = 20
    seen = tiling.patches_of(small, np.stack([square(101), bad]))
    good_map, bad_map = memory.maps([kept, kept], seen, small.config.size, [letterbox] * 2)
    y, x = np.unravel_index(bad_map.argmax(), bad_map.shape)
    assert 92 <= y < 118
    assert 62 <= x < 88
    assert bad_map.max() > 0.9
    assert good_map.max() < 0.5
    left, _, width, _ = letterbox.inner
    assert not bad_map[:, :left].any()
    assert bad_map[:, left : left + width].all()


def test_squares_of_different_sides_make_no_memory(small: model.RegionExpert) -> None:
    boxes = [Letterbox.fit(64, 64, side) for side in (64, 64, 64, 96)]
    with pytest.raises(ValueError, match="2 different sides"):
        memory.build(small, [(box.place(np.zeros((64, 64, 3), np.uint8)), box) for box in boxes], "abc")
