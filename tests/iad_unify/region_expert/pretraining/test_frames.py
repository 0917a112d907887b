"""Which pictures a pretraining sees: any folder's, a data set's train groups, drawings; never a mask."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from iad_unify.data import samples, splits
from iad_unify.data.samples import DataError
from iad_unify.region_expert.pretraining import frames


def _picture(path: Path, width: int = 40, height: int = 20, grey: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width), grey, np.uint8))
    return path


def test_any_folder_gives_every_picture_below_it_and_no_mask(tmp_path: Path) -> None:
    wanted = [_picture(tmp_path / name) for name in ("a.png", "line1/b.JPG", "line1/deep/c.bmp")]
    for name in ("a_mask.png", "masks/a.png", "line1/ground_truth/b.png", ".hidden/d.png", "line1/.e.png"):
        _picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("none")
    assert frames.find([str(tmp_path)], None) == sorted(wanted)


def test_only_the_train_groups_of_a_split_are_seen(tile_folder: Path, tmp_path: Path) -> None:
    known = samples.read(tile_folder)
    split = splits.by_group(known, 0.5, 0.2, seed=0)
    splits.write(split, tmp_path / "split.json")
    found = frames.find([str(tile_folder)], tmp_path / "split.json")
    assert found == sorted(sample.image for sample in splits.select(known, split.train))
    assert len(frames.find([str(tile_folder)], None)) == len(known)


def test_groups_of_several_data_sets_are_told_apart_as_in_training(tile_folder: Path, tmp_path: Path) -> None:
    for name in ("x.png", "y.png"):
        _picture(tmp_path / "good" / name)
    both = [str(tile_folder), str(tmp_path)]
    split = splits.by_group(samples.read_all(both), 0.5, 0.2, seed=0)
    splits.write(split, tmp_path / "split.json")
    expected = sorted(sample.image for sample in splits.select(samples.read_all(both), split.train))
    assert frames.find(both, tmp_path / "split.json") == expected


def test_a_split_of_one_data_set_holds_beside_another_that_it_does_not_name(tile_folder: Path, tmp_path: Path) -> None:
    added = {_picture(tmp_path / "good" / name) for name in ("x.png", "y.png")}
    known = samples.read(tile_folder)
    split = splits.by_group(known, 0.5, 0.2, seed=0)
    splits.write(split, tmp_path / "split.json")
    found = frames.find([str(tile_folder), str(tmp_path)], tmp_path / "split.json")
    assert set(found) == added | {sample.image for sample in splits.select(known, split.train)}


def test_the_test_part_of_a_data_set_is_left_out(tmp_path: Path) -> None:
    learnt = _picture(tmp_path / "train" / "good" / "0.png")
    _picture(tmp_path / "test" / "good" / "0.png")
    assert frames.find([str(tmp_path)], None) == [learnt]


def test_a_folder_without_groups_cannot_be_divided_by_them(tmp_path: Path) -> None:
    _picture(tmp_path / "pictures" / "deep" / "a.png")
    splits.write(splits.Split(("a",), (), ()), tmp_path / "split.json")
    with pytest.raises(DataError, match="leave out --groups"):
        frames.find([str(tmp_path / "pictures")], tmp_path / "split.json")


def test_nothing_to_learn_from_is_said(tmp_path: Path, tile_folder: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        frames.find([str(tmp_path / "nowhere")], None)
    with pytest.raises(DataError, match="no picture"):
        frames.find([str(tmp_path)], None)
    splits.write(splits.Split(("of another set",), (), ()), tmp_path / "split.json")
    with pytest.raises(DataError, match="no picture"):
        frames.find([str(tile_folder)], tmp_path / "split.json")


def test_a_frame_is_at_the_scale_of_the_square_and_without_its_padding(tmp_path: Path) -> None:
    files = frames.Files([_picture(tmp_path / "wide.png", 400, 100)], 256)
    assert files.next(np.random.default_rng(0)).rgb.shape == (64, 256, 3)


def test_drawings_depend_on_the_chance_of_the_step_alone() -> None:
    first, second = frames.Drawings(64), frames.Drawings(64)
    first.next(np.random.default_rng(5))
    np.testing.assert_array_equal(first.next(np.random.default_rng(1)).rgb, second.next(np.random.default_rng(1)).rgb)
