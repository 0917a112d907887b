"""Reading data sets in both layouts."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from iad_unify.data import samples
from iad_unify.data.samples import Box, DataError, Sample


def _picture(path: Path, value: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((20, 30, 3), value, np.uint8))


def _manifest(folder: Path, *rows: dict[str, object]) -> None:
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_manifest_gives_good_and_defective_samples(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    _picture(tmp_path / "b.png")
    _picture(tmp_path / "b_mask.png")
    _manifest(
        tmp_path,
        {"image": "a.png", "mask": None, "defect_type": None, "group": "g1"},
        {"image": "b.png", "mask": "b_mask.png", "defect_type": "crack", "group": "g2"},
    )
    good, bad = samples.read(tmp_path)
    assert (good.defect_type, good.mask, good.group) == (None, None, "g1")
    assert (bad.defect_type, bad.mask, bad.group) == ("crack", tmp_path / "b_mask.png", "g2")


def test_a_row_with_boxes_is_defective_and_its_types_are_those_of_the_boxes(tmp_path: Path) -> None:
    for name in ("a.png", "a_template.png", "b.png", "c.png"):
        _picture(tmp_path / name)
    crack = {"box": [1, 2, 5, 8], "defect_type": "crack"}
    hole = {"box": [4, 2, 9, 3], "defect_type": "hole"}
    _manifest(
        tmp_path,
        {"image": "a.png", "template": "a_template.png", "boxes": [crack, hole]},
        {"image": "b.png", "boxes": [crack]},
        {"image": "c.png", "boxes": []},
    )
    both, one, none = samples.read(tmp_path)
    assert both.boxes == (Box(1, 2, 5, 8, "crack"), Box(4, 2, 9, 3, "hole"))
    assert (both.defect_type, both.defect_types, both.good) == (None, {"crack", "hole"}, False)
    assert both.template == tmp_path / "a_template.png"
    assert (one.defect_type, one.defect_types, one.good) == ("crack", {"crack"}, False)
    assert (none.defect_types, none.good) == (frozenset(), True)


def test_groups_may_be_numbers_and_nought_is_one(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png", "d.png"):
        _picture(tmp_path / name)
    rows: tuple[dict[str, object], ...] = ({"group": 0}, {"group": 0}, {"group": ""}, {"group": None})
    _manifest(tmp_path, *({"image": f"{name}.png", **row} for name, row in zip("abcd", rows, strict=True)))
    assert [sample.group for sample in samples.read(tmp_path)] == ["0", "0", "c.png", "d.png"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"image": "gone.png", "defect_type": null}\n', "line 1"),
        ("not json\n", "not JSON"),
        ("[1]\n", "not a JSON object"),
        ('{"defect_type": null}\n', "lacks 'image'"),
        ('{"image": "a.png", "boxes": [{"box": [5, 2, 1, 8], "defect_type": "hole"}]}\n', "line 1 is damaged"),
        ('{"image": "a.png", "boxes": [{"box": [5, 2], "defect_type": "hole"}]}\n', "line 1 is damaged"),
        ("", "empty"),
    ],
)
def test_a_damaged_manifest_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "manifest.jsonl").write_text(text)
    with pytest.raises(DataError, match=words):
        samples.read(tmp_path)


def test_a_row_may_name_part_and_product(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    _manifest(tmp_path, {"image": "a.png", "part": "test", "product": "tile"})
    (found,) = samples.read(tmp_path)
    assert (found.part, found.product) == ("test", "tile")
    _manifest(tmp_path, {"image": "a.png", "part": "exam"})
    with pytest.raises(DataError, match="'exam' is none of"):
        samples.read(tmp_path)


def test_the_types_of_samples_are_all_but_unknown() -> None:
    found = [
        Sample(Path("a"), None, None, "a", (Box(0, 0, 1, 1, "hole"), Box(0, 0, 1, 1, "crack"))),
        Sample(Path("b"), None, "unknown", "b"),
        Sample(Path("c"), None, "crack", "c"),
    ]
    assert samples.types_of(found) == ("crack", "hole")


@pytest.mark.parametrize("per_product", [False, True])
def test_mvtec_folders_are_read_with_their_masks(tmp_path: Path, per_product: bool) -> None:
    root = tmp_path / "tile" if per_product else tmp_path
    _picture(root / "train" / "good" / "000.png")
    _picture(root / "test" / "good" / "000.png")
    _picture(root / "test" / "crack" / "000.png")
    _picture(root / "ground_truth" / "crack" / "000_mask.png", 255)
    found = samples.read(tmp_path)
    assert [sample.defect_type for sample in found] == [None, "crack", None]
    assert found[1].mask == root / "ground_truth" / "crack" / "000_mask.png"
    assert len({sample.group for sample in found}) == 3
    assert [sample.part for sample in found] == ["train", "test", "test"]
    assert {sample.product for sample in found} == {root.name}


@pytest.mark.parametrize("group", ["frame-7", 0])
def test_a_manifest_beside_mvtec_folders_names_the_groups(tmp_path: Path, group: str | int) -> None:
    _picture(tmp_path / "train" / "good" / "000.png")
    _picture(tmp_path / "test" / "crack" / "000.png")
    _picture(tmp_path / "ground_truth" / "crack" / "000_mask.png", 255)
    _manifest(
        tmp_path,
        {"image": "test/crack/000.png", "group": group, "origin": "edit"},
        {"image": "train/good/000.png", "group": group},
    )
    assert {sample.group for sample in samples.read(tmp_path)} == {str(group)}


def test_each_product_may_have_a_manifest_with_its_groups(tmp_path: Path) -> None:
    for product in ("a", "b"):
        _picture(tmp_path / product / "train" / "good" / "000.png")
    _manifest(tmp_path / "b", {"image": "train/good/000.png", "group": "g7", "defect_type": None})
    assert [sample.group for sample in samples.read(tmp_path)] == ["a/train/good/000.png", "g7"]


@pytest.mark.parametrize(
    "bad",
    [
        {"mask": "masks/1.png", "defect_type": "crack"},
        {"boxes": [{"box": [1, 2, 5, 8], "defect_type": "crack"}]},
        {"defect_type": "crack"},
    ],
)
def test_a_manifest_that_tells_defects_is_read_before_the_names_of_folders(
    tmp_path: Path, bad: dict[str, object]
) -> None:
    for name in ("train/good/0.png", "test/camera-2/1.png", "test/camera-2/2.png", "masks/1.png"):
        _picture(tmp_path / name, 255)
    good = {"image": "test/camera-2/2.png", "part": "test"}
    _manifest(tmp_path, good, {"image": "test/camera-2/1.png", "group": "g1", "part": "validation", **bad})
    found = samples.read(tmp_path)
    assert [(sample.good, sample.defect_type, sample.part) for sample in found] == [
        (True, None, "test"),
        (False, "crack", "validation"),
    ]


def test_a_manifest_that_tells_no_defect_does_not_make_the_defects_of_folders_good(tmp_path: Path) -> None:
    _picture(tmp_path / "test" / "crack" / "000.png")
    _picture(tmp_path / "ground_truth" / "crack" / "000_mask.png", 255)
    _manifest(tmp_path, {"image": "test/crack/000.png", "group": "g1", "part": "test", "template": "t.png"})
    (found,) = samples.read(tmp_path)
    assert (found.defect_type, found.group) == ("crack", "g1")


def test_a_defective_mvtec_picture_without_a_mask_is_refused(tmp_path: Path) -> None:
    _picture(tmp_path / "test" / "crack" / "000.png")
    with pytest.raises(DataError, match="no mask"):
        samples.read(tmp_path)


def test_a_folder_of_neither_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"manifest\.jsonl"):
        samples.read(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        samples.read(tmp_path / "gone")
