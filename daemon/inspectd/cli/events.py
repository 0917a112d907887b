"""`inspectd events`: the newest defect events, or every one as it happens."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from inspectd.cli import show
from inspectd.cli.connection import Address, Ca, Config, Json, call, table_console
from inspectd.v1 import defect_event_pb2, defect_event_service_pb2

if TYPE_CHECKING:  # gRPC is loaded when a command runs
    from inspectd.client import CallError, Client

_STATES = ("unreviewed", "acknowledged", "confirmed", "rejected")


def events(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with every new revision; Ctrl-C ends it.")
    ] = False,
    camera: Annotated[str, typer.Option("--camera", metavar="ID", help="Only this camera's.")] = "",
    state: Annotated[str, typer.Option("--state", help="Only this review state: " + ", ".join(_STATES) + ".")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many to list.")] = 20,
    resume: Annotated[
        str, typer.Option("--resume", metavar="TOKEN", help="Follow from a resume token of --json.")
    ] = "",
    as_json: Json = False,
    address: Address = "",
    ca: Ca = None,
    config: Config = None,
) -> None:
    """List the newest defect events, or follow them.

    Examples:
      inspectd events --camera line-3 --state unreviewed

      inspectd events --follow --json | jq .defect_event.explanation.text

    """
    if state and state not in _STATES:
        raise typer.BadParameter("one of " + ", ".join(_STATES), param_hint="--state")
    if follow or resume:
        if state:
            raise typer.BadParameter("a watch has no review state to filter by", param_hint="--state")
        call(address, ca, config, lambda client: _follow(client, camera, resume, as_json))
    else:
        call(address, ca, config, lambda client: _list(client, camera, state, limit, as_json))


async def _list(client: "Client", camera: str, state: str, limit: int, as_json: bool) -> None:
    request = defect_event_service_pb2.ListDefectEventsRequest(camera_id=camera)
    if state:
        request.review_state = defect_event_pb2.Review.State.Value(state.upper())
    found = [event async for event in client.pages(client.events.ListDefectEvents, request, "defect_events", limit)]
    if as_json:
        for event in found:
            show.print_json(event)
        return
    console = table_console()
    if found:
        console.print(_table(found))
    else:
        console.print("No defect events." if not (camera or state) else "No defect events that match.", style="dim")


def _table(found: list[Any]) -> Table:
    table = Table(header_style="bold", show_edge=False, pad_edge=False)
    for heading in ("captured", "camera", "type", "score", "part / lot", "words", "review"):
        table.add_column(heading)
    table.add_column("event", no_wrap=True, style="dim")
    for event in found:
        table.add_row(
            show.clock(event, "capture_time"),
            event.camera_id,
            show.defect_type(event).replace("_", " "),
            f"{event.score:.3f} ≥ {event.threshold:.3f}",
            show.part(event),
            show.words(event.explanation),
            show.review(event),
            event.event_id,
        )
    return table


async def _follow(client: "Client", camera: str, resume: str, as_json: bool) -> None:
    out, notes = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False, soft_wrap=True)
    lost = False

    def on_lost(error: "CallError") -> None:
        nonlocal lost
        if not lost:
            notes.print(f"inspectd: the connection is lost; trying again ({error})", style="yellow", markup=False)
        lost = True

    async for response in client.watch(camera_id=camera, resume_token=resume, on_lost=on_lost):
        if lost:
            notes.print("inspectd: connected again; nothing was missed", style="green")
            lost = False
        if as_json and response.HasField("defect_event"):
            show.print_json(response)
        elif response.HasField("defect_event"):
            out.print(show.event_line(response.defect_event))
