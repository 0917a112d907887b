"""Golden template without training: what is not on it scores high, what merely moved or was lit otherwise does not."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from iad_unify import resources
from iad_unify.geometry import Letterbox
from iad_unify.procedural import draw
from iad_unify.region_expert import golden, memory, model
from iad_unify.region_expert.golden import Golden
from iad_unify.region_expert.reference import CalibrateAgain

BOX = Letterbox.fit(256, 192, 256)
BOARD = draw("circuit_board", np.random.default_rng(1), size=256).image[:192]


@pytest.fixture(scope="module")
def shipped() -> model.RegionExpert:
    return model.load(resources.weights("region_expert"))


def taken(seed: int, *, defect: bool = False, letterbox: Letterbox = BOX) -> NDArray[np.uint8]:
    """The board as a camera takes it: moved by up to two pixels, in slightly other light, with noise."""
    rng = np.random.default_rng(seed)
    board = BOARD.copy()
    if defect:
        board[80:92, 140:152] = (230, 40, 200)
    moved = np.roll(board, rng.integers(-2, 3, 2), axis=(0, 1))
    lit = (moved * rng.uniform(0.97, 1.03) + rng.normal(0, 3, board.shape)).clip(0, 255).astype(np.uint8)
    return letterbox.apply(np.ascontiguousarray(lit))


@pytest.fixture(scope="module")
def kept(shipped: model.RegionExpert) -> Golden:
    pictures = [(taken(seed), BOX) for seed in range(1, 9)]
    return golden.build(shipped, (taken(0), BOX), pictures, "abc")


def scored(kept: Golden, expert: model.RegionExpert, square: NDArray[np.uint8]) -> NDArray[np.float32]:
    shown = kept.aligned(square, kept.letterbox)
    return kept.score(golden.distances(expert, square[None], shown[None], [kept.letterbox])[0])


def test_what_is_not_on_the_template_scores_highest_and_where_it_is(kept: Golden, shipped: model.RegionExpert) -> None:
    found = scored(kept, shipped, taken(100, defect=True))
    assert (found.shape, found.dtype) == ((256, 256), np.float32)
    assert found.max() > 0.9
    y, x = np.unravel_index(found.argmax(), found.shape)
    left, top, right, bottom = BOX.box_to_square(140, 80, 152, 92)
    assert left - 6 <= x <= right + 6
    assert top - 6 <= y <= bottom + 6
    assert not found[: BOX.inner[1]].any()


def test_a_board_that_merely_moved_and_was_lit_otherwise_is_good(kept: Golden, shipped: model.RegionExpert) -> None:
    highest = [float(scored(kept, shipped, taken(seed)).max()) for seed in range(101, 107)]
    assert np.median(highest) < 0.5
    assert max(highest) < 0.8


def test_larger_squares_are_compared_in_tiles(shipped: model.RegionExpert) -> None:
    large = Letterbox.fit(256, 192, 320)
    kept = golden.build(
        shipped,
        (taken(0, letterbox=large), large),
        [(taken(seed, letterbox=large), large) for seed in range(1, 6)],
        "abc",
    )
    bad, good = (scored(kept, shipped, taken(100, defect=one, letterbox=large)) for one in (True, False))
    assert bad.shape == (320, 320)
    assert bad.max() > 0.9
    assert good.max() < 0.5


def test_a_loaded_template_is_the_one_that_was_saved(kept: Golden, shipped: model.RegionExpert, tmp_path: Path) -> None:
    name = kept.save(tmp_path / "template")
    loaded = golden.load(tmp_path / "template", "abc")
    assert loaded.id == name == kept.id
    assert (loaded.letterbox, loaded.origin, loaded.centre) == (kept.letterbox, kept.origin, kept.centre)
    np.testing.assert_array_equal(loaded.picture, kept.picture)
    assert [path.name for path in tmp_path.iterdir()] == ["template"]


def test_equal_pictures_give_equal_files(kept: Golden, shipped: model.RegionExpert) -> None:
    again = golden.build(shipped, (taken(0), BOX), ((taken(seed), BOX) for seed in range(1, 9)), "abc")
    other = golden.build(shipped, (taken(50), BOX), ((taken(seed), BOX) for seed in range(1, 9)), "abc")
    assert again.id == kept.id != other.id


def test_a_template_of_another_model_is_refused_with_the_mend(kept: Golden, tmp_path: Path) -> None:
    kept.save(tmp_path / "template")
    with pytest.raises(CalibrateAgain, match=r"a golden template of model abc, and def is loaded; calibrate again"):
        golden.load(tmp_path / "template", "def")


@pytest.mark.parametrize("letterbox", [Letterbox.fit(256, 190, 256), Letterbox.fit(256, 192, 320)])
def test_frames_of_another_size_or_square_are_refused_with_the_mend(kept: Golden, letterbox: Letterbox) -> None:
    square = np.zeros((letterbox.size, letterbox.size, 3), np.uint8)
    with pytest.raises(CalibrateAgain, match=r"a template of 256x192 in 256 pixels.*calibrate again"):
        kept.aligned(square, letterbox)


def test_a_memory_is_no_template(shipped: model.RegionExpert, tmp_path: Path) -> None:
    memory.build(shipped, [(taken(seed), BOX) for seed in range(4)], "abc", size=8).save(tmp_path / "template")
    with pytest.raises(CalibrateAgain, match=r"not a golden template .*; calibrate again"):
        golden.load(tmp_path / "template", "abc")


def test_too_few_good_pictures_and_those_of_another_size_are_refused(shipped: model.RegionExpert) -> None:
    with pytest.raises(ValueError, match="3 good pictures; at least 4"):
        golden.build(shipped, (taken(0), BOX), [(taken(seed), BOX) for seed in range(3)], "abc")
    other = Letterbox.fit(100, 100, 256)
    with pytest.raises(ValueError, match="100x100 for a template of another size"):
        golden.build(shipped, (taken(0), BOX), [(other.apply(np.zeros((100, 100, 3), np.uint8)), other)], "abc")
