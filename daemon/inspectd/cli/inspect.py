"""`inspectd inspect`: a verdict on pictures of your own, from the running daemon."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from inspectd.cli import show
from inspectd.cli.connection import Address, Ca, Config, Json, call, give_up, table_console
from inspectd.v1 import inspection_pb2, inspection_service_pb2

if TYPE_CHECKING:  # gRPC is loaded when a command runs
    from inspectd.client import Client

#: Largest picture that is decoded for an overlay, in pixels.
_MAX_PIXELS = 200_000_000


def inspect(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="JPEG or PNG files.")],
    camera: Annotated[str, typer.Option("--camera", metavar="ID", help="Whose threshold applies.")] = "adhoc",
    record: Annotated[
        bool, typer.Option("--record", help="Record the verdict and raise an event when defective.")
    ] = False,
    part: Annotated[str, typer.Option("--part", metavar="ID", help="The part's serial number.")] = "",
    lot: Annotated[str, typer.Option("--lot", metavar="ID", help="The production lot.")] = "",
    overlay: Annotated[
        Path | None,
        typer.Option(
            "--overlay", metavar="OUT.png", help="Draw the regions; a directory when there are several images."
        ),
    ] = None,
    as_json: Json = False,
    address: Address = "",
    ca: Ca = None,
    config: Config = None,
) -> None:
    """Inspect pictures now. Exit code 0 when all pass, 3 when one is defective, 1 when one could not be inspected.

    Examples:
      inspectd inspect tile.jpg --overlay found.png

      inspectd inspect parts/*.png --camera line-3 --record --json

    """
    if overlay is not None and len(images) > 1 and not overlay.is_dir():
        raise typer.BadParameter("give an existing directory for several images", param_hint="--overlay")
    asked = inspection_service_pb2.InspectImageRequest(camera_id=camera, record=record, part_id=part, lot=lot)
    outcomes = call(address, ca, config, lambda client: _inspect_all(client, images, asked, overlay, as_json))
    if inspection_pb2.Inspection.DEFECT in outcomes:
        raise typer.Exit(3)


async def _inspect_all(
    client: "Client", images: list[Path], asked: Any, overlay: Path | None, as_json: bool
) -> set[int]:
    outcomes = set()
    for file in images:
        data = _read(file)
        request = inspection_service_pb2.InspectImageRequest()
        request.CopyFrom(asked)
        request.image = data
        with client.told():
            response = await client.inspections.InspectImage(request)
        outcomes.add(response.inspection.outcome)
        if as_json:
            show.print_json(response)
        else:
            _print(file, response)
        if overlay is not None:
            target = await asyncio.to_thread(_draw, data, response, overlay, file.stem)
            Console(stderr=True, highlight=False, soft_wrap=True).print(f"regions drawn in {target}", style="dim")
    return outcomes


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        give_up(f"{file} cannot be read ({error.strerror})", 1)


def _print(file: Path, response: Any) -> None:
    console, inspection = table_console(), response.inspection
    line = show.outcome(inspection)
    line.append(f"  {file}", style="bold not red")
    line.append(
        f"  score {inspection.score:.3f}, threshold {inspection.threshold:.3f} ({inspection.threshold_version})"
    )
    console.print(line)
    if response.HasField("defect_event"):
        console.print(f"  event {response.defect_event.event_id}", style="dim")
    if not response.regions:
        return
    table = Table(box=None, header_style="dim", padding=(0, 2))
    for heading in ("region", "type", "score", "where", "area px", "box x, y, w, h"):
        table.add_column(heading)
    for region in response.regions:
        box, above = region.box, region.score >= inspection.threshold
        table.add_row(
            str(region.number), f"{region.defect_type} {_likelihood(region)}", f"{region.score:.3f}", region.cell,
            str(region.area_px), f"{box.x:.0f}, {box.y:.0f}, {box.width:.0f}, {box.height:.0f}",
            style="" if above else "dim",
        )  # fmt: skip
    console.print(table)


def _likelihood(region: Any) -> str:
    return f"{region.type_probabilities[0].probability:.0%}" if region.type_probabilities else ""


def _draw(data: bytes, response: Any, overlay: Path, stem: str) -> Path:
    import cv2

    from inspectd import convert
    from inspectd.frames.decode import decode_full
    from inspectd.overlay import draw

    target = overlay / f"{stem}.png" if overlay.is_dir() else overlay
    regions = [convert.region_from_proto(region) for region in response.regions]
    drawn = draw(decode_full(data, _MAX_PIXELS), regions, response.inspection.threshold)
    encoded = cv2.imencode(".png", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))[1]
    try:
        target.write_bytes(encoded.tobytes())
        return target
    except OSError as error:
        give_up(f"{target} cannot be written ({error.strerror})", 1)
