"""The systemd unit, its configuration file and the script for a broker of one's own."""

import configparser
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.commands import parse
from tests.deploy.artefacts import DEPLOY, field_of, variables_in

from inspectd.settings import FrameSettings, KafkaSettings, load_settings
from inspectd.stack.topics import topics

UNIT = DEPLOY / "systemd" / "inspectd.service"
TOML = DEPLOY / "systemd" / "inspectd.toml"


@pytest.fixture(scope="module")
def unit() -> configparser.ConfigParser:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNIT)
    return unit


@pytest.fixture(scope="module")
def service(unit: configparser.ConfigParser) -> "configparser.SectionProxy":
    return unit["Service"]


def test_the_unit_runs_a_command_of_ours(service: "configparser.SectionProxy") -> None:
    program, *words = shlex.split(service["ExecStart"])
    assert Path(program).name == "inspectd"
    parse("inspectd", words)
    assert words[-1] == "/etc/inspectd/inspectd.toml"


def test_the_unit_and_its_file_name_settings_only() -> None:
    for file in (UNIT, TOML):
        assert all(field_of(name) for name in variables_in(file.read_text()))


def test_the_state_directory_is_the_one_that_systemd_makes(service: "configparser.SectionProxy") -> None:
    assert f"INSPECTD_STATE_DIR=%S/{service['StateDirectory']}" in service["Environment"].split()


def test_the_unit_may_open_a_camera_of_this_machine(service: "configparser.SectionProxy") -> None:
    assert "video" in service["SupplementaryGroups"].split()
    assert service.get("PrivateDevices", "no") == "no"


def test_a_wrong_setting_is_not_tried_for_ever(service: "configparser.SectionProxy", tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[api]\nprot = 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "inspectd", "run", "--config", wrong], capture_output=True, text=True, check=False
    )
    assert str(done.returncode) == service["RestartPreventExitStatus"]
    assert "api.prot" in done.stderr


def test_a_server_that_is_away_is_waited_for_with_any_number_of_starts(
    unit: configparser.ConfigParser, tmp_path: Path
) -> None:
    environment = os.environ | {
        "INSPECTD_STATE_DIR": str(tmp_path),
        "INSPECTD_FRAMES__SOURCE": "simulated",
        "INSPECTD_VISION__BACKEND": "triton",  # asked after Redis, and nothing is loaded here
        "INSPECTD_REDIS__URL": "redis://127.0.0.1:9/0",
    }
    done = subprocess.run(
        [sys.executable, "-m", "inspectd", "run"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1].startswith("inspectd: redis.url: no answer")
    assert done.returncode == 1
    assert str(done.returncode) not in unit["Service"]["RestartPreventExitStatus"].split()
    assert (unit["Service"]["Restart"], unit["Unit"]["StartLimitIntervalSec"]) == ("always", "0")


def test_the_configuration_file_is_valid_with_either_half(tmp_path: Path) -> None:
    shown = load_settings(TOML)
    assert (shown.frames.source.split(":")[0], shown.vision.backend) == ("rtsp", "local")
    commented = TOML.read_text().partition("instead:\n")[2]
    other = tmp_path / "other.toml"
    other.write_text(re.sub(r"^# ?", "", commented, flags=re.MULTILINE))
    servers = load_settings(other)
    assert (servers.frames.source, servers.vision.backend) == ("kafka", "triton")


def test_the_broker_script_creates_what_the_command_creates(tmp_path: Path) -> None:
    tool = tmp_path / "bin" / "kafka-topics.sh"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\necho "$@"\n')
    tool.chmod(0o755)
    environment = {**os.environ, "KAFKA_HOME": str(tmp_path), "PARTITIONS": "7", "REPLICATION_FACTOR": "3"}
    said = subprocess.run(
        [DEPLOY / "kafka" / "create-topics"], env=environment, check=True, capture_output=True, text=True
    ).stdout
    made = {}
    for line in said.splitlines():
        words = line.split()
        configuration = dict(words[i + 1].split("=", 1) for i, word in enumerate(words) if word == "--config")
        assert words[words.index("--replication-factor") + 1] == "3"
        made[words[words.index("--topic") + 1]] = (int(words[words.index("--partitions") + 1]), configuration)
    wanted = topics(KafkaSettings(), FrameSettings().max_frame_bytes, 7)
    assert made == {topic.name: (topic.partitions, topic.configuration) for topic in wanted}
