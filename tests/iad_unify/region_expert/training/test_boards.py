"""Boards with golden templates and annotated boxes: opened, varied, learnt and evaluated."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from iad_unify.data import samples, splits
from iad_unify.data.samples import Sample
from iad_unify.region_expert import commands, model
from iad_unify.region_expert.config import ExpertConfig
from iad_unify.region_expert.squares import collate, open_sample
from iad_unify.region_expert.training import losses
from iad_unify.region_expert.training.variation import crop, vary

TYPES = ("open", "spur")


@pytest.fixture(scope="module")
def board_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 pairs of 192 x 192 pixels, three groups: bright lines with gaps (open) and dark ground with blots (spur)."""
    folder = tmp_path_factory.mktemp("boards")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(12):
        template = np.zeros((192, 192), np.uint8)
        for line in range(20 + number % 3 * 4, 160, 40):
            template[line : line + 8] = 255
        test = template.copy()
        gap, blot = int(rng.integers(20, 70)), int(rng.integers(90, 130))
        line = 20 + number % 3 * 4
        test[line : line + 8, gap : gap + 10] = 0
        test[line + 62 : line + 70, blot : blot + 8] = 255
        boxes = [
            {"box": [gap - 10, line - 10, gap + 20, line + 18], "defect_type": "open"},
            {"box": [blot - 10, line + 52, blot + 18, line + 80], "defect_type": "spur"},
        ]
        cv2.imwrite(str(folder / f"{number}_test.png"), test)
        cv2.imwrite(str(folder / f"{number}_template.png"), template)
        rows.append({"image": f"{number}_test.png", "template": f"{number}_template.png", "boxes": boxes,
                     "group": f"board{number % 3}"})  # fmt: skip
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def board(board_folder: Path) -> Sample:
    return samples.read(board_folder)[0]


def test_a_board_is_opened_with_its_template_and_a_plane_of_box_numbers(board: Sample) -> None:
    labelled, _ = open_sample(board, 192, TYPES)
    assert labelled.template is not None
    assert labelled.boxes is not None
    differs = (labelled.rgb != labelled.template).any(axis=2)
    assert (labelled.labels[differs] > 0).all()
    for number, box in enumerate(board.boxes, start=1):
        inside = labelled.boxes == number
        assert inside[box.y0 : box.y1, box.x0 : box.x1].all()
        assert inside.sum() == (box.x1 - box.x0) * (box.y1 - box.y0)
        assert set(np.unique(labelled.labels[inside])) == {0, 1 + TYPES.index(box.defect_type)}


def test_everything_of_a_board_is_varied_alike(board: Sample) -> None:
    labelled, _ = open_sample(board, 192, TYPES)
    for seed in range(12):
        part = vary(crop(labelled, 120, np.random.default_rng(seed)), np.random.default_rng(seed))
        assert part.template is not None
        assert part.boxes is not None
        assert (part.boxes[part.labels > 0] > 0).all()
        apart = (np.abs(part.rgb.astype(int) - part.template).max(axis=2) > 120).astype(np.uint8)
        apart = cv2.morphologyEx(apart, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)) > 0  # edges beside one another
        near = cv2.dilate((part.labels > 0).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        assert (near | ~part.content)[apart].mean() > 0.8 if apart.any() else True


def test_the_heads_learn_from_each_box_and_its_margins(board: Sample) -> None:
    torch.manual_seed(0)
    labelled, _ = open_sample(board, 192, TYPES)
    expert = model.create(ExpertConfig(size=192, type_slugs=TYPES, template=True, boxes=True))
    batch = collate([labelled, labelled])
    output = expert(batch.pictures, batch.templates, batch.has_template)
    found = losses.region_losses(expert, output, batch, np.random.default_rng(0))
    assert found.kind > 0
    assert found.extent > 0
    assert 0 <= found.accuracy <= 1
    found.extent.backward()
    assert expert.extent_head is not None
    assert next(expert.extent_head.layers.parameters()).grad is not None


def test_pixels_of_unknown_truth_do_not_count(board: Sample) -> None:
    labelled, _ = open_sample(board, 192, TYPES)
    logits = torch.zeros(1, 192, 192)
    logits[0, 100:110, 140:150] = 8.0
    batch = collate([labelled])
    known = losses.anomaly_loss(logits, batch)
    content = batch.content.clone()
    content[0, 95:115, 135:155] = False
    unknown = losses.anomaly_loss(logits, collate([labelled]).__class__(batch.pictures, batch.labels, content))
    assert unknown < known


def test_a_template_of_another_size_is_refused(board: Sample, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "small.png"), np.zeros((80, 192), np.uint8))
    other = Sample(board.image, None, None, "g", board.boxes, tmp_path / "small.png")
    with pytest.raises(samples.DataError, match="template"):
        open_sample(other, 160, TYPES)


def test_boards_are_trained_and_measured_by_the_commands(board_folder: Path, tmp_path: Path) -> None:
    out, groups = tmp_path / "expert", tmp_path / "groups.json"
    splits.write(splits.Split(("board0",), ("board1",), ("board2",)), groups)
    commands.train(
        data=[str(board_folder)], out=out, config="tiny", backbone="", init="none", groups=groups, train_share=0.7,
        minutes=None, steps=4, batch=2, size=192, crop=128, crop_share=0.5, seed=0, threads=1, good_only=False,
        resume=False,
    )  # fmt: skip
    config = model.load(out).config
    assert (config.size, config.template, config.boxes) == (192, True, True)
    assert config.trained_heads == ("anomaly", "type", "extent")
    assert config.merge_gap_px in (9, 15, 21)
    report = tmp_path / "report.json"
    commands.evaluate(
        checkpoint=out, data=str(board_folder), out=report, groups=out / "groups.json", split="test",
        thresholds="validation", pictures=10, resamples=20, threads=1, record=False, plots=None,
    )  # fmt: skip
    values = json.loads(report.read_text())
    for name in ("box_f", "box_ap", "box_map50", "pixel_ap"):
        assert 0 <= values[name] <= 1, name
    assert values["image_auroc"] is None  # there is no good picture


def test_good_pictures_alone_teach_an_expert(tile_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "expert"
    commands.train(
        data=[str(tile_folder), "procedural"], out=out, config="tiny", backbone="", init="none", groups=None,
        train_share=0.5, minutes=None, steps=3, batch=2, size=256, crop=0, crop_share=0.5, seed=0, threads=1,
        good_only=True, resume=False,
    )  # fmt: skip
    config = model.load(out).config
    assert "hole" in config.type_slugs  # from the drawings; the set's own types stay unknown
    assert len(config.type_slugs) == 10
