"""InspectionService over the inspector and the ledger."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from inspectd import convert
from inspectd.api import validate
from inspectd.api.services import Inspector
from inspectd.errors import Rejected
from inspectd.frames.decode import media_type_of
from inspectd.inspections.ledger import InspectionLedger, InspectionQuery
from inspectd.records import Frame
from inspectd.v1 import inspection_pb2, inspection_service_pb2, inspection_service_pb2_grpc

#: The camera of a picture that names none.
ADHOC = "adhoc"


class Inspections(inspection_service_pb2_grpc.InspectionServiceServicer):
    """Inspecting one image, and reading verdicts."""

    def __init__(
        self, *, inspector: Inspector, ledger: InspectionLedger, max_image_bytes: int, clock: Callable[[], datetime]
    ) -> None:
        self._inspector, self._ledger, self._clock = inspector, ledger, clock
        self._max_image_bytes = max_image_bytes

    async def InspectImage(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The verdict on an image."""
        frame = self._frame(request)
        try:
            verdict = await self._inspector.inspect(frame, record=request.record)
        except Rejected as error:  # whatever is wrong with the frame came in as `image`
            raise Rejected(error.reason, error.detail, field=error.field or "image") from error
        return inspection_service_pb2.InspectImageResponse(
            inspection=convert.inspection_to_proto(verdict.inspection),
            regions=[convert.region_to_proto(region) for region in verdict.regions],
            defect_event=None if verdict.event is None else convert.event_to_proto(verdict.event),
        )

    async def GetInspection(self, request: Any, context: Any) -> inspection_pb2.Inspection:  # noqa: N802
        """One verdict. NotFound."""
        return convert.inspection_to_proto(await self._ledger.get(validate.identifier(request.frame_id, "frame_id")))

    async def ListInspections(self, request: Any, context: Any) -> Any:  # noqa: N802
        """A page, newest first."""
        outcome = validate.known(request, "outcome")
        query = InspectionQuery(
            camera_id=validate.optional_camera(request.camera_id),
            part_id=validate.text(request.part_id, "part_id"),
            outcome=convert.outcome_from_proto(outcome) if outcome else None,
        )
        page = await self._ledger.list(query, validate.page_size(request.page_size), request.page_token)
        return inspection_service_pb2.ListInspectionsResponse(
            inspections=[convert.inspection_to_proto(item) for item in page.items], next_page_token=page.next_token
        )

    def _frame(self, request: Any) -> Frame:
        if len(request.image) > self._max_image_bytes:
            detail = f"the picture has {len(request.image)} bytes, above {self._max_image_bytes}"
            raise Rejected("too_large", detail, field="image")
        camera_id = validate.optional_camera(request.camera_id) or ADHOC
        name = validate.request_id(request.request_id) or uuid.uuid4().hex
        return Frame(
            frame_id=f"{camera_id}/api/{name}",
            camera_id=camera_id,
            part_id=validate.text(request.part_id, "part_id"),
            lot=validate.text(request.lot, "lot"),
            data=request.image,
            media_type=media_type_of(request.image),
            sha256=Frame.digest(request.image),
            capture_time=self._clock(),
        )
