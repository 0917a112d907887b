"""`inspectd dead-letters`: what could not be inspected, why, and back into the stream once it can be."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from inspectd.cli.connection import give_up, table_console
from inspectd.errors import InspectdError, Misconfigured, NotFound
from inspectd.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from inspectd.deadletters.store import DeadLetter, DeadLetterStore
    from inspectd.kafka_client import KafkaSender

T = TypeVar("T")

app = typer.Typer(help="List, show and replay frames that could not be inspected.", no_args_is_help=True)

Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="TOML file of settings.")]
StateDir = Annotated[
    Path | None,
    typer.Option("--state-dir", metavar="DIR", help="Read the letters of an embedded daemon's state, not Kafka's."),
]
Servers = Annotated[
    str | None, typer.Option("--bootstrap-servers", metavar="HOST:PORT", help="In place of kafka.bootstrap_servers.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="WORD", help="Only letters with this reason.")]
Camera = Annotated[str, typer.Option("--camera", metavar="ID", help="Only this camera's.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for other programs.")]
Position = Annotated[str, typer.Argument(metavar="POSITION", help="As `list` shows it.", show_default=False)]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the letters are, and how a record goes back into the stream."""

    store: "DeadLetterStore"
    resend: Callable[["DeadLetter"], Awaitable[None]]


