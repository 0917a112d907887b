"""A service's process: recorded before it exists, recognised, and nothing else is ever killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inspectd.stack.process import Launch, ServiceProcess

SLEEP = Launch((sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"), fingerprint="a")
#: Ignores SIGTERM and has a child that ignores it too.
STUBBORN = Launch(
    (
        sys.executable,
        "-c",
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(os.fork(), flush=True); time.sleep(60)",
    )
)


@pytest.fixture
def process(tmp_path: Path):
    process = ServiceProcess("thing", tmp_path)
    yield process
    process.stop(signal.SIGKILL, 5)


def await_log(process: ServiceProcess, lines: int = 1) -> list[str]:
    deadline = time.monotonic() + 20
    while len(found := process.log_tail().splitlines()) < lines and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_it_is_started_recorded_and_stopped(process: ServiceProcess) -> None:
    record = process.start(SLEEP)
    assert process.running() == record
    assert record.fingerprint == "a"
    assert await_log(process) == ["up"]
    assert process.stop()
    assert not alive(record.pid)
    assert process.record() is None


def test_stopping_what_does_not_run_says_so(process: ServiceProcess) -> None:
    assert not process.stop()


def test_its_environment_is_added_to_ours(process: ServiceProcess) -> None:
    program = "import os, time; print(os.environ['THING'], 'PATH' in os.environ, flush=True); time.sleep(60)"
    process.start(Launch((sys.executable, "-c", program), {"THING": "seven"}))
    assert await_log(process) == ["seven True"]


def test_a_process_that_will_not_end_is_killed_with_its_children(process: ServiceProcess) -> None:
    record = process.start(STUBBORN)
    child = int(max(await_log(process, 2), key=int))
    process.stop(timeout_s=0.3)
    time.sleep(0.1)
    assert not alive(record.pid)
    assert not alive(child)


def test_children_of_a_killed_service_are_found_later(process: ServiceProcess) -> None:
    record = process.start(STUBBORN)
    child = int(max(await_log(process, 2), key=int))
    os.kill(record.pid, signal.SIGKILL)
    assert process.wait_gone(5)
    assert alive(child)
    assert not process.stop()
    time.sleep(0.1)
    assert not alive(child)


def test_a_number_that_another_process_has_by_now_is_not_signalled(process: ServiceProcess) -> None:
    process.start(SLEEP)
    process.stop()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        forged = {
            "pid": stranger.pid,
            "start_ticks": 1,
            "boot_id": "x",
            "fingerprint": "",
            "start_time": 0,
            "command": [],
        }
        process.record_path.write_text(json.dumps(forged))
        assert process.running() is None
        assert not process.stop(signal.SIGKILL)
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_damaged_record_is_no_record(process: ServiceProcess, text: str) -> None:
    process.record_path.parent.mkdir(parents=True)
    process.record_path.write_text(text)
    assert process.running() is None
    assert not process.stop()


def test_a_program_that_is_not_there_ends_at_once_and_says_why_in_the_log(process: ServiceProcess) -> None:
    process.start(Launch(("/nonexistent/program",)))
    assert process.wait_gone(5)
    assert any("No such file" in line for line in await_log(process, 3))


def test_it_outlives_a_parent_that_was_killed_and_is_found_again(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from inspectd.stack.process import Launch, ServiceProcess\n"
        f"ServiceProcess('thing', Path({str(tmp_path)!r})).start(Launch((sys.executable, '-c', 'import time; time.sleep(60)')))\n"
        "print('started', flush=True); time.sleep(60)"
    )
    process = ServiceProcess("thing", tmp_path)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        parent.kill()
    assert process.running() is not None
    assert process.stop()


def test_it_ends_with_its_parent_when_asked_to(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from inspectd.stack.process import Launch, ServiceProcess\n"
        f"ServiceProcess('thing', Path({str(tmp_path)!r})).start(\n"
        "    Launch((sys.executable, '-c', 'import time; time.sleep(60)')), die_with_parent=True)\n"
        "print('started', flush=True); time.sleep(60)"
    )
    process = ServiceProcess("thing", tmp_path)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        parent.kill()
    assert process.wait_gone(5)
