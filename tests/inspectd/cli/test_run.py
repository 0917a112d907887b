"""`inspectd run`: what it says of itself. The daemon behind it has its own tests; here is one that ends at once."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from inspectd.settings import Settings


class Ended:
    """A daemon whose source has no frames."""

    api_address = dashboard_address = "127.0.0.1:0"

    async def run(self, *, explain_to_the_end: bool) -> None:
        assert explain_to_the_end


@contextlib.asynccontextmanager
async def open_ended(settings: Settings) -> AsyncIterator[Ended]:
    yield Ended()


def test_the_log_does_not_show_the_camera_s_password(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("inspectd.wiring.open_daemon", open_ended)
    source = "rtsp://user:se/cr@et@127.0.0.1:9/line"
    ran = CliRunner().invoke(app, ["run", "--source", source, "--state-dir", str(tmp_path)])
    assert ran.exit_code == 0, ran.output
    said = ran.output + capsys.readouterr().err
    assert "source=rtsp://***@127.0.0.1:9/line" in said
    assert "se/cr" not in said
