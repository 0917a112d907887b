"""`inspectd publish`: pictures of a folder, a video or a camera into Kafka, as an integrator's gateway would send them."""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspectd.cli.connection import give_up
from inspectd.errors import InspectdError, Misconfigured
from inspectd.settings import Settings, load_settings

if TYPE_CHECKING:
    from inspectd.frames.labels import Labels
    from inspectd.frames.publisher import Counts, FramePublisher

#: Frames on their way to the broker at once.
_IN_FLIGHT = 32
_SHOW_EVERY_S = 0.2


def publish(
    source: Annotated[
        str, typer.Option("--source", help="folder:DIR, video:FILE, rtsp://…, usb:N or simulated.", show_default=False)
    ],
    camera: Annotated[str, typer.Option("--camera", metavar="ID", help="Camera id; also the records' key.")] = "camera",
    rate: Annotated[float, typer.Option("--rate", metavar="FPS", min=0, help="Frames a second; 0: at full speed.")] = 0,
    loop: Annotated[bool, typer.Option("--loop", help="Begin a folder or video again at its end.")] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=0, help="End after N frames; 0: no limit.")] = 0,
    skip: Annotated[int, typer.Option("--skip", metavar="N", min=0, help="Leave out the first N frames.")] = 0,
    part_id: Annotated[str, typer.Option("--part-id", metavar="ID", help="The part's id, for every frame.")] = "",
    parts_from_names: Annotated[
        bool, typer.Option("--parts-from-names", help="The part's id is the file's name without its ending.")
    ] = False,
    manifest: Annotated[
        Path | None,
        typer.Option("--manifest", metavar="CSV", help="Columns file, part_id, lot, recipe, view; more: attributes."),
    ] = None,
    lot: Annotated[str, typer.Option("--lot", metavar="LOT", help="The production lot, for every frame.")] = "",
    recipe: Annotated[str, typer.Option("--recipe", metavar="NAME", help="The recipe, for every frame.")] = "",
    boot: Annotated[
        str, typer.Option("--boot", metavar="ID", help="First part of the frame ids; repeat it to repeat the ids.")
    ] = "",
    bootstrap_servers: Annotated[
        str | None,
        typer.Option("--bootstrap-servers", metavar="HOST:PORT", help="In place of kafka.bootstrap_servers."),
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="TOML file of settings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object with the counts at the end.")] = False,
) -> None:
    """Publish pictures to Kafka as camera frames.

    Publishing the same folder or video again gives the same frame ids, so that no verdict or event is doubled.
    Ctrl-C waits for what is on its way and says how to go on.

    Examples:
      inspectd publish --source folder:parts --camera press-1 --parts-from-names --lot L7

      inspectd publish --source video:line.mp4 --camera line-3 --rate 10 --loop

      inspectd publish --source rtsp://10.0.0.7/stream --camera gate --rate 5 --bootstrap-servers broker:9092

    """
    from inspectd.logs import configure_logs

    kafka = {"bootstrap_servers": bootstrap_servers} if bootstrap_servers else {}
    frames = {"source": source, "camera": camera, "rate": rate, "loop": loop, "limit": limit}
    try:
        settings = load_settings(config, kafka=kafka, frames=frames)
        configure_logs(settings)
        labels = _labels(part_id, parts_from_names, manifest, lot, recipe)
        counts, seconds = asyncio.run(_publish(settings, labels, boot, skip, quiet=as_json))
    except Misconfigured as error:
        give_up(str(error), 2)
    except InspectdError as error:
        give_up(str(error), 1)
    _report(counts, seconds, as_json, resumable=not loop and source.startswith(("folder:", "video:")))
    if counts.refused_count or counts.unacknowledged:
        raise typer.Exit(1)


def _labels(part_id: str, from_names: bool, manifest: Path | None, lot: str, recipe: str) -> "Labels":
    from inspectd.frames.labels import Label, Labels, read_manifest

    rows = read_manifest(manifest) if manifest is not None else None
    return Labels(fixed=Label(part_id=part_id, lot=lot, recipe=recipe), parts_from_names=from_names, manifest=rows)


async def _publish(
    settings: Settings, labels: "Labels", boot: str, skip: int, *, quiet: bool
) -> tuple["Counts", float]:
    from inspectd.frames.direct import DirectFrameSource
    from inspectd.frames.feeds import open_feeds
    from inspectd.frames.publisher import FramePublisher
    from inspectd.kafka_client import KafkaSender

    feeds = open_feeds(settings.frames, labels, boot=boot, max_bytes=settings.frames.max_frame_bytes)
    source = DirectFrameSource(feeds=feeds, limit=settings.frames.limit, skip=skip, max_in_flight=_IN_FLIGHT)
    sender = KafkaSender(settings=settings.kafka, max_outstanding=_IN_FLIGHT)
    show = _Progress(quiet)
    try:
        await sender.open()
        await sender.check_topic("kafka.frames_topic", settings.kafka.frames_topic)
        await source.open()
        publisher = FramePublisher(
            source=source,
            sender=sender,
            topic=settings.kafka.frames_topic,
            limits=settings.frames,
            on_progress=show.counts,
            on_trouble=show.trouble,
        )
        _stop_on_signals(publisher)
        start = time.monotonic()
        counts = await publisher.run()
        return counts, time.monotonic() - start
    finally:
        show.end()
        await source.close()
        await sender.close()
        for reason, number in source.dropped.items():
            print(f"{number} frames dropped: {reason}", file=sys.stderr)


def _stop_on_signals(publisher: "FramePublisher") -> None:
    """The first signal lets what is on its way arrive; the next one is as hard as ever."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        publisher.stop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)


class _Progress:
    """One line on a terminal, redrawn a few times a second; trouble always on a line of its own, each text once."""

    def __init__(self, quiet: bool) -> None:
        self._live = sys.stderr.isatty() and not quiet
        self._start = self._shown = time.monotonic()
        self._last_trouble = ""

    def counts(self, counts: "Counts") -> None:
        now = time.monotonic()
        if self._live and now - self._shown >= _SHOW_EVERY_S:
            self._shown = now
            print(f"\r{_line(counts, now - self._start)}\x1b[K", end="", file=sys.stderr, flush=True)

    def trouble(self, text: str) -> None:
        if text != self._last_trouble:
            self._last_trouble = text
            print("\r\x1b[K" if self._live else "", f"inspectd: {text}", sep="", file=sys.stderr)

    def end(self) -> None:
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr)


def _line(counts: "Counts", seconds: float) -> str:
    seconds = max(seconds, 1e-6)
    megabytes = counts.published_bytes / 1e6
    refused = "".join(f", {number} refused ({reason})" for reason, number in sorted(counts.refused.items()))
    return (
        f"{counts.published} frames published{refused}, {megabytes:.1f} MB, "
        f"{counts.published / seconds:.1f} frames/s, {megabytes / seconds:.1f} MB/s"
    )


def _report(counts: "Counts", seconds: float, as_json: bool, *, resumable: bool) -> None:
    if as_json:
        figures = {
            "published": counts.published,
            "published_bytes": counts.published_bytes,
            "refused": counts.refused,
            "unacknowledged": counts.unacknowledged,
            "skip_next_time": counts.skip_next_time if resumable else 0,
            "seconds": round(seconds, 3),
        }
        print(json.dumps(figures))
        return
    print(_line(counts, seconds))
    if counts.unacknowledged:
        print(f"{counts.unacknowledged} frames were sent and not acknowledged: they may be missing, or there.")
    if resumable and counts.unacknowledged:
        print(f"To go on: the same command with --skip {counts.skip_next_time}")
