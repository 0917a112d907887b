"""`inspectd demo`: the whole daemon on one machine, with simulated cameras or a folder of your own pictures."""

import asyncio
import contextlib
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspectd.cli.run import stop_on_signals
from inspectd.settings import Settings, load_settings

if TYPE_CHECKING:
    from inspectd.cli.live_view import Tally
    from inspectd.wiring import Daemon

#: Frames per second of each simulated camera: two cores keep up with three of them.
DEMO_RATE = 4.0
#: How often the view is drawn, in seconds.
REFRESH_S = 0.25


def demo(
    frames: Annotated[int, typer.Option(help="Frames in all; 0 goes on until Ctrl-C.", min=0)] = 0,
    exit_at_end: Annotated[bool, typer.Option("--exit", help="End by itself when the frames are done.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The last line is one JSON object with the figures.")] = False,
    images: Annotated[Path | None, typer.Option(help="Inspect the pictures of this folder instead.")] = None,
    rate: Annotated[float, typer.Option(help="Frames per second of each camera.", min=0.1)] = DEMO_RATE,
    port: Annotated[int, typer.Option(help="The dashboard's port; 0 takes a free one.")] = 0,
    state_dir: Annotated[
        Path | None, typer.Option(help="Keep the demo's state here; a temporary folder when unset.")
    ] = None,
) -> None:
    """Inspects three simulated cameras (or your pictures) with the shipped models; no service is needed.

    Examples:
      inspectd demo

      inspectd demo --frames 300 --exit --json

      inspectd demo --images my-parts/ --exit

    """
    with contextlib.ExitStack() as stack:
        state = state_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inspectd-demo-")))
        source: dict[str, Any] = {"source": "simulated", "rate": rate, "limit": frames}
        if images is not None:
            source |= {"source": f"folder:{images}", "camera": "pictures", "limit": frames}
        settings = load_settings(
            state_dir=state, log_level="error", frames=source, api={"port": 0}, dashboard={"port": port}
        )
        tally = asyncio.run(_demo(settings, end=exit_at_end, view=sys.stderr.isatty()))
    print_summary(tally, as_json=as_json)


def print_summary(tally: "Tally", *, as_json: bool) -> None:
    """What the run has seen: one line for people, or one JSON object."""
    summary = tally.summary()
    if as_json:
        print(json.dumps(summary))
        return
    outcomes = ", ".join(f"{count} {name}" for name, count in summary["outcomes"].items() if count)
    print(
        f"{summary['frames']} frames ({outcomes or 'none'}), {summary['events']} events, {summary['explained']} explained, "
        f"{summary['verified']} of them in the model's own verified words; "
        f"capture to verdict p50 {summary['p50_ms']} ms, p99 {summary['p99_ms']} ms"
    )


async def _demo(settings: Settings, *, end: bool, view: bool) -> "Tally":
    from inspectd.cli.live_view import Tally
    from inspectd.logs import configure_logs
    from inspectd.wiring import open_daemon

    configure_logs(settings)
    tally = Tally()
    print("loading the models …", file=sys.stderr)
    async with open_daemon(settings, on_verdict=tally.on_verdict, on_event=tally.on_event) as daemon:
        print(f"dashboard: {_addresses(daemon)['dashboard']}   (Ctrl-C ends)", file=sys.stderr)
        running = asyncio.create_task(daemon.run(explain_to_the_end=True, stay=not end))
        stop_on_signals(running)
        with contextlib.suppress(asyncio.CancelledError):
            await (_watch(running, tally, daemon) if view else running)
    return tally


async def _watch(running: "asyncio.Task[None]", tally: "Tally", daemon: "Daemon") -> None:
    from rich.console import Console
    from rich.live import Live

    from inspectd.cli.live_view import render

    with Live(console=Console(stderr=True), auto_refresh=False, transient=False) as live:
        while not running.done():
            live.update(render(tally, _addresses(daemon)), refresh=True)
            await asyncio.wait([running], timeout=REFRESH_S)
        live.update(render(tally, _addresses(daemon)), refresh=True)
    await running


def _addresses(daemon: "Daemon") -> dict[str, str]:
    return {"dashboard": f"{daemon.dashboard_address}/", "gRPC": daemon.api_address}
