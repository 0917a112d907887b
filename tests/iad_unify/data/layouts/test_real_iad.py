"""Real-IAD: lists in JSON, five views of each part."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iad_unify.data import layouts
from iad_unify.data.samples import DataError

Draw = Callable[..., Path]


def _row(kind: str, sample: str, camera: int, *, mask: bool = False) -> dict[str, Any]:
    stem = f"{'OK' if kind == 'OK' else 'NG/' + kind}/{sample}/tape_{sample}_{kind}_C{camera}_2023"
    return {
        "category": "tape",
        "anomaly_class": kind,
        "image_path": f"{stem}.jpg",
        "mask_path": f"{stem}.png" if mask else None,
    }


CONTENT: dict[str, Any] = {
    "meta": {"normal_class": "OK", "prefix": "tape/"},
    "train": [_row("OK", "S0001", camera) for camera in range(1, 6)],
    "test": [_row("QS", "S0001", 1, mask=True), _row("QS", "S0001", 2), _row("XX", "S0003", 1)],
}


@pytest.mark.parametrize("jsons", ["realiad_jsons/realiad_jsons", "realiad_jsons", "."])
@pytest.mark.parametrize("pictures", ["realiad_512/", ""])
def test_five_views_of_a_part_are_one_group(tmp_path: Path, draw: Draw, jsons: str, pictures: str) -> None:
    (tmp_path / jsons).mkdir(parents=True, exist_ok=True)
    (tmp_path / jsons / "tape.json").write_text(json.dumps(CONTENT))
    for row in (*CONTENT["train"], *CONTENT["test"]):
        for name in (row["image_path"], row["mask_path"]):
            if name:
                draw(f"{pictures}tape/{name}")
    found = layouts.read(tmp_path)
    assert layouts.detect(tmp_path).name == "Real-IAD"
    assert [sample.part for sample in found] == ["train"] * 5 + ["test"] * 3
    assert [sample.group for sample in found] == ["tape/OK/S0001"] * 5 + ["tape/NG/QS/S0001"] * 2 + ["tape/NG/XX/S0003"]
    assert [sample.defect_type for sample in found] == [None] * 5 + ["missing_part"] * 2 + ["xx"]
    assert [sample.mask is None for sample in found[5:]] == [False, True, True]
    assert {sample.product for sample in found} == {"tape"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"meta": {}}, "Real-IAD list"),
        ([], "Real-IAD list"),
        ({"meta": {"normal_class": "OK"}, "train": [_row("OK", "S0009", 1)], "test": []}, "not there"),
    ],
)
def test_a_damaged_list_is_refused(tmp_path: Path, content: object, words: str) -> None:
    (tmp_path / "tape" / "OK").mkdir(parents=True)
    (tmp_path / "tape.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=words):
        layouts.read(tmp_path)
