"""`inspectd augment`: synthetic defects from a confirmed event, for the next training run."""

import asyncio
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from inspectd.cli import show
from inspectd.cli.connection import Address, Ca, Config, Json, call, give_up, table_console
from inspectd.v1 import augmentation_service_pb2

if TYPE_CHECKING:  # gRPC is loaded when a command runs
    from inspectd.client import Client

app = typer.Typer(help="Make synthetic defects from a confirmed event.", no_args_is_help=True)

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Wait for the end and show the progress.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, as `inspectd augment list` shows it.")]

_LOOK_EVERY_S = 0.5
_STATE = augmentation_service_pb2.AugmentationJob
_ENDED = (_STATE.SUCCEEDED, _STATE.FAILED, _STATE.CANCELLED)


@app.command()
def create(
    event: Annotated[str, typer.Option("--event", metavar="ID", help="A confirmed event; its type is painted.")],
    count: Annotated[int, typer.Option("--count", min=1, max=1000, help="Edits to make.")] = 10,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the edits.")] = 0,
    follow: Follow = False,
    as_json: Json = False,
    address: Address = "",
    ca: Ca = None,
    config: Config = None,
) -> None:
    """Queue a job that paints the event's kind of defect on the camera's kept good frames.

    Examples:
      inspectd augment create --event 3f0c…e1 --count 50 --follow

    """
    request = augmentation_service_pb2.CreateAugmentationJobRequest(
        event_id=event, count=count, seed=seed, request_id=uuid.uuid4().hex
    )
    call(address, ca, config, lambda client: _create(client, request, follow, as_json))


@app.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many to list.")] = 20,
    as_json: Json = False,
    address: Address = "",
    ca: Ca = None,
    config: Config = None,
) -> None:
    """List the newest jobs."""
    call(address, ca, config, lambda client: _list(client, limit, as_json))


@app.command("show")
def show_job(
    job: JobId,
    follow: Follow = False,
    as_json: Json = False,
    address: Address = "",
    ca: Ca = None,
    config: Config = None,
) -> None:
    """Show one job.

    Example:
      inspectd augment show 0b7c…42 --follow

    """
    call(address, ca, config, lambda client: _show(client, job, follow, as_json))


@app.command()
def cancel(job: JobId, as_json: Json = False, address: Address = "", ca: Ca = None, config: Config = None) -> None:
    """Stop a job; edits that are written stay."""
    call(address, ca, config, lambda client: _cancel(client, job, as_json))


async def _create(client: "Client", request: Any, follow: bool, as_json: bool) -> None:
    with client.told():
        operation = await client.augmentation.CreateAugmentationJob(request)
    job = augmentation_service_pb2.AugmentationJob()
    operation.metadata.Unpack(job)
    await _tell(client, job, follow, as_json)


async def _show(client: "Client", job_id: str, follow: bool, as_json: bool) -> None:
    await _tell(client, await _get(client, job_id), follow, as_json)


async def _cancel(client: "Client", job_id: str, as_json: bool) -> None:
    request = augmentation_service_pb2.CancelAugmentationJobRequest(job_id=job_id)
    with client.told():
        job = await client.augmentation.CancelAugmentationJob(request)
    await _tell(client, job, False, as_json)


async def _get(client: "Client", job_id: str) -> Any:
    with client.told():
        return await client.augmentation.GetAugmentationJob(
            augmentation_service_pb2.GetAugmentationJobRequest(job_id=job_id)
        )


async def _tell(client: "Client", job: Any, follow: bool, as_json: bool) -> None:
    if follow:
        job = await _until_ended(client, job, quiet=as_json)
    if as_json:
        show.print_json(job)
    else:
        table_console().print(_table([job]))
        if job.dataset_uri:
            Console(highlight=False, soft_wrap=True).print(f"dataset: {job.dataset_uri}", markup=False)
    if follow and job.state != _STATE.SUCCEEDED:
        give_up(job.failure or f"the job ended as {_STATE.State.Name(job.state)}", 1)


async def _until_ended(client: "Client", job: Any, *, quiet: bool) -> Any:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as progress:
        task = progress.add_task("edits", total=job.requested_count)
        while job.state not in _ENDED:
            await asyncio.sleep(_LOOK_EVERY_S)
            job = await _get(client, job.job_id)
            progress.update(
                task,
                completed=job.accepted_count,
                description=f"{show.job_state(job).plain}, {job.refused_count} refused",
            )
    return job


async def _list(client: "Client", limit: int, as_json: bool) -> None:
    request = augmentation_service_pb2.ListAugmentationJobsRequest()
    pages = client.pages(client.augmentation.ListAugmentationJobs, request, "augmentation_jobs", limit)
    found = [job async for job in pages]
    if as_json:
        for job in found:
            show.print_json(job)
    elif found:
        table_console().print(_table(found))
    else:
        table_console().print("No augmentation jobs.", style="dim")


def _table(jobs: list[Any]) -> Table:
    table = Table(header_style="bold", show_edge=False, pad_edge=False)
    for heading in ("created", "camera", "type", "state", "accepted", "refused", "failure"):
        table.add_column(heading)
    table.add_column("job", no_wrap=True, style="dim")
    for job in jobs:
        table.add_row(
            show.clock(job, "create_time"), job.camera_id, job.defect_type, show.job_state(job),
            f"{job.accepted_count} / {job.requested_count}", str(job.refused_count), job.failure or "–", job.job_id,
        )  # fmt: skip
    return table
