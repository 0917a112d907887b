"""`inspectd ask`: a question about an event, answered from its region tokens as it is written."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from inspectd.cli import show
from inspectd.cli.connection import Address, Ca, Config, Json, call
from inspectd.v1 import defect_event_pb2, defect_event_service_pb2

if TYPE_CHECKING:  # gRPC is loaded when a command runs
    from inspectd.client import Client


def ask(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The event's id, as `inspectd events` lists it.")],
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="Without one: the alert's question.")] = "",
    as_json: Json = False,
    address: Address = "",
    ca: Ca = None,
    config: Config = None,
) -> None:
    """Ask about a defect event. The answer is checked against the regions before it counts.

    Examples:
      inspectd ask 3f0c…e1 "Where is the defect?"

      inspectd ask 3f0c…e1 "How many regions are there?" --json

    """
    call(address, ca, config, lambda client: _ask(client, event, question, as_json))


async def _ask(client: "Client", event: str, question: str, as_json: bool) -> None:
    request = defect_event_service_pb2.ExplainDefectEventRequest(event_id=event, question=question)
    said = ""
    with client.told():
        async for piece in client.events.ExplainDefectEvent(request):
            if as_json:
                show.print_json(piece)
                continue
            if piece.text:
                said += piece.text
                typer.echo(piece.text, nl=False)
            if piece.HasField("explanation"):
                _end(piece, said)


def _end(last: Any, said: str) -> None:
    """What became of the words: the template replaces them when the regions contradict them."""
    typer.echo()
    explanation, console = last.explanation, Console(highlight=False, soft_wrap=True)
    vision = "region tokens from the cache" if last.tokens_cached else "region tokens computed again"
    if explanation.state == defect_event_pb2.Explanation.UNGROUNDED:
        for contradiction in explanation.contradictions:
            console.print(f"contradicted: {contradiction}", style="yellow", markup=False)
        console.print(explanation.text, markup=False)
        console.print(f"(a sentence from the regions; {vision})", style="dim")
        return
    if explanation.text.strip() != said.strip():  # what followed did not hold, and the second try did
        console.print("What followed was contradicted by the regions; asked again:", style="yellow")
        console.print(explanation.text, markup=False)
    console.print(f"(checked against the regions; {vision})", style="dim")
