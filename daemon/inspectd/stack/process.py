"""One service's process: started apart from us, recorded, recognised, stopped. It knows no service.

A process is ours only while its number, its start time and the machine's boot are those of the record; a number that was
given to another process since is never signalled.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from inspectd.stack import launch


@dataclass(frozen=True, slots=True)
class Launch:
    """How a service is started."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)  # on top of ours
    fingerprint: str = ""  # a running service with another one is started anew


@dataclass(frozen=True, slots=True)
class Record:
    """What was written down about a process when it started."""

    pid: int
    start_ticks: int
    boot_id: str
    fingerprint: str
    start_time: float  # seconds since the epoch
    command: tuple[str, ...]


#: How errors begin in the logs of the four services: Triton's E lines, log4j and PostgreSQL levels, exceptions.
_TELLING = re.compile(
    r"^E\d{4} |\b(ERROR|FATAL|PANIC)\b|\w(Error|Exception|Head)\b: |[Cc]an't|[Cc]annot|[Ff]atal|No such file"
)

#: Children of this process, so that they are reaped; services of an earlier run are not in it.
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


class ServiceProcess:
    """The process of one service under a state directory: `run/<name>.json` and `logs/<name>.log`."""

    def __init__(self, name: str, state_dir: Path) -> None:
        self.name = name
        self.record_path = state_dir / "run" / f"{name}.json"
        self.log_path = state_dir / "logs" / f"{name}.log"

    def record(self) -> Record | None:
        """The record, whether its process lives or not."""
        try:
            values = json.loads(self.record_path.read_text())
            return Record(
                pid=int(values["pid"]),
                start_ticks=int(values["start_ticks"]),
                boot_id=str(values["boot_id"]),
                fingerprint=str(values["fingerprint"]),
                start_time=float(values["start_time"]),
                command=tuple(values["command"]),
            )
        except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError, ValueError):
            return None

    def running(self) -> Record | None:
        """The record of the living process; None when it is gone, also when its number is another's by now."""
        record = self.record()
        if record is None:
            return None
        _reap(record.pid)
        now = launch.identity(record.pid)
        same = now is not None and (now["start_ticks"], now["boot_id"]) == (record.start_ticks, record.boot_id)
        return record if same else None

    def start(self, plan: Launch, *, die_with_parent: bool = False, record_timeout_s: float = 30.0) -> Record:
        """Starts the service in a session of its own with a new log; the last one is kept as `.1`. Raises OSError."""
        self.record_path.parent.mkdir(parents=True, exist_ok=True)
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.record_path.unlink(missing_ok=True)
        if self.log_path.exists():
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        options = {
            "fingerprint": plan.fingerprint,
            "start_time": time.time(),
            "die_with_parent": die_with_parent,
            "parent": os.getpid(),
            "environment": dict(plan.environment),
        }
        launcher = [sys.executable, "-I", "-S", launch.__file__, str(self.record_path), json.dumps(options)]
        with self.log_path.open("ab") as log:
            child = subprocess.Popen(
                [*launcher, *plan.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _CHILDREN[child.pid] = child
        return self._await_record(child, record_timeout_s)

    def _await_record(self, child: subprocess.Popen[bytes], timeout_s: float) -> Record:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            record = self.record()
            if record is not None:
                return record
            if child.poll() is not None:
                break
            time.sleep(0.01)
        raise OSError(f"{self.name} could not be started: {self.last_words() or 'it ended at once'}")

    def stop(self, stop_signal: signal.Signals = signal.SIGTERM, timeout_s: float = 20.0) -> bool:
        """Asks the process to end, then kills it and what it started; returns whether it lived. Its record goes too."""
        lived = self.running() is not None
        if lived:
            self.signal(stop_signal)
            if not self.wait_gone(timeout_s):
                self.signal(signal.SIGKILL)
                self.wait_gone(10.0)
        self._kill_children()
        self.record_path.unlink(missing_ok=True)
        return lived

    def _kill_children(self, timeout_s: float = 10.0) -> None:
        """Kills what is left of the session that the service led and waits until it is gone.

        A session keeps its number from being given to another process, so a member is ours unless the number is a
        living stranger's.
        """
        record = self.record()
        if record is None or launch.identity(record.pid) is not None:
            return
        deadline = time.monotonic() + timeout_s
        while (members := _session_of(record)) and time.monotonic() < deadline:
            for pid in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the process if it is still the recorded one."""
        record = self.running()
        if record is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(record.pid, number)

    def wait_gone(self, timeout_s: float) -> bool:
        """Whether the process ended within the time."""
        deadline = time.monotonic() + timeout_s
        while self.running() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def last_words(self) -> str:
        """Why a service ended: the log's last line that speaks of an error and what follows, else its last lines."""
        lines = [
            line.strip() for line in self.log_tail(200).splitlines() if line.strip("|+-= \t")
        ]  # no empty table rows
        telling = [number for number, line in enumerate(lines) if _TELLING.search(line)]
        begin = telling[-1] if telling else max(0, len(lines) - 3)
        return " / ".join(lines[begin : begin + 3])  # some put the reason below a heading

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the log."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(max(0, self.log_path.stat().st_size - 64 * 1024))
                return "\n".join(log.read().decode("utf-8", "replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


def _session_of(record: Record) -> list[int]:
    """The living processes that the service or a descendant started and that outlived it."""
    found = (launch.identity(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [
        member["pid"]
        for member in found
        if member is not None
        and (member["session"], member["boot_id"]) == (record.pid, record.boot_id)
        and member["start_ticks"] >= record.start_ticks
    ]


def _reap(pid: int) -> None:
    child = _CHILDREN.get(pid)
    if child is not None and child.poll() is not None:
        del _CHILDREN[pid]
