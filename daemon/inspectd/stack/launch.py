"""Run as a script: writes down who this process is, then becomes the service.

Because the process records itself before the service exists, a service can never run unrecorded, not even when whoever
started it is killed in between. Standard library only: it is started without site-packages.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import TypedDict

#: prctl's option: the signal that this process gets when the thread that started it ends.
PR_SET_PDEATHSIG = 1


class Identity(TypedDict):
    """A process's number, the session it is in, its start in clock ticks since the machine's boot, and that boot."""

    pid: int
    session: int
    start_ticks: int
    boot_id: str


def identity(pid: int) -> Identity | None:
    """What tells this process from a later one with the same number: None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    state, *rest = stat.rpartition(")")[2].split()
    # a zombie with threads is still dying: until the last of them is gone, it holds its ports and files
    if state in ("Z", "X") and int(rest[16]) <= 1:
        return None
    return {"pid": pid, "session": int(rest[2]), "start_ticks": int(rest[18]), "boot_id": boot}


def main(arguments: list[str]) -> None:
    """Arguments: the record's path, what to add to the record as JSON, the command."""
    path, extra, *command = arguments
    options = json.loads(extra)
    parent = options.pop("parent")
    if options.pop("die_with_parent"):
        _die_with_parent(parent)
    os.environ.update(options.pop("environment"))
    record = {**(identity(os.getpid()) or {}), **options, "command": command}
    partial = Path(path + ".partial")
    partial.write_text(json.dumps(record))
    partial.replace(path)
    os.execvp(command[0], command)


def _die_with_parent(parent: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before the kernel was asked
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
