"""`inspectd topics`: what it lists is what it creates, in a real broker."""

import json
import uuid

import pytest
from tests.services import Services
from typer.testing import CliRunner

from inspectd.cli import app
from inspectd.settings import KafkaSettings
from inspectd.stack.topics import topics

RUNNER = CliRunner()


def test_every_topic_of_the_settings_is_listed() -> None:
    listed = RUNNER.invoke(app, ["topics", "list", "--json", "--partitions", "7"])
    assert listed.exit_code == 0
    rows = [json.loads(line) for line in listed.stdout.splitlines()]
    expected = topics(KafkaSettings(), 512 * 1024, 7)
    assert rows == [{"name": t.name, "partitions": t.partitions, "configuration": t.configuration} for t in expected]


def test_another_topic_name_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPECTD_KAFKA__FRAMES_TOPIC", "line-7.frames")
    assert "line-7.frames" in RUNNER.invoke(app, ["topics", "list"]).stdout


@pytest.mark.service("kafka")
def test_creating_twice_creates_once(stack: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPECTD_KAFKA__BOOTSTRAP_SERVERS", stack.kafka)
    tag = uuid.uuid4().hex[:8]
    names = [name for name in KafkaSettings.model_fields if name.endswith("_topic")]
    for name in names:
        monkeypatch.setenv(f"INSPECTD_KAFKA__{name.upper()}", f"{name}.{tag}")
    first = RUNNER.invoke(app, ["topics", "create"])
    second = RUNNER.invoke(app, ["topics", "create"])
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert [line.split()[0] for line in first.stdout.splitlines() if line.endswith("created")] == [
        f"{name}.{tag}" for name in names
    ]
    assert "created" not in second.stdout
