"""A small client of the daemon's gRPC API: a channel with token and TLS, the stubs, and errors as text for people.

Knows no terminal. Everything else about the API is in the protos.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import grpc
from google.longrunning import operations_pb2_grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from inspectd.v1 import (
    augmentation_service_pb2_grpc,
    camera_service_pb2_grpc,
    defect_event_service_pb2,
    defect_event_service_pb2_grpc,
    inspection_service_pb2_grpc,
)

#: Bytes of the largest message either way.
LARGEST_MESSAGE = 64 * 1024 * 1024
#: Seconds between two tries of a lost watch: the first and the longest.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 10.0


class CallError(Exception):
    """A call that did not succeed, in words for people."""

    def __init__(self, text: str, *, code: grpc.StatusCode, reason: str = "", field: str = "") -> None:
        super().__init__(text)
        self.code, self.reason, self.field = code, reason, field

    @property
    def away(self) -> bool:
        """Whether nothing answered at the address, as against a daemon that answered and refused."""
        return not self.reason and self.code is grpc.StatusCode.UNAVAILABLE


class Client:
    """Stubs over one channel. Use as an async context manager; its calls raise grpc's errors, see `told`."""

    def __init__(self, *, address: str, token: str = "", tls: bool = False, ca: bytes | None = None) -> None:
        self.address = address
        options = [
            ("grpc.max_receive_message_length", LARGEST_MESSAGE),
            ("grpc.max_send_message_length", LARGEST_MESSAGE),
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.enable_http_proxy", 0),  # the daemon is on this machine or on the line's network
        ]
        bearers = [_UnaryBearer(token), _StreamBearer(token)] if token else []
        if tls or ca is not None:
            credentials = grpc.ssl_channel_credentials(ca)
            self.channel = grpc.aio.secure_channel(address, credentials, options=options, interceptors=bearers)
        else:
            self.channel = grpc.aio.insecure_channel(address, options=options, interceptors=bearers)
        self.events = defect_event_service_pb2_grpc.DefectEventServiceStub(self.channel)
        self.inspections = inspection_service_pb2_grpc.InspectionServiceStub(self.channel)
        self.cameras = camera_service_pb2_grpc.CameraServiceStub(self.channel)
        self.augmentation = augmentation_service_pb2_grpc.AugmentationServiceStub(self.channel)
        self.operations = operations_pb2_grpc.OperationsStub(self.channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turns grpc's errors inside it into CallError."""
        try:
            yield
        except grpc.aio.AioRpcError as error:
            raise failure(error, self.address) from error

    async def pages(self, call: Callable[[Any], Any], request: Any, items: str, limit: int) -> AsyncIterator[Any]:
        """The items of a listing, page after page, at most `limit`."""
        left = limit
        while left > 0:
            request.page_size = min(left, 1000)
            with self.told():
                response = await call(request)
            page = getattr(response, items)
            for item in page[:left]:
                yield item
            left -= len(page)
            request.page_token = response.next_page_token
            if not request.page_token:
                return

    async def watch(
        self, *, camera_id: str = "", resume_token: str = "", on_lost: Callable[[CallError], None] | None = None
    ) -> AsyncGenerator[Any, None]:
        """WatchDefectEventsResponse for ever; after a lost connection it goes on where it was, without a gap.

        The first connection must succeed: CallError. So it is for every error that a later try cannot mend, such as an
        expired token. `on_lost` hears of each lost connection.
        """
        pause_s, connected = FIRST_PAUSE_S, False
        while True:
            request = defect_event_service_pb2.WatchDefectEventsRequest(camera_id=camera_id, resume_token=resume_token)
            try:
                with self.told():
                    async for response in self.events.WatchDefectEvents(request):
                        pause_s, connected, resume_token = FIRST_PAUSE_S, True, response.resume_token
                        yield response
                lost = CallError("the daemon ended the stream", code=grpc.StatusCode.UNAVAILABLE)
            except CallError as error:
                if not connected or error.code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                    raise
                lost = error
            if on_lost is not None:
                on_lost(lost)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def failure(error: grpc.aio.AioRpcError, address: str) -> CallError:
    """An error in words: what the daemon said, or that nothing answers."""
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    packed = [] if status is None else status.details
    if any(detail.Unpack(info) for detail in packed if detail.Is(info.DESCRIPTOR)):
        field = info.metadata.get("field", "")
        return CallError(error.details() or info.reason, code=error.code(), reason=info.reason, field=field)
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        text = (
            f"no daemon answers at {address} (settings api.host and api.port, or --address): start one with "
            f"`inspectd run` ({error.details()})"
        )
        return CallError(text, code=error.code())
    return CallError(f"{address} answers {error.code().name}: {error.details()}", code=error.code())


class _UnaryBearer(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, token: str) -> None:
        self._token = token

    async def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return await continuation(_with_token(details, self._token), request)


class _StreamBearer(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, token: str) -> None:
        self._token = token

    async def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        return await continuation(_with_token(details, self._token), request)


def _with_token(details: Any, token: str) -> grpc.aio.ClientCallDetails:
    metadata = grpc.aio.Metadata(*(details.metadata or ()), ("authorization", f"Bearer {token}"))
    return grpc.aio.ClientCallDetails(
        details.method, details.timeout, metadata, details.credentials, details.wait_for_ready
    )
