"""What long commands refuse before any time is spent."""

import sys
from pathlib import Path

import pytest
import typer

from iad_unify import cli
from iad_unify.progress import checked_device


def test_a_device_that_is_not_there_is_refused_with_one_that_is() -> None:
    assert checked_device("cpu") == "cpu"
    for name in ("cuda:99", "gpu"):
        with pytest.raises(typer.BadParameter, match="cpu always works"):
            checked_device(name)


def test_what_cannot_be_written_is_one_line_before_the_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    words = [
        "evaluate",
        "ladder",
        "--checkpoint",
        "x",
        "--expert",
        "y",
        "--out",
        str(tmp_path / "file" / "ladder.json"),
    ]
    monkeypatch.setattr(sys, "argv", ["iad-unify", *words])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"iad-unify: {tmp_path / 'file'}: File exists\n"
