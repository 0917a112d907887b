"""`inspectd review`: what people decide about an event."""

import getpass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from inspectd.cli import show
from inspectd.cli.connection import Address, Ca, Config, Json, call, table_console
from inspectd.v1 import defect_event_pb2, defect_event_service_pb2

if TYPE_CHECKING:  # gRPC is loaded when a command runs
    from inspectd.client import Client


class Decision(StrEnum):
    """What can be decided."""

    CONFIRM = "confirm"
    REJECT = "reject"
    ACKNOWLEDGE = "acknowledge"


_STATES = {
    Decision.CONFIRM: defect_event_pb2.Review.CONFIRMED,
    Decision.REJECT: defect_event_pb2.Review.REJECTED,
    Decision.ACKNOWLEDGE: defect_event_pb2.Review.ACKNOWLEDGED,
}


def review(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The event's id.")],
    decision: Annotated[Decision, typer.Argument(help="A defect, a false alarm, or seen.")],
    defect_type: Annotated[
        str, typer.Option("--type", metavar="SLUG", help="With confirm: the right type, such as crack.")
    ] = "",
    comment: Annotated[str, typer.Option("--comment", help="A note, at most 2,000 bytes.")] = "",
    reviewer: Annotated[str, typer.Option("--reviewer", help="Who decides [default: your login name].")] = "",
    etag: Annotated[str, typer.Option("--etag", help="Refuse when the event has changed since this etag.")] = "",
    as_json: Json = False,
    address: Address = "",
    ca: Ca = None,
    config: Config = None,
) -> None:
    """Confirm, reject or acknowledge a defect event. A later decision replaces an earlier one.

    Examples:
      inspectd review 3f0c…e1 confirm --type crack --comment "through the whole edge"

      inspectd review 3f0c…e1 reject

    """
    decided = defect_event_pb2.Review(
        state=_STATES[decision], defect_type=defect_type, comment=comment, reviewer=reviewer or _login_name()
    )
    request = defect_event_service_pb2.ReviewDefectEventRequest(event_id=event, review=decided, etag=etag)
    call(address, ca, config, lambda client: _review(client, request, as_json))


async def _review(client: "Client", request: defect_event_service_pb2.ReviewDefectEventRequest, as_json: bool) -> None:
    with client.told():
        event = await client.events.ReviewDefectEvent(request)
    if as_json:
        show.print_json(event)
    else:
        table_console().print(show.event_line(event))


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return ""
