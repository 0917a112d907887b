"""`evaluate segmentation` from a data set on the disk to its report, with an untrained expert."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from tests.checkpoints import write_expert

from iad_unify.checkpoint import read_card
from iad_unify.region_expert import commands
from iad_unify.region_expert import model as expert_model

HEADLINE = {"image_auroc", "pixel_auroc", "pixel_ap", "f1_max", "aupro_30", "aupro_05", "iou"}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_expert(tmp_path_factory.mktemp("expert"))


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two-tone pictures of one board with templates and boxes: two defects of different types in each, none good."""
    folder = tmp_path_factory.mktemp("boards")
    template = np.zeros((120, 120), dtype=np.uint8)
    template[:, 20:40] = template[60:80, :] = 255
    rows = []
    for number in range(6):
        picture = template.copy()
        picture[20 + 4 * number : 30 + 4 * number, 40:50] = 255
        picture[65:75, 90:100] = 0
        cv2.imwrite(str(folder / f"{number}.png"), picture)
        cv2.imwrite(str(folder / f"{number}_template.png"), template)
        boxes = [
            {"box": [36, 16 + 4 * number, 54, 34 + 4 * number], "defect_type": "spur"},
            {"box": [86, 61, 104, 79], "defect_type": "hole"},
        ]
        rows.append({"image": f"{number}.png", "template": f"{number}_template.png", "boxes": boxes, "group": "one"})
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def _evaluate(checkpoint: Path, data: Path | str, out: Path, **options: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "groups": None, "split": "test", "thresholds": "validation", "pictures": 4, "resamples": 20, "threads": 1,
        "record": False, "plots": None, "square": 0, "cold_start": None, "fused_with": None,
    }  # fmt: skip
    commands.evaluate(checkpoint=checkpoint, data=str(data), out=out, **usual | options)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    report: dict[str, Any] = json.loads(out.read_text(), parse_constant=refuse)
    return report


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("split") / "groups.json"
    groups = [f"g{number:02d}" for number in range(16)]
    path.write_text(json.dumps({"train": groups[:4], "validation": groups[4:8], "test": groups[8:]}))
    return path


def test_the_report_has_every_headline_figure_with_its_interval_at_the_top(
    checkpoint: Path, tile_folder: Path, split: Path, tmp_path: Path
) -> None:
    report = _evaluate(checkpoint, tile_folder, tmp_path / "report.json", groups=split, plots=tmp_path / "plots")
    for name in HEADLINE:
        assert 0 <= report[name] <= 1
        low, high = report[f"{name}_ci"]
        assert low <= high
    assert not {"box_f", "box_ap", "box_map50"} & set(report)
    assert report["pictures"] == 16
    assert report["resampled_by"] == "group"
    assert report["threshold_source"] == "the validation part"
    assert set(report["per_type"]) == {"crack", "hole"}
    assert {"pictures", "image_auroc", "pixel_ap", "aupro_30", "iou", "pictures_detected"} <= set(
        report["per_type"]["crack"]
    )
    assert set(report["per_group"]) == {f"g{number:02d}" for number in range(8, 16)}
    for row in report["per_group"].values():
        assert row["pictures"] == 2
        assert row["image_auroc"] is None  # its two pictures are both good or both defective
        assert (row["false_alarm_rate"] is None) == (row["defective"] == 2)
    for name in ("curves.png", "types.png", "worst.png"):
        assert cv2.imread(str(tmp_path / "plots" / name)) is not None


def test_the_same_evaluation_gives_the_same_report(
    checkpoint: Path, tile_folder: Path, split: Path, tmp_path: Path
) -> None:
    first, second = (_evaluate(checkpoint, tile_folder, tmp_path / "report.json", groups=split) for _ in range(2))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_a_data_set_without_a_split_is_measured_whole_with_the_card_s_thresholds(
    checkpoint: Path, tile_folder: Path, tmp_path: Path
) -> None:
    report = _evaluate(checkpoint, tile_folder, tmp_path / "report.json")
    card = read_card(checkpoint)
    assert report["pictures"] == 32
    assert report["split"] == "all"
    assert report["threshold_source"] == "the checkpoint's card"
    assert report["decision_threshold"] == card.default_threshold
    assert report["pixel_threshold"] == card.proposal_threshold


