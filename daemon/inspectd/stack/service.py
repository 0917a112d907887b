"""The port of a service of the stack: how it is prepared, started, and known to be ready."""

import signal
from typing import Protocol

from inspectd.stack.download import Say
from inspectd.stack.process import Launch


class Service(Protocol):
    """One server on loopback with its data under the state directory."""

    name: str
    ports: dict[str, int]  # purpose -> port
    ready_timeout_s: float
    stop_signal: signal.Signals
    stop_timeout_s: float

    def prepare(self, say: Say) -> Launch:
        """Fetches what is missing and writes configuration; may run again and again. Raises Misconfigured."""

    def probe(self) -> str:
        """Empty when the server answers, else what it is still waited for."""

    def complete(self) -> None:
        """What is made inside the server once it answers (topics, a database); may run again. Raises Unavailable."""

    def clean(self) -> None:
        """Removes what a dead process of this service left outside the state directory."""

    def settings(self) -> dict[str, str]:
        """The daemon's settings that reach this server, dotted path -> value."""
