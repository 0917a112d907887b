"""`inspectd run`: the daemon."""

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from inspectd.settings import Settings, load_settings

ConfigOption = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
StateDirOption = Annotated[
    Path | None, typer.Option("--state-dir", help="Where the daemon keeps its state. [setting: state_dir]")
]


def run(
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    source: Annotated[
        str | None,
        typer.Option(help="kafka, folder:DIR, video:FILE, rtsp://…, usb:N or simulated. [setting: frames.source]"),
    ] = None,
    camera: Annotated[str | None, typer.Option(help="Camera id of a direct source. [setting: frames.camera]")] = None,
    rate: Annotated[float | None, typer.Option(help="Frames per second of a direct source.")] = None,
    loop: Annotated[bool, typer.Option(help="Start a folder or video again when it ends.")] = False,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Inspects frames until stopped: the daemon.

    Examples:
      inspectd run                                  frames from Kafka, as the settings say

      inspectd run --source folder:parts --camera cam-1

      inspectd run --source rtsp://127.0.0.1:8554/line --camera cam-1

      INSPECTD_KAFKA__BOOTSTRAP_SERVERS=broker:9092 inspectd run --config inspectd.toml

    """
    frames = _given(source=source, camera=camera, rate=rate, loop=loop or None)
    flags = _given(state_dir=state_dir, log_level=log_level, frames=frames or None)
    settings = load_settings(config, **flags)
    from inspectd.logs import configure_logs

    configure_logs(settings)
    asyncio.run(_serve(settings))


def _given(**values: Any) -> dict[str, Any]:
    """The flags that were given; the others leave the file and the environment in force."""
    return {name: value for name, value in values.items() if value is not None}


async def _serve(settings: Settings) -> None:
    import structlog

    from inspectd.logs import masked
    from inspectd.wiring import open_daemon

    log = structlog.get_logger("inspectd")
    async with open_daemon(settings) as daemon:
        source = masked(settings.frames.source)
        log.info("running", source=source, grpc=daemon.api_address, dashboard=daemon.dashboard_address)
        running = asyncio.create_task(daemon.run(explain_to_the_end=settings.frames.source != "kafka"))
        stop_on_signals(running)
        with contextlib.suppress(asyncio.CancelledError):
            await running
    log.info("stopped")


def stop_on_signals(task: "asyncio.Task[None]") -> None:
    """SIGINT and SIGTERM cancel the task: what is in flight stays unacknowledged and comes again."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
