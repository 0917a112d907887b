"""The port for augmentation jobs."""

from typing import Protocol

from inspectd.records import AugmentationJob, Page


class JobStore(Protocol):
    """A job is claimed by one worker at a time; a worker that died leaves a job that is claimed again."""

    async def create(self, job: AugmentationJob) -> AugmentationJob:
        """Stores a QUEUED job; a job of the same id is returned as it is."""

    async def get(self, job_id: str) -> AugmentationJob:
        """Raises NotFound."""

    async def list(self, page_size: int, page_token: str = "") -> Page[AugmentationJob]:
        """Newest first. Raises Rejected(field="page_token") for a token that is not one."""

    async def claim(self, worker: str) -> AugmentationJob | None:
        """The oldest job that is QUEUED, or RUNNING without a sign of life for the lease time, now RUNNING; None when there is none."""

    async def update(self, job: AugmentationJob, worker: str) -> AugmentationJob:
        """Stores progress or the end, and renews the lease. Returns the stored job: CANCELLED when somebody cancelled it meanwhile.

        Raises NotFound; Conflict when the lease ran out and another worker has the job by now.
        """

    async def cancel(self, job_id: str) -> AugmentationJob:
        """Raises NotFound; Conflict when the job has ended."""


class JobAnnouncer(Protocol):
    """Where a job's beginning and end are told to the world outside."""

    async def announce(self, job: AugmentationJob) -> None:
        """Returns when it is acknowledged; the same state may be told twice. Raises Unavailable."""
