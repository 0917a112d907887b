"""CameraService over the camera directory and the calibrations."""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from inspectd import convert
from inspectd.api import validate
from inspectd.api.calibrations import Calibrations
from inspectd.api.directory import CameraDirectory
from inspectd.errors import Rejected
from inspectd.v1 import camera_service_pb2, camera_service_pb2_grpc

#: Frames per hour when a calibration does not say.
DEFAULT_FRAMES_PER_HOUR = 3600.0
#: How far a threshold from reviews looks back when the request does not say.
DEFAULT_WINDOW = timedelta(days=7)


class Cameras(camera_service_pb2_grpc.CameraServiceServicer):
    """The cameras and their thresholds."""

    def __init__(
        self, *, directory: CameraDirectory, calibrations: Calibrations, clock: Callable[[], datetime]
    ) -> None:
        self._directory, self._calibrations, self._clock = directory, calibrations, clock

    async def ListCameras(self, request: Any, context: Any) -> Any:  # noqa: N802
        """A page, by id; the token is the last id, so that cameras which appear meanwhile skip nothing."""
        size, after = validate.page_size(request.page_size), _after(request.page_token)
        cameras = [camera for camera in await self._directory.list() if camera.camera_id > after]
        page = cameras[:size]
        token = _token(page[-1].camera_id) if len(cameras) > size else ""
        return camera_service_pb2.ListCamerasResponse(
            cameras=[convert.camera_to_proto(camera) for camera in page], next_page_token=token
        )

    async def GetCamera(self, request: Any, context: Any) -> camera_service_pb2.Camera:  # noqa: N802
        """One camera. NotFound."""
        return convert.camera_to_proto(await self._directory.get(validate.identifier(request.camera_id, "camera_id")))

    async def CalibrateCamera(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Starts a calibration with pictures; one without any is done when this returns."""
        camera_id = validate.camera(request.camera_id)
        if bool(request.good_images) + request.HasField("from_reviews") + bool(request.restore_version) > 1:
            raise Rejected("ambiguous", "one of good_images, from_reviews and restore_version", field="good_images")
        if request.restore_version:
            return await self._calibrations.restore(camera_id, request.restore_version)
        rate = validate.share(request.false_alarm_rate, "false_alarm_rate")
        if not request.frames_per_hour >= 0:  # NaN too
            raise Rejected("negative", "a rate is not negative", field="frames_per_hour")
        if request.HasField("from_reviews"):
            since = convert.optional_time(request.from_reviews, "since") or self._clock() - DEFAULT_WINDOW
            return await self._calibrations.from_reviews(
                camera_id, since, rate, request.frames_per_hour or None,
                accept_misses=request.from_reviews.accept_misses, accept_pending=request.from_reviews.accept_pending,
                dry_run=request.from_reviews.dry_run,
            )  # fmt: skip
        if not request.good_images:
            raise Rejected("missing", "pictures of good parts are required", field="good_images")
        frames_per_hour = request.frames_per_hour or DEFAULT_FRAMES_PER_HOUR
        return await self._calibrations.start(camera_id, list(request.good_images), rate, frames_per_hour)


def _token(camera_id: str) -> str:
    return base64.urlsafe_b64encode(f"after/{camera_id}".encode()).decode()


def _after(token: str) -> str:
    if not token:
        return ""
    try:
        plain = base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Rejected("bad_page_token", "this is not a page token", field="page_token") from error
    if not plain.startswith("after/"):
        raise Rejected("bad_page_token", "this is not a page token", field="page_token")
    return plain.removeprefix("after/")
