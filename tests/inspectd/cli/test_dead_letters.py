"""`inspectd dead-letters` over both stores."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from click.testing import Result
from tests.inspectd.frames.pictures import bare, jpeg, record
from tests.inspectd.frames.streams import drain
from tests.services import Services
from typer.testing import CliRunner

from inspectd.deadletters.files import FileDeadLetterStore
from inspectd.deadletters.kafka import KafkaDeadLetterStore
from inspectd.deadletters.store import DeadLetterStore
from inspectd.kafka_client import KafkaSender
from inspectd.settings import KafkaSettings

Command = Callable[..., Result]


async def _fill(store: DeadLetterStore) -> None:
    await store.put(bare(jpeg()[:-9]), "truncated", "the picture's end is missing")
    await store.put(record(), "model_failed", "3 tries: [bold]out of memory")
    await store.put(bare(None, value=None, key=b"press-2"), "empty", "the record has no value")


@pytest.fixture
def kafka(stack: Services, monkeypatch: pytest.MonkeyPatch) -> KafkaSettings:
    settings = stack.kafka_settings()
    for name in ("bootstrap_servers", "frames_topic", "dead_letters_topic"):
        monkeypatch.setenv(f"INSPECTD_KAFKA__{name.upper()}", getattr(settings, name))

    async def fill() -> None:
        sender = KafkaSender(settings=settings)
        await _fill(KafkaDeadLetterStore(settings=settings, sender=sender))
        await sender.close()

    asyncio.run(fill())
    return settings


@pytest.fixture(params=["files", pytest.param("kafka", marks=pytest.mark.service("kafka"))])
def command(request: pytest.FixtureRequest, app: typer.Typer, tmp_path: Path) -> Command:
    """Runs a dead-letters command over three letters."""
    where: list[str] = []
    if request.param == "files":
        asyncio.run(_file_letters(tmp_path))
        where = ["--state-dir", str(tmp_path)]
    else:
        request.getfixturevalue("kafka")
    return lambda *words: CliRunner().invoke(app, ["dead-letters", *words, *where])


async def _file_letters(folder: Path) -> None:
    store = FileDeadLetterStore(folder=folder / "dead-letters")
    await store.open()
    await _fill(store)


def listed(command: Command, *words: str) -> list[dict[str, object]]:
    result = command("list", "--json", *words)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_letters_of_an_embedded_daemon_are_read_without_the_kafka_client(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_file_letters(tmp_path))
    monkeypatch.setitem(sys.modules, "kafka", None)  # as without `pip install 'inspectd[stack]'`
    monkeypatch.delitem(sys.modules, "inspectd.kafka_client")
    words = ["dead-letters", "list", "--json", "--state-dir", str(tmp_path)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 3
    result = CliRunner().invoke(app, ["dead-letters", "replay", "--all", *words[3:]])
    assert result.exit_code == 2
    assert "the Kafka client is not installed" in result.output


def test_letters_are_listed_oldest_first(command: Command) -> None:
    found = listed(command)
    assert [letter["reason"] for letter in found] == ["truncated", "model_failed", "empty"]
    assert found[1]["frame_id"] == "press-1/boot-7/0000000001"
    assert (found[2]["camera_id"], found[2]["value_bytes"]) == ("press-2", None)
    table = command("list").stdout
    assert "[bold]out of memory" in table
    assert str(found[0]["position"]) in table


def test_filters_and_the_limit_hold(command: Command) -> None:
    assert [letter["reason"] for letter in listed(command, "--reason", "truncated")] == ["truncated"]
    assert [letter["reason"] for letter in listed(command, "--camera", "press-2")] == ["empty"]
    assert [letter["reason"] for letter in listed(command, "-n", "1")] == ["empty"]
    assert "No dead letters that match." in command("list", "--reason", "nothing").stdout


def test_one_is_shown_and_its_picture_saved(command: Command, tmp_path: Path) -> None:
    position = str(listed(command)[1]["position"])
    result = command("show", position, "--save", str(tmp_path / "x.jpg"))
    assert result.exit_code == 0, result.output
    assert "model_failed" in result.stdout
    assert "ce_id: boot-7/0000000001" in result.stdout
    assert (tmp_path / "x.jpg").read_bytes() == jpeg()


def test_a_position_that_is_not_there_and_a_letter_without_a_picture_are_told(command: Command, tmp_path: Path) -> None:
    result = command("show", "9:999")
    assert result.exit_code == 1
    assert "no dead letter at 9:999" in result.stderr
    empty = str(listed(command)[2]["position"])
    result = command("show", empty, "--save", str(tmp_path / "x.jpg"))
    assert result.exit_code == 1
    assert "no picture" in result.stderr


def test_replay_wants_to_know_which(command: Command) -> None:
    assert command("replay").exit_code == 2
    assert command("replay", "0:1", "--all").exit_code == 2
    assert command("replay", "9:999").exit_code == 1


def test_a_dry_run_sends_nothing(command: Command) -> None:
    result = command("replay", "--all", "--dry-run")
    assert "2 would be sent again, 1 have no value to send" in result.stdout


@pytest.mark.service("kafka")
@pytest.mark.parametrize("embedded", [False, True])
def test_replayed_records_are_the_original_ones(
    kafka: KafkaSettings, app: typer.Typer, tmp_path: Path, embedded: bool
) -> None:
    where: list[str] = []
    if embedded:
        asyncio.run(_file_letters(tmp_path))
        where = ["--state-dir", str(tmp_path)]
    result = CliRunner().invoke(app, ["dead-letters", "replay", "--all", "--reason", "model_failed", "--json", *where])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"replayed": 1, "without_value": 0, "dry_run": False}
    (found,) = drain(kafka, kafka.frames_topic)
    assert (found.key, found.value, found.headers) == (record().key, record().value, list(record().headers))


def test_a_broker_that_is_away_is_one_line(app: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspectd.kafka_client.BOOTSTRAP_TIMEOUT_S", 0.5)
    result = CliRunner().invoke(app, ["dead-letters", "list", "--bootstrap-servers", "127.0.0.1:1"])
    assert result.exit_code == 1
    assert "kafka.bootstrap_servers" in result.stderr
