"""Free TCP ports on loopback. It knows no service."""

import random
import socket
from typing import Literal

from inspectd.errors import Misconfigured

HOST = "127.0.0.1"

#: auto: the usual port, another one when it is taken; fixed: the usual port or nothing; free: any free port.
PortChoice = Literal["auto", "fixed", "free"]

#: Below the range that the kernel hands to outgoing connections (32768 and up), so that none takes a chosen port.
_LOW, _HIGH = 20_000, 32_000


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: TIME_WAIT is no listener
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def accepts(port: int, timeout_s: float = 0.5) -> bool:
    """Whether something listens on the port."""
    try:
        with socket.create_connection((HOST, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def choose(usual: dict[str, int], choice: PortChoice, taken: frozenset[int] = frozenset()) -> dict[str, int]:
    """A port for each purpose, none in `taken`. Raises Misconfigured when a usual port is required and taken."""
    chosen: dict[str, int] = {}
    for purpose, port in usual.items():
        barred = taken | set(chosen.values())
        if choice == "free" or not is_free(port) or port in barred:
            if choice == "fixed":
                raise Misconfigured("--ports", f"port {port} ({purpose}) is taken", "Use --ports auto")
            port = _random_free(barred)
        chosen[purpose] = port
    return chosen


def _random_free(barred: frozenset[int] | set[int]) -> int:
    for _ in range(1000):
        port = random.randrange(_LOW, _HIGH)
        if port not in barred and is_free(port):
            return port
    raise Misconfigured("--ports", "no free port was found on loopback", "End some of the programs that listen there")
