"""Normal memory: built from good pictures, it scores what they never showed, and is refused by another model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from iad_unify.geometry import Letterbox
from iad_unify.region_expert import coreset, memory
from iad_unify.region_expert.config import ExpertConfig
from iad_unify.region_expert.memory import Memory
from iad_unify.region_expert.model import RegionExpert
from iad_unify.region_expert.reference import CalibrateAgain

#: A frame that is not square, so that the square has padding: content is columns 64..192.
TALL = Letterbox.fit(100, 200, 256)


def _square(seed: int, spot: bool = False) -> tuple[NDArray[np.uint8], Letterbox]:
    rng = np.random.default_rng(seed)
    rgb = rng.normal(140, 6, (200, 100, 3)).clip(0, 255).astype(np.uint8)
    if spot:
        rgb[90:110, 40:60] = 20
    return TALL.apply(rgb), TALL


def _map(kept: Memory, expert: RegionExpert, square: NDArray[np.uint8]) -> NDArray[np.float32]:
    return kept.score(expert.patches_of(square[None])[0], TALL)


@pytest.fixture(scope="module")
def kept(expert: RegionExpert) -> Memory:
    return memory.build(expert, [_square(seed) for seed in range(8)], "abc", size=64)


def test_what_good_parts_never_showed_scores_highest_and_where_it_is(kept: Memory, expert: RegionExpert) -> None:
    scores = _map(kept, expert, _square(100, spot=True)[0])
    y, x = np.unravel_index(scores.argmax(), scores.shape)
    left, top, right, bottom = TALL.box_to_square(40, 90, 60, 110)
    assert left - 8 <= x <= right + 8
    assert top - 8 <= y <= bottom + 8
    assert scores.max() > 0.9
    assert _map(kept, expert, _square(101)[0]).max() < 0.5


def test_a_map_is_a_float32_square_of_probabilities_and_zero_on_the_padding(kept: Memory, expert: RegionExpert) -> None:
    scores = _map(kept, expert, _square(100, spot=True)[0])
    assert (scores.shape, scores.dtype) == ((256, 256), np.float32)
    assert 0 <= scores.min() <= scores.max() <= 1
    x, _, width, _ = TALL.inner
    assert not scores[:, :x].any()
    assert not scores[:, x + width :].any()
    assert scores[:, x : x + width].all()


def test_what_lies_on_the_padding_changes_no_score(kept: Memory, expert: RegionExpert) -> None:
    found = expert.patches_of(_square(100)[0][None])[0]
    x, _, width, _ = TALL.inner
    painted = found.clone()
    painted[:, :, : x // 8] = 1e3
    painted[:, :, (x + width) // 8 :] = -1e3
    np.testing.assert_array_equal(kept.score(found, TALL), kept.score(painted, TALL))


def test_the_padding_is_not_remembered(expert: RegionExpert) -> None:
    letterbox = Letterbox.fit(256, 64, 256)
    found = memory._content(expert, letterbox.apply(np.full((64, 256, 3), 90, np.uint8)), letterbox, flips=False)
    assert found.shape[1] == 8 * 32


@pytest.mark.parametrize(("width", "height"), [(2560, 10), (10, 2560), (256, 256), (113, 300)])
def test_every_shape_of_frame_has_patches(kept: Memory, expert: RegionExpert, width: int, height: int) -> None:
    letterbox = Letterbox.fit(width, height, 256)
    square = letterbox.apply(np.full((height, width, 3), 120, np.uint8))
    scores = kept.score(expert.patches_of(square[None])[0], letterbox)
    x, y, w, h = letterbox.inner
    assert np.isfinite(scores).all()
    assert scores[y : y + h, x : x + w].all()


def test_equal_pictures_and_seed_give_equal_files(expert: RegionExpert, kept: Memory, tmp_path: Path) -> None:
    again = memory.build(expert, (_square(seed) for seed in range(8)), "abc", size=64)
    other = memory.build(expert, (_square(seed) for seed in range(8)), "abc", size=64, seed=1)
    assert kept.save(tmp_path / "a") == again.save(tmp_path / "b") == kept.id
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert other.id != kept.id


def test_a_loaded_memory_scores_as_before(kept: Memory, expert: RegionExpert, tmp_path: Path) -> None:
    name = kept.save(tmp_path / "memory.safetensors")
    loaded = memory.load(tmp_path / "memory.safetensors", "abc")
    assert (loaded.id, loaded.origin) == (name, kept.origin)
    square = _square(100, spot=True)[0]
    np.testing.assert_array_equal(_map(loaded, expert, square), _map(kept, expert, square))
    assert [path.name for path in tmp_path.iterdir()] == ["memory.safetensors"]


def test_a_loaded_memory_knows_the_good_parts_and_one_from_before_knows_none(kept: Memory, tmp_path: Path) -> None:
    kept.save(tmp_path / "new")
    for one, own in zip(memory.load(tmp_path / "new", "abc").good_parts, kept.good_parts, strict=True):
        np.testing.assert_array_equal(one.square, own.square)
        assert one.letterbox == own.letterbox == TALL
    assert len(kept.good_parts) == 8
    replace(kept, good_parts=()).save(tmp_path / "old")
    assert memory.load(tmp_path / "old", "abc").good_parts == ()


def test_a_memory_of_another_model_is_refused_with_the_mend(kept: Memory, tmp_path: Path) -> None:
    kept.save(tmp_path / "memory")
    with pytest.raises(CalibrateAgain, match=r"a normal memory of model abc, and def is loaded; calibrate again"):
        memory.load(tmp_path / "memory", "def")


def test_patches_of_another_kind_are_refused(kept: Memory) -> None:
    with pytest.raises(ValueError, match="7 channels"):
        kept.score(torch.zeros(7, 32, 32), TALL)


def test_too_few_good_parts_are_refused(expert: RegionExpert) -> None:
    with pytest.raises(ValueError, match="3 good parts; at least 4"):
        memory.build(expert, [_square(seed) for seed in range(3)], "abc")
    with pytest.raises(ValueError, match="1 good parts"):
        memory.build(expert, [_square(seed) for seed in range(6)], "abc", owners=[0] * 6)
    with pytest.raises(ValueError, match="2 owners of 6"):
        memory.build(expert, [_square(seed) for seed in range(6)], "abc", owners=[0, 1])


def test_pictures_of_one_part_do_not_vouch_for_each_other(expert: RegionExpert) -> None:
    """Each part is there twice: told so, the memory knows that another part lies farther away."""
    pictures = [_square(number // 2) for number in range(10)]
    blind = memory.build(expert, pictures, "abc", size=256)
    told = memory.build(expert, pictures, "abc", size=256, owners=[number // 2 for number in range(10)])
    torch.testing.assert_close(blind.items, told.items)
    assert told.centre - 2 * told.spread >= blind.centre - 2 * blind.spread


def test_a_mirrored_part_is_known_to_a_memory_with_flips(expert: RegionExpert) -> None:
    ramp = np.linspace(60, 200, 100).astype(np.uint8)[None, :, None].repeat(200, 0).repeat(3, 2)
    squares = [(TALL.apply(np.clip(ramp + seed, 0, 255).astype(np.uint8)), TALL) for seed in range(5)]
    mirrored = np.flip(squares[2][0], 1)
    distances = []
    for flips in (False, True):
        kept = memory.build(expert, squares, "abc", flips=flips, size=1024)
        found = expert.patches_of(mirrored[None])[0]
        distances.append(coreset.nearest_distance(found.flatten(1).T, kept.items).mean())
    assert distances[1] < 0.6 * distances[0]


def test_a_pretrained_backbone_gives_unit_patches_of_all_its_layers() -> None:
    torch.manual_seed(0)
    config = replace(ExpertConfig(widths=(8, 16, 16, 16)), name="small")
    model = RegionExpert(config).eval()
    found = model.patches_of(_square(0)[0][None])
    assert found.shape == (1, 2 * 48, 16, 16)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(1, 16, 16))


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_a_look_gives_the_patches_of_the_picture_alone_whatever_template_it_came_with(name: str) -> None:
    torch.manual_seed(0)
    config = replace(ExpertConfig(widths=(8, 16, 16, 16), template=True), name=name)
    model = RegionExpert(config).eval()
    square, template = _square(0)[0][None], _square(1)[0][None]
    expected = model.patches_of(square)
    plain, beside = model.look(square, patches=True), model.look(square, template, patches=True)
    assert not torch.allclose(plain.logits, beside.logits)
    for looked in (plain, beside):
        torch.testing.assert_close(looked.patches, expected, atol=1e-5, rtol=1e-5)
    unasked = model.look(square, template)
    assert unasked.patches is None
    torch.testing.assert_close(unasked.logits, beside.logits)


def test_chosen_rows_cover_every_cluster() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(6, 64, generator=generator) * 10
    rows = (centres[:, None] + torch.randn(6, 50, 64, generator=generator) * 0.1).flatten(0, 1)
    chosen = coreset.k_centres(rows, 6, generator)
    assert sorted((chosen // 50).tolist()) == list(range(6))


def test_no_row_is_chosen_twice_even_among_equal_ones() -> None:
    generator = torch.Generator().manual_seed(0)
    assert sorted(coreset.k_centres(torch.ones(9, 3), 20, generator).tolist()) == list(range(9))
    with pytest.raises(ValueError, match="nothing"):
        coreset.k_centres(torch.ones(0, 3), 2, generator)


def test_the_nearest_distance_is_that_of_all_pairs() -> None:
    generator = torch.Generator().manual_seed(0)
    rows, items = torch.randn(5000, 7, generator=generator), torch.randn(30, 7, generator=generator)
    expected = torch.cdist(rows, items)
    torch.testing.assert_close(coreset.nearest_distance(rows, items), expected.amin(1), atol=1e-4, rtol=1e-4)
    out = torch.arange(30) < 20
    torch.testing.assert_close(
        coreset.nearest_distance(rows, items, out), expected[:, 20:].amin(1), atol=1e-4, rtol=1e-4
    )


def test_a_fused_map_rises_with_either_and_lies_between_both() -> None:
    p, q = (plane.astype(np.float32) for plane in np.meshgrid(np.linspace(0, 1, 11), np.linspace(0, 1, 11)))
    fused = memory.fuse(p, q)
    assert fused.dtype == np.float32
    assert (np.diff(fused[1:-1], axis=1) >= 0).all()
    assert (np.diff(fused[:, 1:-1], axis=0) >= 0).all()
    assert (fused >= np.minimum(p, q) - 1e-6).all()
    assert (fused <= np.maximum(p, q) + 1e-6).all()
    np.testing.assert_allclose(np.diag(fused), np.linspace(0, 1, 11), atol=1e-6)
