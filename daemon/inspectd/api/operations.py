"""google.longrunning.Operations over augmentation jobs and calibrations."""

import asyncio
from typing import Any

from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import empty_pb2
from google.rpc import code_pb2, status_pb2

from inspectd import convert
from inspectd.api import validate
from inspectd.api.calibrations import Calibrations
from inspectd.api.status import cancelled
from inspectd.augmentation.store import JobStore
from inspectd.errors import Conflict, NotFound, Rejected
from inspectd.records import AugmentationJob, JobState

PREFIX = "operations/"
#: How long Wait waits when the request does not say, and at most, in seconds; and how often it looks.
DEFAULT_WAIT_S, LONGEST_WAIT_S, LOOK_EVERY_S = 30.0, 300.0, 0.1


def operation_of_job(job: AugmentationJob) -> operations_pb2.Operation:
    """The job as an operation: metadata is always the job, and so is the response once it has succeeded."""
    operation = operations_pb2.Operation(name=PREFIX + job.job_id, done=job.state.ended)
    message = convert.job_to_proto(job)
    operation.metadata.Pack(message)
    if job.state is JobState.SUCCEEDED:
        operation.response.Pack(message)
    elif job.state is JobState.CANCELLED:
        operation.error.CopyFrom(cancelled("the job was cancelled"))
    elif job.state is JobState.FAILED:
        operation.error.CopyFrom(status_pb2.Status(code=code_pb2.INTERNAL, message=job.failure))
    return operation


class Operations(operations_pb2_grpc.OperationsServicer):
    """Follows, waits for, cancels and forgets long work."""

    def __init__(self, *, jobs: JobStore, calibrations: Calibrations) -> None:
        self._jobs, self._calibrations = jobs, calibrations

    async def GetOperation(self, request: Any, context: Any) -> operations_pb2.Operation:  # noqa: N802
        """NotFound."""
        return await self._get(_name(request))

    async def ListOperations(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Calibrations of this process, then jobs; each newest first."""
        if request.filter:
            raise Rejected("unsupported", "filters are not supported", field="filter")
        if request.name not in ("", "operations"):
            raise Rejected("bad_name", "the only collection is `operations`", field="name")
        size = validate.page_size(request.page_size)
        kind, _, rest = (request.page_token or "calibrations 0").partition(" ")
        if kind == "calibrations" and rest.isascii() and rest.isdigit():
            start, items = int(rest), self._calibrations.list()
            if start < len(items):
                more = start + size < len(items)
                token = f"calibrations {start + size}" if more else "jobs "
                return operations_pb2.ListOperationsResponse(
                    operations=items[start : start + size], next_page_token=token
                )
            kind, rest = "jobs", ""
        if kind != "jobs":
            raise Rejected("bad_page_token", "this is not a page token", field="page_token")
        page = await self._jobs.list(size, rest)
        return operations_pb2.ListOperationsResponse(
            operations=[operation_of_job(job) for job in page.items],
            next_page_token=f"jobs {page.next_token}" if page.next_token else "",
        )

    async def CancelOperation(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        """NotFound; Conflict when it has ended."""
        name = _name(request)
        if name in self._calibrations:
            self._calibrations.cancel(name)
        else:
            await self._jobs.cancel(_job_id(name))
        return empty_pb2.Empty()

    async def DeleteOperation(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        """Forgets an ended calibration; a job is a record of what was made, and stays."""
        name = _name(request)
        if name not in self._calibrations:
            job = await self._jobs.get(_job_id(name))
            raise Conflict(f"augmentation job {job.job_id} is kept as the record of its dataset")
        self._calibrations.delete(name)
        return empty_pb2.Empty()

    async def WaitOperation(self, request: Any, context: Any) -> operations_pb2.Operation:  # noqa: N802
        """Returns when the operation has ended, or as it is when the time is up."""
        name = _name(request)
        timeout_s = DEFAULT_WAIT_S
        if request.HasField("timeout"):
            timeout_s = request.timeout.ToTimedelta().total_seconds()
            if timeout_s < 0:
                raise Rejected("negative", "a time to wait is not negative", field="timeout")
        end = asyncio.get_running_loop().time() + min(timeout_s, LONGEST_WAIT_S)
        while True:
            operation = await self._get(name)
            left = end - asyncio.get_running_loop().time()
            if operation.done or left <= 0:
                return operation
            await asyncio.sleep(min(LOOK_EVERY_S, left))

    async def _get(self, name: str) -> operations_pb2.Operation:
        if name in self._calibrations:
            return self._calibrations.get(name)
        return operation_of_job(await self._jobs.get(_job_id(name)))


def _name(request: Any) -> str:
    name = validate.identifier(request.name, "name")
    if not name.startswith(PREFIX) or name == PREFIX:
        raise Rejected("bad_name", f"a name looks like {PREFIX}ID", field="name")
    return name


def _job_id(name: str) -> str:
    job_id = name.removeprefix(PREFIX)
    if job_id.startswith("calibration-"):
        raise NotFound(f"there is no {name}; calibrations end with the daemon that ran them")
    return job_id
