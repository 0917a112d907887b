"""`stack up`, `status` and `down` over and over, with kills in between; Redis stands for all services."""

import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from tests.services import CACHE

from inspectd.errors import Misconfigured, Unavailable
from inspectd.settings import load_settings
from inspectd.stack import ports as stack_ports
from inspectd.stack.plan import Plan
from inspectd.stack.redis import Redis
from inspectd.stack.stack import Stack

REDIS = Plan(services=("redis",))

pytestmark = pytest.mark.service("redis")


@pytest.fixture
def place(tmp_path: Path):
    stack = Stack(tmp_path / "state", CACHE)
    yield stack
    stack.down()


def words(log: list[tuple[str, str]], name: str = "redis") -> list[str]:
    return [word for service, word in log if service == name]


def test_up_makes_it_ready_and_says_where_it_is(place: Stack) -> None:
    plan = place.up(REDIS, "free")
    (state,) = place.status()
    assert (state.name, state.state, state.ports) == ("redis", "ready", {"redis": plan.ports["redis"]})
    assert place.settings() == {"redis.url": f"redis://127.0.0.1:{plan.ports['redis']}/0"}


def test_a_second_up_leaves_it_running_at_the_same_port(place: Stack) -> None:
    log: list[tuple[str, str]] = []
    first = place.up(REDIS, "free")
    (before,) = place.status()
    second = place.up(REDIS, "free", lambda name, word: log.append((name, word)))
    assert words(log)[-1] == "already running"
    assert place.status()[0].pid == before.pid
    assert second.ports == first.ports


def test_up_after_a_kill_comes_back_at_the_same_port(place: Stack) -> None:
    first = place.up(REDIS, "free")
    place.process("redis").signal(signal.SIGKILL)
    assert place.process("redis").wait_gone(5)
    assert place.status()[0].state == "died"
    assert place.up(REDIS, "free").ports == first.ports
    assert place.status()[0].state == "ready"


def test_down_stops_it_and_a_second_down_says_that_nothing_ran(place: Stack) -> None:
    place.up(REDIS, "free")
    pid = place.status()[0].pid
    log: list[tuple[str, str]] = []
    place.down(lambda name, word: log.append((name, word)))
    place.down(lambda name, word: log.append((name, word)))
    assert words(log) == ["stopping", "stopped", "stopping", "was not running"]
    assert place.process("redis").running() is None
    assert not Path(f"/proc/{pid}/exe").exists()
    assert place.status()[0].state == "stopped"


def test_services_of_an_earlier_up_stay_when_others_are_asked_for(place: Stack) -> None:
    place.up(REDIS, "free")
    pid = place.status()[0].pid
    assert place.up(Plan(services=()), "free").services == ("redis",)
    assert place.status()[0].pid == pid


def test_another_configuration_restarts_the_service(place: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    place.up(REDIS, "free")
    pid = place.status()[0].pid
    monkeypatch.setattr(Redis.__init__, "__kwdefaults__", {"max_memory_mb": 64})
    log: list[tuple[str, str]] = []
    place.up(REDIS, "free", lambda name, word: log.append((name, word)))
    assert "stopping, its configuration changed" in words(log)
    assert place.status()[0].pid not in (0, pid)


def test_the_daemon_reads_the_files_that_up_writes(place: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    place.up(REDIS, "free")
    url = place.settings()["redis.url"]
    assert load_settings(place.state_dir / "stack.toml").redis.url.get_secret_value() == url
    name, value = (place.state_dir / "stack.env").read_text().strip().split("=", 1)
    monkeypatch.setenv(name, value)
    assert load_settings().redis.url.get_secret_value() == url


def test_the_written_toml_has_a_section_for_every_service(place: Stack) -> None:
    place.up(REDIS, "free")
    assert set(tomllib.loads((place.state_dir / "stack.toml").read_text())) == {"redis"}


def test_a_taken_port_is_avoided_or_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert stack_ports.choose({"redis": port}, "auto")["redis"] != port
        with pytest.raises(Misconfigured, match=f"port {port} \\(redis\\) is taken"):
            stack_ports.choose({"redis": port}, "fixed")


def test_a_service_that_ends_at_once_is_told_with_its_last_lines(place: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Redis.__init__, "__kwdefaults__", {"max_memory_mb": "a lot of "})
    with pytest.raises(Misconfigured, match="redis: ended while starting") as caught:
        place.up(REDIS, "free")
    assert "a lot of" in str(caught.value)
    assert str(place.process("redis").log_path) in caught.value.mend


def test_a_service_that_never_gets_ready_is_given_up(place: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Redis, "probe", lambda self: "waiting for Godot")
    monkeypatch.setattr(Redis, "ready_timeout_s", 0.3)
    with pytest.raises(Unavailable, match="Godot"):
        place.up(REDIS, "free")


def test_an_unknown_service_is_refused_by_name() -> None:
    with pytest.raises(Misconfigured, match="rabbit"):
        Plan(services=("redis", "rabbit"))


def test_a_damaged_plan_counts_as_none(place: Stack) -> None:
    place.up(REDIS, "free")
    place.down()
    (place.state_dir / "stack.json").write_text("{")
    assert place.status() == ()
    place.up(REDIS, "free")


def test_an_up_that_is_killed_leaves_nothing_that_the_next_one_cannot_mend(place: Stack) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from inspectd.stack.plan import Plan; from inspectd.stack.stack import Stack\n"
        "from inspectd.stack.redis import Redis\n"
        "Redis.probe = lambda self: 'never'\n"
        f"Stack(Path({str(place.state_dir)!r}), Path({str(CACHE)!r})).up(Plan(services=('redis',)), 'free',\n"
        "    lambda name, word: print(word, flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as up:
        assert up.stdout is not None
        while up.stdout.readline().strip() != "never":
            pass
        os.kill(up.pid, signal.SIGKILL)
    pid = place.status()[0].pid
    place.up(REDIS, "free")
    assert place.status()[0].state == "ready"
    assert place.status()[0].pid == pid


def test_two_ups_at_once_start_one_service(place: Stack) -> None:
    program = (
        "from pathlib import Path\nfrom inspectd.stack.plan import Plan; from inspectd.stack.stack import Stack\n"
        f"stack = Stack(Path({str(place.state_dir)!r}), Path({str(CACHE)!r})); stack.up(Plan(services=('redis',)), 'free')\n"
        "print(stack.status()[0].pid)"
    )
    ups = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(2)]
    pids = {up.communicate(timeout=60)[0].strip() for up in ups}
    assert pids == {str(place.status()[0].pid).encode()}


def test_data_written_to_it_can_be_read_through_its_address(place: Stack) -> None:
    place.up(REDIS, "free")
    port = int(place.settings()["redis.url"].rpartition(":")[2].removesuffix("/0"))
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"SET a 1\r\nGET a\r\n")
        time.sleep(0.1)
        assert b"$1\r\n1" in connection.recv(100)
