"""Calibrations that run in this process, as long-running operations. They end with the process; the threshold stays."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from google.longrunning import operations_pb2
from google.rpc import status_pb2

from inspectd import convert
from inspectd.api.directory import CameraDirectory
from inspectd.api.services import Calibrator, Recalibrator
from inspectd.api.status import cancelled, status_of
from inspectd.errors import Conflict, InspectdError, NotFound, Overloaded
from inspectd.records import CameraStatus, Threshold
from inspectd.thresholds.recalibrator import Recalibration
from inspectd.v1 import camera_service_pb2

log = structlog.get_logger(__name__)

#: Calibrations at once, and ended ones that are remembered.
LARGEST_RUNNING, LARGEST_ENDED = 2, 100


@dataclass(slots=True)
class _Calibration:
    name: str
    total: int
    scored: int = 0
    expected_alarms_per_hour: float = 0.0
    change: camera_service_pb2.RecalibrationChange | None = None
    camera: CameraStatus | None = None
    error: status_pb2.Status | None = None
    failure: Exception | None = None
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)

    @property
    def ended(self) -> bool:
        return self.camera is not None or self.error is not None

    def progress(self, scored: int, total: int) -> None:
        self.scored, self.total = scored, total

    def operation(self) -> operations_pb2.Operation:
        operation = operations_pb2.Operation(name=self.name, done=self.ended)
        operation.metadata.Pack(
            camera_service_pb2.CalibrateCameraMetadata(
                scored_count=self.scored,
                total_count=self.total,
                expected_alarms_per_hour=self.expected_alarms_per_hour,
                change=self.change,
            )
        )
        if self.error is not None:
            operation.error.CopyFrom(self.error)
        elif self.camera is not None:
            operation.response.Pack(convert.camera_to_proto(self.camera))
        return operation


class Calibrations:
    """Starts calibrations and remembers how they ended; bounded both ways."""

    def __init__(self, *, calibrator: Calibrator, recalibrator: Recalibrator, directory: CameraDirectory) -> None:
        self._calibrator, self._recalibrator, self._directory = calibrator, recalibrator, directory
        self._known: dict[str, _Calibration] = {}  # oldest first

    async def start(
        self, camera_id: str, images: Sequence[bytes], rate: float, frames_per_hour: float
    ) -> operations_pb2.Operation:
        """Raises Overloaded when too many run, and what the calibrator raises before it has done any work."""
        if sum(not item.ended for item in self._known.values()) >= LARGEST_RUNNING:
            raise Overloaded(f"{LARGEST_RUNNING} calibrations are running; wait for one to end")
        item = self._new(len(images))
        self._known[item.name] = item
        item.task = asyncio.create_task(self._run(item, camera_id, images, rate, frames_per_hour), name=item.name)
        await asyncio.sleep(0)  # lets the calibrator look at what it was given: too few pictures are refused here
        if item.failure is not None:
            del self._known[item.name]
            raise item.failure
        return item.operation()

    async def from_reviews(
        self,
        camera_id: str,
        since: datetime,
        rate: float,
        frames_per_hour: float | None,
        *,
        accept_misses: bool,
        accept_pending: bool,
        dry_run: bool,
    ) -> operations_pb2.Operation:
        """An ended calibration. Raises what the recalibrator raises."""
        proposal = await self._recalibrator.propose(camera_id, since, rate, frames_per_hour)
        accepted = {"accept_misses": accept_misses, "accept_pending": accept_pending}
        item = self._new(proposal.calibration.good_count)
        item.scored = item.total
        item.expected_alarms_per_hour = proposal.false_alarms_per_hour_after
        item.change = _change(proposal, proposal.refusals(**accepted))
        if dry_run:
            item.camera = await self._directory.get(camera_id)
        else:
            threshold = await self._recalibrator.store(proposal, **accepted)
            item.camera = await self._directory.calibrated(camera_id, threshold)
        self._known[item.name] = item
        return item.operation()

    async def restore(self, camera_id: str, version: str) -> operations_pb2.Operation:
        """An ended calibration. Raises what the recalibrator raises."""
        stored = await self._recalibrator.restore(camera_id, version)
        item = self._new(0)
        threshold = Threshold(stored.calibration.threshold, stored.version)
        item.camera = await self._directory.calibrated(camera_id, threshold)
        self._known[item.name] = item
        return item.operation()

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def get(self, name: str) -> operations_pb2.Operation:
        """Raises NotFound."""
        return self._find(name).operation()

    def list(self) -> list[operations_pb2.Operation]:
        """Newest first."""
        return [item.operation() for item in reversed(self._known.values())]

    def cancel(self, name: str) -> None:
        """Stops a running one. Raises NotFound; Conflict when it has ended."""
        item = self._find(name)
        if item.ended or item.task is None:
            raise Conflict(f"{name} has ended")
        item.task.cancel()

    def delete(self, name: str) -> None:
        """Forgets an ended one. Raises NotFound; Conflict while it runs."""
        if not self._find(name).ended:
            raise Conflict(f"{name} is running; cancel it first")
        del self._known[name]

    async def stop(self) -> None:
        """Cancels what runs."""
        tasks = [item.task for item in self._known.values() if item.task is not None and not item.ended]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _find(self, name: str) -> _Calibration:
        try:
            return self._known[name]
        except KeyError as error:
            raise NotFound(f"there is no {name}") from error

    def _new(self, total: int) -> _Calibration:
        self._forget_oldest()
        return _Calibration(f"operations/calibration-{uuid.uuid4().hex}", total)

    def _forget_oldest(self) -> None:
        ended = [name for name, item in self._known.items() if item.ended]
        for name in ended[: max(0, len(ended) - LARGEST_ENDED + 1)]:
            del self._known[name]

    async def _run(
        self, item: _Calibration, camera_id: str, images: Sequence[bytes], rate: float, frames_per_hour: float
    ) -> None:
        try:
            threshold, alarms = await self._calibrator.calibrate(
                camera_id, images, rate, frames_per_hour, item.progress
            )
            item.expected_alarms_per_hour = alarms
            item.camera = await self._directory.calibrated(camera_id, threshold)
        except asyncio.CancelledError:
            item.error = cancelled("the calibration was cancelled")
            raise
        except Exception as error:  # nobody awaits this task: its failure is the operation's error
            if not isinstance(error, InspectdError):
                log.error("calibration failed in a way that nobody foresaw", name=item.name, exc_info=error)
            item.failure, item.error = error, status_of(error)


def _change(proposal: Recalibration, refusals: Sequence[str]) -> camera_service_pb2.RecalibrationChange:
    window = proposal.window
    return camera_service_pb2.RecalibrationChange(
        threshold_before=proposal.before.value,
        threshold_after=proposal.calibration.threshold,
        begin=convert.time_to_proto(window.begin),
        end=convert.time_to_proto(window.end),
        passed_count=window.passed_count,
        rejected_count=window.rejected_count,
        confirmed_count=window.confirmed_count,
        pending_count=window.pending_count,
        missed_count=window.missed_count,
        alarms_per_hour_before=proposal.alarms_per_hour_before,
        alarms_per_hour_after=proposal.alarms_per_hour_after,
        worst_rate=proposal.worst_rate,
        refusals=refusals,
    )
