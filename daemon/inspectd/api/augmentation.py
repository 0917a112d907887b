"""AugmentationService over the job store. A worker elsewhere does the work."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from iad_unify.types import UNKNOWN
from inspectd import convert
from inspectd.api import validate
from inspectd.api.operations import operation_of_job
from inspectd.augmentation.store import JobStore
from inspectd.errors import Conflict, Rejected
from inspectd.events.store import EventStore
from inspectd.records import AugmentationJob, DefectEvent, JobState, ReviewState
from inspectd.v1 import augmentation_service_pb2, augmentation_service_pb2_grpc

#: Edits of one job at most.
LARGEST_COUNT = 1000
#: Namespace of job ids that come from a request id.
JOB_NAMESPACE = uuid.UUID("d1d0ce8c-29a4-5a68-9b3c-0f7d6f2f1a90")


class Augmentation(augmentation_service_pb2_grpc.AugmentationServiceServicer):
    """Queueing, following and stopping augmentation jobs."""

    def __init__(self, *, events: EventStore, jobs: JobStore, clock: Callable[[], datetime]) -> None:
        self._events, self._jobs, self._clock = events, jobs, clock

    async def CreateAugmentationJob(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Queues a job. NotFound; Conflict unless the event is confirmed and its type can be painted."""
        event_id = validate.identifier(request.event_id, "event_id")
        count = validate.count(request.count, "count", LARGEST_COUNT)
        request_id = validate.request_id(request.request_id)
        event = await self._events.get(event_id)
        defect_type = _paintable_type(event)
        now = self._clock()
        asked = AugmentationJob(
            job_id=str(uuid.uuid5(JOB_NAMESPACE, request_id) if request_id else uuid.uuid4()),
            state=JobState.QUEUED,
            event_id=event_id,
            camera_id=event.camera_id,
            defect_type=defect_type,
            requested_count=count,
            seed=request.seed,
            create_time=now,
            update_time=now,
        )
        job = await self._jobs.create(asked)
        if (job.event_id, job.requested_count, job.seed) != (event_id, count, request.seed):
            raise Rejected("request_id_taken", "another request has used this id", field="request_id")
        return operation_of_job(job)

    async def GetAugmentationJob(self, request: Any, context: Any) -> Any:  # noqa: N802
        """One job. NotFound."""
        return convert.job_to_proto(await self._jobs.get(validate.identifier(request.job_id, "job_id")))

    async def ListAugmentationJobs(self, request: Any, context: Any) -> Any:  # noqa: N802
        """A page, newest first."""
        page = await self._jobs.list(validate.page_size(request.page_size), request.page_token)
        return augmentation_service_pb2.ListAugmentationJobsResponse(
            augmentation_jobs=[convert.job_to_proto(job) for job in page.items], next_page_token=page.next_token
        )

    async def CancelAugmentationJob(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Stops a job. NotFound; Conflict when it has ended."""
        return convert.job_to_proto(await self._jobs.cancel(validate.identifier(request.job_id, "job_id")))


def _paintable_type(event: DefectEvent) -> str:
    if event.review.state is not ReviewState.CONFIRMED:
        raise Conflict(f"event {event.event_id} is {event.review.state}; confirm it first")
    slug = event.defect_type
    if slug == UNKNOWN:
        raise Conflict(f"event {event.event_id} has no known type; confirm it with the right type first")
    return slug
