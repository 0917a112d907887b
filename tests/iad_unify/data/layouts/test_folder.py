"""Folders that somebody made by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest

from iad_unify.data import layouts
from iad_unify.data.samples import DataError

Draw = Callable[..., Path]


def test_a_folder_for_each_type_with_masks_where_they_may_lie(tmp_path: Path, draw: Draw) -> None:
    for name in ("good/1.png", "Bent lead/1.png", "Bent lead/2.png", "Bent lead/3.jpg", "Bent lead/4.png"):
        draw(name)
    beside, apart, named = (
        draw(name, 255)
        for name in ("Bent lead/1_mask.png", "ground_truth/Bent lead/2.png", "ground_truth/Bent lead/3_mask.png")
    )
    found = layouts.read(tmp_path)
    assert [sample.defect_type for sample in found] == ["bent_lead"] * 4 + [None]
    assert [sample.mask for sample in found] == [beside, apart, named, None, None]
    assert not found[3].good
    assert len({sample.group for sample in found}) == 5


def test_a_flat_folder_is_all_good(tmp_path: Path, draw: Draw) -> None:
    draw("b.png")
    draw("a.jpg")
    (tmp_path / "notes.txt").write_text("")
    found = layouts.read(tmp_path)
    assert [sample.image.name for sample in found] == ["a.jpg", "b.png"]
    assert all(sample.good for sample in found)


def test_types_without_good_ones_are_refused_with_all_that_was_looked_for(tmp_path: Path, draw: Draw) -> None:
    draw("crack/a.png")
    with pytest.raises(DataError, match=r"MVTec-AD.*VisA.*Real-IAD.*manifest\.jsonl.*good"):
        layouts.read(tmp_path)


def test_an_empty_good_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    with pytest.raises(DataError, match="empty"):
        layouts.read(tmp_path)
