"""The gRPC server: binds, protects and assembles the services. Knows no store and no model, only ports."""

from collections.abc import Callable
from datetime import UTC, datetime

import grpc
import structlog
from google.longrunning import operations_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from inspectd.api.augmentation import Augmentation
from inspectd.api.calibrations import Calibrations
from inspectd.api.cameras import Cameras
from inspectd.api.defect_events import DefectEvents
from inspectd.api.directory import CameraDirectory
from inspectd.api.exposure import load_certificate, require_tls, require_token
from inspectd.api.health import HealthFollower
from inspectd.api.inspections import Inspections
from inspectd.api.interceptors import ErrorInterceptor, TokenInterceptor
from inspectd.api.operations import Operations
from inspectd.api.services import Calibrator, Inspector, Narrator, Readiness, Recalibrator
from inspectd.augmentation.store import JobStore
from inspectd.errors import Misconfigured
from inspectd.events.feed import ChangeFeed
from inspectd.events.store import EventStore
from inspectd.evidence.store import EvidenceStore
from inspectd.inspections.ledger import InspectionLedger
from inspectd.settings import ApiSettings
from inspectd.v1 import (
    augmentation_service_pb2,
    augmentation_service_pb2_grpc,
    camera_service_pb2,
    camera_service_pb2_grpc,
    defect_event_service_pb2,
    defect_event_service_pb2_grpc,
    inspection_service_pb2,
    inspection_service_pb2_grpc,
)

log = structlog.get_logger(__name__)

#: How often a quiet watch says that it is alive, in seconds.
HEARTBEAT_S = 10.0
#: How long a stop waits for calls that are under way, in seconds.
GRACE_S = 2.0

SERVICE_NAMES = (
    *(
        module.DESCRIPTOR.services_by_name[name].full_name
        for module, name in (
            (defect_event_service_pb2, "DefectEventService"),
            (inspection_service_pb2, "InspectionService"),
            (camera_service_pb2, "CameraService"),
            (augmentation_service_pb2, "AugmentationService"),
        )
    ),
    "google.longrunning.Operations",
    health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,
    reflection.SERVICE_NAME,
)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class ApiServer:
    """Serves on `settings.host:settings.port` between start and stop."""

    def __init__(
        self,
        *,
        settings: ApiSettings,
        events: EventStore,
        evidence: EvidenceStore,
        ledger: InspectionLedger,
        jobs: JobStore,
        inspector: Inspector,
        narrator: Narrator,
        calibrator: Calibrator,
        recalibrator: Recalibrator,
        directory: CameraDirectory,
        feed: ChangeFeed,
        readiness: Readiness,
        max_image_bytes: int,
        clock: Callable[[], datetime] = utc_now,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._settings = settings
        self._calibrations = Calibrations(calibrator=calibrator, recalibrator=recalibrator, directory=directory)
        self._health = HealthFollower(readiness=readiness)
        self._defect_events = DefectEvents(
            events=events, evidence=evidence, narrator=narrator, feed=feed, clock=clock, heartbeat_s=heartbeat_s
        )
        self._inspections = Inspections(
            inspector=inspector, ledger=ledger, max_image_bytes=max_image_bytes, clock=clock
        )
        self._cameras = Cameras(directory=directory, calibrations=self._calibrations, clock=clock)
        self._augmentation = Augmentation(events=events, jobs=jobs, clock=clock)
        self._operations = Operations(jobs=jobs, calibrations=self._calibrations)
        self._server: grpc.aio.Server | None = None
        self.address = ""

    async def start(self) -> None:
        """Binds; `address` is host:port afterwards. Raises Misconfigured with the setting's name."""
        server, credentials = self._assemble()
        host = self._settings.host
        wanted = f"[{host}]:{self._settings.port}" if ":" in host else f"{host}:{self._settings.port}"
        try:
            port = (
                server.add_insecure_port(wanted) if credentials is None else server.add_secure_port(wanted, credentials)
            )
        except RuntimeError as error:
            raise Misconfigured(
                "api.port", f"{wanted} cannot be bound", "Set INSPECTD_API__PORT to a free one"
            ) from error
        self._server, self.address = server, f"{wanted.rpartition(':')[0]}:{port}"
        await self._health.start()
        await server.start()
        log.info("gRPC is served", address=self.address, tls=credentials is not None)

    async def stop(self) -> None:
        """Ends every stream and lets short calls finish."""
        await self._health.stop()
        await self._calibrations.stop()
        if self._server is not None:
            await self._server.stop(GRACE_S)
            self._server = None

    def _assemble(self) -> tuple[grpc.aio.Server, grpc.ServerCredentials | None]:
        settings = self._settings
        token = settings.token.get_secret_value()
        require_token("api", settings.host, token)
        require_tls("api", settings.host, settings.tls_certificate)
        certificate = load_certificate("api", settings.tls_certificate, settings.tls_key)
        guards = [TokenInterceptor(token)] if token else []
        server = grpc.aio.server(
            interceptors=[*guards, ErrorInterceptor()],
            options=[
                ("grpc.max_receive_message_length", settings.max_message_bytes),
                ("grpc.max_send_message_length", settings.max_message_bytes),
                ("grpc.so_reuseport", 0),  # two daemons on one port would share its calls in silence
            ],
        )
        defect_event_service_pb2_grpc.add_DefectEventServiceServicer_to_server(self._defect_events, server)
        inspection_service_pb2_grpc.add_InspectionServiceServicer_to_server(self._inspections, server)
        camera_service_pb2_grpc.add_CameraServiceServicer_to_server(self._cameras, server)
        augmentation_service_pb2_grpc.add_AugmentationServiceServicer_to_server(self._augmentation, server)
        operations_pb2_grpc.add_OperationsServicer_to_server(self._operations, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health.servicer, server)
        reflection.enable_server_reflection(SERVICE_NAMES, server)
        if certificate is None:
            return server, None
        return server, grpc.ssl_server_credentials([(certificate.key, certificate.chain)])