@app.command("list")
def list_letters(
    reason: Reason = "",
    camera: Camera = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many of the newest to list.")] = 50,
    state_dir: StateDir = None,
    bootstrap_servers: Servers = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """List the newest dead letters, oldest first.

    Examples:
      inspectd dead-letters list --reason truncated

      inspectd dead-letters list --state-dir ~/.local/state/inspectd --json | jq -r .reason | sort | uniq -c

    """

    async def work(place: _Place) -> list["DeadLetter"]:
        return [letter async for letter in _matching(place.store, reason, camera)][-limit:]

    found = _run(work, state_dir, bootstrap_servers, config)
    if as_json:
        for letter in found:
            print(json.dumps(_as_json(letter)))
    elif found:
        table_console().print(_table(found))
    else:
        table_console().print("No dead letters." if not (reason or camera) else "No dead letters that match.")


@app.command()
def show(
    position: Position,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Write the picture, as far as there is one.")
    ] = None,
    state_dir: StateDir = None,
    bootstrap_servers: Servers = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show one dead letter whole: reason, place, headers, and the picture with --save.

    Examples:
      inspectd dead-letters show 0:17

      inspectd dead-letters show 0:17 --save broken.jpg

    """
    letter = _run(lambda place: _find(place.store, position), state_dir, bootstrap_servers, config)
    if as_json:
        print(json.dumps(_as_json(letter)))
    else:
        _print(letter)
    if save is not None:
        data = _picture(letter)
        if not data:
            give_up("this letter holds no picture", 1)
        save.write_bytes(data)
        Console(stderr=True, highlight=False).print(f"{len(data)} bytes written to {save}")


@app.command()
def replay(
    positions: Annotated[list[str] | None, typer.Argument(metavar="[POSITION]…", help="As `list` shows them.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every letter that --reason and --camera leave.")] = False,
    reason: Reason = "",
    camera: Camera = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    state_dir: StateDir = None,
    bootstrap_servers: Servers = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Send dead letters again as they came: the same key, bytes and headers, to the frames topic.

    The letter itself stays. A frame keeps its id, so that no verdict or event is doubled; a bare picture gets the id of
    its new place.

    Examples:
      inspectd dead-letters replay 0:17 0:18

      inspectd dead-letters replay --all --reason model_failed

    """
    wanted = set(positions or ())
    if not wanted and not every:
        raise typer.BadParameter("give positions, or --all", param_hint="POSITION")
    if wanted and every:
        raise typer.BadParameter("not together with positions", param_hint="--all")

    async def work(place: _Place) -> tuple[int, int]:
        sent = unsendable = 0
        async for letter in _matching(place.store, reason, camera):
            if wanted and letter.position not in wanted:
                continue
            wanted.discard(letter.position)
            if letter.record.value is None:
                unsendable += 1
            elif not dry_run:
                await place.resend(letter)
            sent += letter.record.value is not None
        if wanted:
            raise NotFound(f"no dead letter at {', '.join(sorted(wanted))}: see `inspectd dead-letters list`")
        return sent, unsendable

    sent, unsendable = _run(work, state_dir, bootstrap_servers, config)
    if as_json:
        print(json.dumps({"replayed": sent, "without_value": unsendable, "dry_run": dry_run}))
    else:
        print(f"{sent} {'would be sent' if dry_run else 'sent'} again, {unsendable} have no value to send")


def _run(work: Callable[[_Place], Awaitable[T]], state_dir: Path | None, servers: str | None, config: Path | None) -> T:
    from inspectd.logs import configure_logs

    async def run(settings: Settings) -> T:
        configure_logs(settings)
        async with _place(settings, embedded=state_dir is not None or settings.frames.source != "kafka") as place:
            return await work(place)

    try:
        flags: dict[str, Any] = {"kafka": {"bootstrap_servers": servers}} if servers else {}
        return asyncio.run(run(load_settings(config, **flags, **({"state_dir": state_dir} if state_dir else {}))))
    except Misconfigured as error:
        give_up(str(error), 2)
    except InspectdError as error:
        give_up(str(error), 1)


@asynccontextmanager
async def _place(settings: Settings, *, embedded: bool) -> AsyncIterator[_Place]:
    """The broker is asked only when somebody reads its letters or sends one again; so is its client, which may be missing."""
    sender: KafkaSender | None = None

    def opened() -> "KafkaSender":
        nonlocal sender
        if sender is None:
            from inspectd.kafka_client import KafkaSender

            sender = KafkaSender(settings=settings.kafka)
        return sender

    async def resend(letter: "DeadLetter") -> None:
        record = letter.record
        await opened().send(settings.kafka.frames_topic, record.key, record.value, record.headers)

    store: DeadLetterStore
    if embedded:
        from inspectd.deadletters.files import FileDeadLetterStore

        store = FileDeadLetterStore(folder=settings.state / "dead-letters")
    else:
        from inspectd.deadletters.kafka import KafkaDeadLetterStore

        store = KafkaDeadLetterStore(settings=settings.kafka, sender=opened())
    try:
        yield _Place(store, resend)
    finally:
        if sender is not None:
            await sender.close()


async def _matching(store: "DeadLetterStore", reason: str, camera: str) -> "AsyncGenerator[DeadLetter, None]":
    async with aclosing(cast("AsyncGenerator[DeadLetter, None]", store.read())) as letters:
        async for letter in letters:
            if (not reason or letter.reason == reason) and (not camera or _camera(letter) == camera):
                yield letter


async def _find(store: "DeadLetterStore", position: str) -> "DeadLetter":
    async with aclosing(_matching(store, "", "")) as letters:
        async for letter in letters:
            if letter.position == position:
                return letter
    raise NotFound(f"no dead letter at {position}: see `inspectd dead-letters list`")


def _identify(letter: "DeadLetter") -> tuple[str, str]:
    from inspectd.frames.codec import identify

    return identify(letter.record)


def _camera(letter: "DeadLetter") -> str:
    return _identify(letter)[1]


def _picture(letter: "DeadLetter") -> bytes:
    """What `show --save` writes: the inline picture however broken, or a bare record's value."""
    from google.protobuf.message import DecodeError

    from inspectd.frames.envelope import has_envelope
    from inspectd.v1 import frame_pb2

    value = letter.record.value or b""
    if not has_envelope(letter.record.headers):
        return value
    try:
        return frame_pb2.Frame.FromString(value).inline.data
    except DecodeError:
        return value


def _as_json(letter: "DeadLetter") -> dict[str, Any]:
    record = letter.record
    frame_id, camera_id = _identify(letter)
    return {
        "position": letter.position,
        "reason": letter.reason,
        "detail": letter.detail,
        "refuse_time": letter.refuse_time.isoformat(),
        "frame_id": frame_id,
        "camera_id": camera_id,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp.isoformat(),
        "value_bytes": None if record.value is None else len(record.value),
        "headers": [[name, value.decode("utf-8", "backslashreplace")] for name, value in record.headers],
    }


def _table(found: list["DeadLetter"]) -> Table:
    table = Table(header_style="bold", show_edge=False, pad_edge=False)
    table.add_column("position", no_wrap=True)
    for heading in ("refused", "camera", "reason", "bytes", "detail"):
        table.add_column(heading)
    for letter in found:
        size = "-" if letter.record.value is None else str(len(letter.record.value))
        time = letter.refuse_time.astimezone().strftime("%m-%d %H:%M:%S")
        detail = letter.detail.replace("\n", " ")
        table.add_row(letter.position, time, escape(_camera(letter)), letter.reason, size, escape(detail))
    return table


def _print(letter: "DeadLetter") -> None:
    values = _as_json(letter)
    headers = values.pop("headers")
    width = max(len(name) for name in values)
    for name, value in values.items():
        print(f"{name.replace('_', ' '):{width}}  {value if value is not None else '-'}")
    for name, value in headers:
        print(f"{'header':{width}}  {name}: {value}")
