"""`inspectd publish` against a real broker, as a shell runs it."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
import typer
from tests.inspectd.frames.pictures import folder_of
from tests.inspectd.frames.streams import drain
from tests.services import Services
from typer.testing import CliRunner

from inspectd.settings import KafkaSettings


@pytest.fixture
def broker(stack: Services, monkeypatch: pytest.MonkeyPatch) -> KafkaSettings:
    settings = stack.kafka_settings()
    monkeypatch.setenv("INSPECTD_KAFKA__BOOTSTRAP_SERVERS", settings.bootstrap_servers)
    monkeypatch.setenv("INSPECTD_KAFKA__FRAMES_TOPIC", settings.frames_topic)
    monkeypatch.setenv("INSPECTD_KAFKA__DEAD_LETTERS_TOPIC", settings.dead_letters_topic)
    return settings


def ids(settings: KafkaSettings) -> list[str]:
    return [dict(record.headers)["ce_id"].decode() for record in drain(settings, settings.frames_topic)]


@pytest.mark.service("kafka")
def test_a_folder_published_twice_has_the_same_frame_ids(
    broker: KafkaSettings, app: typer.Typer, tmp_path: Path
) -> None:
    command = ["publish", "--source", f"folder:{folder_of(tmp_path, 5)}", "--camera", "cam", "--lot", "L7", "--json"]
    for _ in range(2):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        figures = json.loads(result.stdout)
        assert (figures["published"], figures["unacknowledged"], figures["skip_next_time"]) == (5, 0, 5)
    found = ids(broker)
    assert found[:5] == found[5:]
    assert {record.key for record in drain(broker, broker.frames_topic)} == {b"cam"}


@pytest.mark.service("kafka")
def test_a_picture_that_would_be_refused_makes_the_command_fail(
    broker: KafkaSettings, app: typer.Typer, tmp_path: Path
) -> None:
    folder_of(tmp_path, 2)
    (tmp_path / "part-1.jpg").write_bytes(b"hello")
    result = CliRunner().invoke(app, ["publish", "--source", f"folder:{tmp_path}"])
    assert result.exit_code == 1
    assert "1 frames published, 1 refused (unsupported_format)" in result.stdout
    assert "part-1.jpg" in result.stderr


@pytest.mark.service("kafka")
async def test_ctrl_c_loses_nothing_and_says_how_many(broker: KafkaSettings, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "inspectd", "publish", "--source", f"folder:{folder_of(tmp_path, 3)}", "--loop",
        "--rate", "50", "--json", stdout=-1, stderr=-1, env=dict(os.environ),
    )  # fmt: skip
    for _ in range(600):
        await asyncio.sleep(0.1)
        if len(ids(broker)) >= 20:
            break
    process.send_signal(signal.SIGINT)
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, errors
    figures = json.loads(output)
    found = ids(broker)
    assert figures["published"] == len(found) == len(set(found))
    assert figures["unacknowledged"] == 0


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (["--source", "folder:/no/such/folder"], 2, "frames.source"),
        (["--source", "nonsense"], 2, "frames.source"),
        (["--source", "usb:0", "--camera", "a/b"], 2, "frames.camera"),
        (["--source", "simulated", "--manifest", "/no/such.csv"], 2, "--manifest"),
        (["--source", "simulated", "--bootstrap-servers", "nonsense"], 2, "kafka.bootstrap_servers"),
        (["--source", "simulated", "--bootstrap-servers", "127.0.0.1:1"], 1, "kafka.bootstrap_servers"),
    ],
)
def test_what_is_wrong_is_one_line_with_a_mend(
    words: list[str], code: int, named: str, app: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspectd.kafka_client.BOOTSTRAP_TIMEOUT_S", 0.5)
    result = CliRunner().invoke(app, ["publish", *words])
    assert result.exit_code == code, result.output
    assert named in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.output
