"""How a command reaches the daemon: its options, and errors as one clear line."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer
from rich.console import Console

from inspectd.api.exposure import is_loopback
from inspectd.errors import Misconfigured
from inspectd.settings import load_settings

if TYPE_CHECKING:  # gRPC is loaded when a command runs
    from inspectd.client import Client

T = TypeVar("T")

Address = Annotated[
    str,
    typer.Option("--address", metavar="HOST:PORT", help="The daemon's gRPC address [default: api.host:api.port]."),
]
Ca = Annotated[
    Path | None,
    typer.Option(
        "--tls-ca", metavar="FILE", help="PEM of the authority (or the daemon's own certificate); turns TLS on."
    ),
]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="TOML file of settings.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line (the protos' fields), for other programs.")]


def call(address: str, ca: Path | None, config: Path | None, work: "Callable[[Client], Awaitable[T]]") -> T:
    """Runs `work` with a client. Exit code 1 with one line when a call fails, 2 for a wrong setting, 130 after Ctrl-C."""
    from inspectd.client import CallError

    try:
        return asyncio.run(_with_client(address, ca, config, work))
    except CallError as error:
        give_up(str(error), 1)
    except Misconfigured as error:
        give_up(str(error), 2)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def give_up(text: str, code: int) -> NoReturn:
    """One line on standard error, then the exit code."""
    Console(stderr=True, highlight=False, soft_wrap=True).print("inspectd:", text, style="red", markup=False)
    raise typer.Exit(code)


def table_console() -> Console:
    """Standard output for tables; wide when it is not a terminal, so that a pipe gets whole rows."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 220)


async def _with_client(
    address: str, ca: Path | None, config: Path | None, work: "Callable[[Client], Awaitable[T]]"
) -> T:
    from inspectd.client import Client

    settings = load_settings(config).api
    target = address or f"{_reachable(settings.host)}:{settings.port}"
    authority = ca or settings.tls_certificate
    try:
        pem = None if authority is None else authority.expanduser().read_bytes()
    except OSError as error:
        name = "--tls-ca" if ca is not None else "api.tls_certificate"
        raise Misconfigured(name, f"{authority} cannot be read ({error.strerror})", "Give a PEM file") from error
    tls = not is_loopback(target.rpartition(":")[0])
    token = settings.token.get_secret_value()
    async with Client(address=target, token=token, tls=tls, ca=pem) as client:
        return await work(client)


def _reachable(host: str) -> str:
    """Where a client finds a server that listens on `host`: a wildcard is this machine."""
    if host in ("0.0.0.0", "::", ""):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