def test_a_larger_square_is_measured_in_tiles_and_told(checkpoint: Path, tile_folder: Path, tmp_path: Path) -> None:
    report = _evaluate(checkpoint, tile_folder, tmp_path / "report.json", square=320)
    usual = _evaluate(checkpoint, tile_folder, tmp_path / "usual.json")
    assert (report["square_px"], usual["square_px"]) == (320, 256)
    assert "--square 320" in report["command"]
    assert "--square" not in usual["command"]
    assert report["pixel_auroc"] != usual["pixel_auroc"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"square": 300}, "not a multiple of 32"),
        ({"square": 224}, "smaller than the expert's input of 256"),
        ({"square": 320, "record": True}, "the card keeps the decoder's own figures"),
        ({"cold_start": "memory", "record": True}, "the card keeps the decoder's own figures"),
        ({"fused_with": "memory", "record": True}, "the card keeps the decoder's own figures"),
        ({"fused_with": "memory", "cold_start": "memory"}, "either alone or beside the decoder"),
    ],
)
def test_a_square_that_cannot_be_measured_is_refused_at_once(
    checkpoint: Path, tile_folder: Path, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(typer.BadParameter, match=words):
        _evaluate(checkpoint, tile_folder, tmp_path / "report.json", **options)


def test_a_template_alone_finds_the_boards_defects_that_the_untrained_decoder_does_not(
    checkpoint: Path, boards: Path, tmp_path: Path
) -> None:
    alone = _evaluate(checkpoint, boards, tmp_path / "alone.json", cold_start="template")
    decoder = _evaluate(checkpoint, boards, tmp_path / "decoder.json")
    assert (alone["cold_start"], decoder["cold_start"]) == ("template", None)
    assert "--cold-start template" in alone["command"]
    assert alone["threshold_source"] == "half of the reference's scale"
    assert alone["pixel_ap"] > 0.8 > decoder["pixel_ap"]


def test_a_memory_learns_from_the_good_pictures_of_the_train_part_alone_or_beside_the_decoder(
    checkpoint: Path, tile_folder: Path, tmp_path: Path
) -> None:
    split = tmp_path / "groups.json"
    parts = {"train": range(8), "validation": range(8, 12), "test": range(12, 16)}
    split.write_text(json.dumps({name: [f"g{group:02d}" for group in groups] for name, groups in parts.items()}))
    alone = _evaluate(checkpoint, tile_folder, tmp_path / "alone.json", groups=split, cold_start="memory")
    assert alone["threshold_source"] == "the validation part"
    assert alone["pixel_auroc"] > 0.95
    assert alone["image_auroc"] > 0.95
    decoder = _evaluate(checkpoint, tile_folder, tmp_path / "decoder.json", groups=split)
    fused = _evaluate(checkpoint, tile_folder, tmp_path / "fused.json", groups=split, fused_with="memory")
    assert (fused["cold_start"], fused["fused_with"]) == (None, "memory")
    assert "--fused-with memory" in fused["command"]
    assert fused["pixel_auroc"] > 0.95
    assert len({one["pixel_ap"] for one in (alone, decoder, fused)}) == 3


def test_an_expert_that_takes_templates_itself_is_not_fused_with_them(
    boards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = write_expert(tmp_path / "comparing")
    config = replace(expert_model.load(place).config, template=True)
    expert_model.save(expert_model.RegionExpert(config), place, config)
    with pytest.raises(typer.Exit):
        _evaluate(place, boards, tmp_path / "report.json", fused_with="template")
    assert "it takes templates itself" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("kind", "words"), [("memory", "good pictures of 0 groups"), ("template", "0 pictures with a template")]
)
def test_a_data_set_without_references_says_what_is_missing(
    checkpoint: Path, tile_folder: Path, tmp_path: Path, kind: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        _evaluate(checkpoint, tile_folder, tmp_path / "report.json", cold_start=kind)
    assert words in capsys.readouterr().out


def test_the_card_s_thresholds_can_be_asked_for(
    checkpoint: Path, tile_folder: Path, split: Path, tmp_path: Path
) -> None:
    report = _evaluate(checkpoint, tile_folder, tmp_path / "report.json", groups=split, thresholds="card")
    assert report["threshold_source"] == "the checkpoint's card"
    assert report["command"].endswith("--thresholds card")


def test_boards_with_boxes_are_judged_by_boxes_and_by_the_pixels_that_differ_from_the_template(
    checkpoint: Path, boards: Path, tmp_path: Path
) -> None:
    report = _evaluate(checkpoint, boards, tmp_path / "report.json", plots=tmp_path / "plots")
    assert report["image_auroc"] is None  # there is no good picture
    assert report["image_auroc_ci"] is None
    for name in ("box_f", "box_f_max", "box_ap", "box_map50", "pixel_ap", "aupro_30"):
        assert 0 <= report[name] <= 1
        assert f"{name}_ci" in report
    assert report["box_f"] <= report["box_f_max"]
    assert report["resampled_by"] == "picture"  # all are of one group
    assert set(report["per_type"]) == {"hole", "spur"}
    assert report["per_type"]["spur"]["pictures"] == 6
    assert report["per_group"]["one"]["box_f"] == pytest.approx(report["box_f"])
    assert (tmp_path / "plots" / "worst.png").stat().st_size > 0


def test_drawings_are_measured_and_recorded(tmp_path: Path) -> None:
    checkpoint = write_expert(tmp_path / "expert")
    report = _evaluate(checkpoint, "procedural:test", tmp_path / "report.json", pictures=6, record=True)
    assert report["split"] == "all"
    recorded = read_card(checkpoint).figures
    assert recorded["test_aupro_05"].value == report["aupro_05"]
    assert recorded["test_aupro_05"].command.endswith("--pictures 6")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "validation"}, "never chosen on the part that is measured"),
        ({"thresholds": "test"}, "never chosen on the part that is measured"),
    ],
)
def test_a_part_that_cannot_be_used_ends_with_one_line_and_code_2(
    checkpoint: Path, tile_folder: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    options: dict[str, str], words: str,
) -> None:  # fmt: skip
    with pytest.raises(typer.Exit) as stop:
        _evaluate(checkpoint, tile_folder, tmp_path / "report.json", groups=split, **options)
    assert stop.value.exit_code == 2
    assert words in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.parametrize("options", [{"split": "exam"}, {"thresholds": "exam"}])
def test_a_part_that_there_is_none_of_is_a_wrong_option(
    checkpoint: Path, tile_folder: Path, tmp_path: Path, options: dict[str, str]
) -> None:
    with pytest.raises(typer.BadParameter, match="'exam' is none of train, validation, test"):
        _evaluate(checkpoint, tile_folder, tmp_path / "report.json", **options)


def test_groups_that_the_data_lacks_are_told(
    checkpoint: Path, tile_folder: Path, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = json.loads(split.read_text())
    other = tmp_path / "groups.json"
    other.write_text(json.dumps(named | {"test": [*named["test"], "gone"]}))
    with pytest.raises(typer.Exit):
        _evaluate(checkpoint, tile_folder, tmp_path / "report.json", groups=other)
    assert "has not (gone)" in capsys.readouterr().out.replace("\n", " ")
