"""What an order to train refuses before any time is spent on it, and what it leaves unseen."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from iad_unify.data import splits
from iad_unify.data.samples import DataError
from iad_unify.region_expert.training import recipe
from iad_unify.region_expert.training.trainer import Plan
from iad_unify.types import DEFECT_TYPES


def data_set(folder: Path, rows: list[tuple[str, str | None, str | None]]) -> Path:
    """Pictures of a name, a type and a part each, every one a group of its own."""
    rng, lines = np.random.default_rng(0), []
    folder.mkdir()
    for name, kind, part in rows:
        cv2.imwrite(str(folder / f"{name}.png"), rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
        mask = None
        if kind:
            mask = f"{name}_mask.png"
            plane = np.zeros((64, 64, 3), np.uint8)
            plane[20:30, 20:30] = 255
            cv2.imwrite(str(folder / mask), plane)
        line = {"image": f"{name}.png", "mask": mask, "defect_type": kind, "group": name}
        lines.append(json.dumps(line | ({"part": part} if part else {})))
    (folder / "manifest.jsonl").write_text("\n".join(lines))
    return folder


def ordered(folder: Path, out: Path, **more: object) -> None:
    order = recipe.Order((str(folder),), out, init="none", **more)  # type: ignore[arg-type]
    recipe.train(
        order, Plan(out / "state", minutes=None, steps=1, batch=2, on_cpu=True, bf16=False), Console(quiet=True)
    )


def test_a_data_sets_own_test_part_is_not_learnt_from(tmp_path: Path) -> None:
    rows = [(f"a{index}", "crack" if index % 2 else None, "train") for index in range(8)]
    folder = data_set(tmp_path / "parts", [*rows, ("t0", "crack", "test"), ("t1", None, "test")])
    ordered(folder, tmp_path / "out", grow_share=0.6)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["grow_share"] == 0.6
    split = splits.read(tmp_path / "out" / "groups.json")
    assert {*split.train, *split.validation} == {f"a{index}" for index in range(8)}


def test_a_data_set_that_is_only_for_testing_is_divided_anew(tmp_path: Path) -> None:
    rows = [(f"t{index}", "crack" if index % 2 else None, "test") for index in range(16)]
    ordered(data_set(tmp_path / "parts", rows), tmp_path / "out")
    split = splits.read(tmp_path / "out" / "groups.json")
    assert len(split.train) + len(split.validation) == len(split.test) == 8


def test_what_shows_no_place_of_a_defect_is_refused(tmp_path: Path) -> None:
    folder = data_set(tmp_path / "parts", [(f"a{index}", "crack" if index % 2 else None, None) for index in range(8)])
    manifest = folder / "manifest.jsonl"
    rows = [json.loads(line) | {"mask": None} for line in manifest.read_text().splitlines()]
    manifest.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match=r"none of its 4 defective pictures shows where .* add masks"):
        ordered(folder, tmp_path / "out")


def test_a_data_set_of_one_group_is_refused_with_what_to_do(tmp_path: Path) -> None:
    folder = data_set(tmp_path / "parts", [("a0", "crack", None)])
    with pytest.raises(DataError, match=r"part is empty \(1 group\(s\) in all\); give pictures of other parts a group"):
        ordered(folder, tmp_path / "out")


def test_good_pictures_alone_need_only_be_called_that(tmp_path: Path) -> None:
    folder = data_set(tmp_path / "parts", [(f"a{index}", None, None) for index in range(12)])
    with pytest.raises(DataError, match="--good-only learns from good ones"):
        ordered(folder, tmp_path / "out")
    ordered(folder, tmp_path / "good", good_only=True)  # types come from drawings
    assert json.loads((tmp_path / "good" / "config.json").read_text())["type_slugs"] == list(DEFECT_TYPES)
    assert "procedural" in json.loads((tmp_path / "good" / "card.json").read_text())["data"]


def test_a_run_that_goes_on_keeps_its_split_and_its_options(tmp_path: Path) -> None:
    rows = [(f"a{index}", "crack" if index % 2 else None, None) for index in range(16)]
    folder, out = data_set(tmp_path / "parts", rows), tmp_path / "out"
    ordered(folder, out)
    begun = splits.read(out / "groups.json")
    later = data_set(tmp_path / "more", [*rows, *((f"b{index}", None, None) for index in range(6))])
    folder.rename(tmp_path / "before")
    later.rename(folder)
    ordered(folder, out, resume=True)
    assert splits.read(out / "groups.json") == begun
    with pytest.raises(DataError, match=r"was begun with train share 0\.5 and not 0\.9; resume with the same options"):
        ordered(folder, out, resume=True, train_share=0.9)


def test_good_only_without_good_pictures_is_refused_at_once(tmp_path: Path) -> None:
    folder = data_set(tmp_path / "parts", [(f"a{index}", "crack", None) for index in range(8)])
    order = recipe.Order((str(folder), "procedural"), tmp_path / "out", init="none", good_only=True)
    with pytest.raises(DataError, match="--good-only needs real good pictures"):
        recipe.train(order, Plan(tmp_path / "state", steps=1), Console(quiet=True))
    with pytest.raises(DataError, match="--good-only needs real good pictures"):
        recipe.train(recipe.Order(("procedural",), tmp_path / "o", good_only=True), Plan(tmp_path), Console(quiet=True))
