"""grpc.health.v1, driven by readiness: the whole daemon under the empty name, each service under its own."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from grpc_health.v1 import health, health_pb2

from inspectd.api.services import Readiness

#: Parts that run the region expert: a process of our own, or Triton.
VISION = ("region_expert", "triton")
#: The parts of the readiness report that each service cannot do without. A part that the report does not name counts as
#: ready: the daemon runs without it.
NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "inspectd.v1.DefectEventService": ("database",),
        "inspectd.v1.InspectionService": ("database", *VISION),
        "inspectd.v1.CameraService": ("database", *VISION),
        "inspectd.v1.AugmentationService": ("database",),
        "google.longrunning.Operations": ("database",),
    }
)

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class HealthFollower:
    """Keeps the health service's answers in step with readiness."""

    def __init__(self, *, readiness: Readiness, every_s: float = 0.5) -> None:
        self.servicer = health.aio.HealthServicer()
        self._readiness, self._every_s = readiness, every_s
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Sets the first answers and goes on following."""
        await self._set()
        self._task = asyncio.create_task(self._follow(), name="api-health")

    async def stop(self) -> None:
        """Everything is NOT_SERVING from now on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.servicer.enter_graceful_shutdown()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self._set()

    async def _set(self) -> None:
        report = self._readiness.report()
        await self.servicer.set("", SERVING if all(report.values()) else NOT_SERVING)
        for service, parts in NEEDS.items():
            ready = all(report.get(part, True) for part in parts)
            await self.servicer.set(service, SERVING if ready else NOT_SERVING)
