"""`inspectd stack` as a person or a script types it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.services import CACHE
from typer.testing import CliRunner, Result

from inspectd.cli.stack import app
from inspectd.errors import Misconfigured, NotFound

pytestmark = pytest.mark.service("redis")


class Cli:
    """The command line on a state directory of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __call__(self, command: str, *options: str) -> Result:
        cache = [] if command == "logs" else ["--cache-dir", str(CACHE)]
        return CliRunner().invoke(app, [command, "--state-dir", str(self.place), *cache, *options])

    def up(self, *options: str) -> Result:
        result = self("up", "--services", "redis", "--ports", "free", *options)
        assert result.exit_code == 0, result.output
        return result


@pytest.fixture
def cli(tmp_path: Path):
    cli = Cli(tmp_path / "state")
    yield cli
    cli("down")


def test_up_prints_the_variables_on_standard_output_and_the_progress_elsewhere(cli: Cli) -> None:
    result = cli.up()
    (line,) = result.stdout.splitlines()
    name, url = line.split("=", 1)
    assert name == "INSPECTD_REDIS__URL"
    assert url.startswith("redis://127.0.0.1:")
    assert "redis      ready" in result.stderr


def test_up_says_what_runs_already(cli: Cli) -> None:
    cli.up()
    assert "already running" in cli.up().stderr


def test_up_as_json_is_one_object(cli: Cli) -> None:
    answer = json.loads(cli.up("--json").stdout)
    assert answer["services"][0]["state"] == "ready"
    assert answer["environment"]["INSPECTD_REDIS__URL"].startswith("redis://")


def test_status_tells_by_its_exit_code_whether_all_is_ready(cli: Cli) -> None:
    assert cli("status").exit_code == 1
    cli.up()
    result = cli("status")
    assert result.exit_code == 0
    assert "ready" in result.stdout
    cli("down")
    result = cli("status")
    assert result.exit_code == 1
    assert "stopped" in result.stdout


def test_logs_shows_what_a_service_wrote(cli: Cli) -> None:
    cli.up()
    assert "Ready to accept connections" in cli("logs", "redis").stdout
    assert len(cli("logs", "-n", "2").stdout.splitlines()) == 2


def test_logs_of_nothing_is_told(cli: Cli) -> None:
    assert isinstance(cli("logs", "kafka").exception, NotFound)


def test_down_says_what_it_stops(cli: Cli) -> None:
    cli.up()
    assert "redis      stopped" in cli("down").stderr


def test_an_unknown_service_is_refused_before_anything_starts(cli: Cli) -> None:
    result = cli("up", "--services", "redis,rabbit")
    assert isinstance(result.exception, Misconfigured)
    assert cli("status").exit_code == 1


def test_a_wrong_setting_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "inspectd", "stack", "up", "--services", "rabbit", "--state-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("inspectd: --services: unknown: rabbit.")
