"""The drawn sample set on disk, and the command that draws it."""

import json
from pathlib import Path

import cv2
import pytest
import typer
from typer.testing import CliRunner

from iad_unify.procedural import commands
from iad_unify.procedural.samples import write_samples

APP = typer.Typer()
APP.command()(commands.draw)


def _lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def test_the_manifest_names_files_that_fit(tmp_path: Path) -> None:
    drawings = list(write_samples(tmp_path, 24, size=96, seed=3, max_defects=3))
    lines = _lines(tmp_path)
    assert len(lines) == len(drawings) == 24
    for line, drawing in zip(lines, drawings, strict=True):
        picture = cv2.imread(str(tmp_path / line["image"]))[:, :, ::-1]
        assert (picture == drawing.image).all()
        assert (line["mask"] is None) == (line["defect_type"] is None) == (not drawing.defects)
        if line["mask"]:
            assert ((cv2.imread(str(tmp_path / line["mask"]), cv2.IMREAD_GRAYSCALE) > 0) == drawing.mask).all()
        assert [entry["defect_type"] for entry in line["defects"]] == [d.defect_type for d in drawing.defects]
    assert cv2.imread(str(tmp_path / "contact_sheet.png")) is not None


def test_the_command_draws_what_is_asked_for(tmp_path: Path) -> None:
    options = ["--count", "6", "--size", "64", "--product", "fabric", "--defect-type", "stain", "--good-share", "0"]
    result = CliRunner().invoke(APP, ["--out", str(tmp_path), *options])
    assert result.exit_code == 0, result.output
    assert {(line["product"], line["defect_type"]) for line in _lines(tmp_path)} == {("fabric", "stain")}


@pytest.mark.parametrize("options", [["--product", "shoe"], ["--defect-type", "rust"], ["--count", "0"]])
def test_a_wrong_option_is_named(tmp_path: Path, options: list[str]) -> None:
    result = CliRunner().invoke(APP, ["--out", str(tmp_path), *options])
    assert result.exit_code == 2
    assert options[0] in result.output
