"""`inspectd cameras`: the cameras, their counts and their thresholds."""

from typing import TYPE_CHECKING

from rich.table import Table

from inspectd.cli import show
from inspectd.cli.connection import Address, Ca, Config, Json, call, table_console
from inspectd.v1 import camera_service_pb2

if TYPE_CHECKING:  # gRPC is loaded when a command runs
    from inspectd.client import Client


def cameras(as_json: Json = False, address: Address = "", ca: Ca = None, config: Config = None) -> None:
    """List the cameras with frames inspected, defects, the threshold in force, and whether the scores drift from it.

    Example:
      inspectd cameras

    """
    call(address, ca, config, lambda client: _list(client, as_json))


async def _list(client: "Client", as_json: bool) -> None:
    request = camera_service_pb2.ListCamerasRequest()
    found = [item async for item in client.pages(client.cameras.ListCameras, request, "cameras", 1_000_000)]
    if as_json:
        for camera in found:
            show.print_json(camera)
        return
    console = table_console()
    if not found:
        console.print("No camera has sent a frame yet.", style="dim")
        return
    table = Table(header_style="bold", show_edge=False, pad_edge=False)
    for heading in ("camera", "inspected", "defects", "share", "threshold", "version", "scores", "last frame"):
        table.add_column(
            heading, justify="right" if heading in ("inspected", "defects", "share", "threshold") else "left"
        )
    for camera in found:
        share = f"{camera.defect_count / camera.inspected_count:.2%}" if camera.inspected_count else "–"
        table.add_row(
            camera.camera_id, f"{camera.inspected_count:,}", f"{camera.defect_count:,}", share,
            f"{camera.threshold:.4f}", camera.threshold_version, show.drift(camera),
            show.clock(camera, "last_capture_time"),
        )  # fmt: skip
    console.print(table)
