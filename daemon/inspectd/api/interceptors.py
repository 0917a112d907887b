"""Around every call: the bearer token before it, our errors as gRPC status after it. Knows no service's meaning."""

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
import structlog
from grpc_status import rpc_status

from inspectd.api.status import status_of, unauthenticated
from inspectd.errors import InspectdError

log = structlog.get_logger(__name__)

#: Probes cannot carry a token, and health says nothing but up or down.
OPEN_PREFIX = "/grpc.health.v1.Health/"
#: Services whose handlers raise our errors.
OUR_PREFIXES = ("/inspectd.v1.", "/google.longrunning.")

Handler = Any  # grpc.RpcMethodHandler, a named tuple that the library does not export with types
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Handler]]


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Refuses calls without `authorization: Bearer TOKEN`."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    async def intercept_service(self, continuation: Continuation, details: grpc.HandlerCallDetails) -> Handler:
        """The call's handler, or one that answers UNAUTHENTICATED."""
        given = next((value for key, value in details.invocation_metadata if key == "authorization"), "")
        given = given.encode() if isinstance(given, str) else given
        if details.method.startswith(OPEN_PREFIX) or hmac.compare_digest(given, self._expected):
            return await continuation(details)
        return grpc.unary_unary_rpc_method_handler(_refuse)


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Turns what our handlers raise into google.rpc.Status."""

    async def intercept_service(self, continuation: Continuation, details: grpc.HandlerCallDetails) -> Handler:
        """The call's handler, wrapped when it is one of ours."""
        handler = await continuation(details)
        if handler is None or not details.method.startswith(OUR_PREFIXES):
            return handler
        if handler.response_streaming:
            wrapped = grpc.unary_stream_rpc_method_handler
            call: Any = _stream(handler.unary_stream, details.method)
        else:
            wrapped = grpc.unary_unary_rpc_method_handler
            call = _unary(handler.unary_unary, details.method)
        return wrapped(call, handler.request_deserializer, handler.response_serializer)


async def _refuse(request: bytes, context: grpc.aio.ServicerContext) -> None:
    await context.abort_with_status(rpc_status.to_status(unauthenticated()))


def _unary(inner: Callable[..., Awaitable[Any]], method: str) -> Callable[..., Awaitable[Any]]:
    async def call(request: Any, context: grpc.aio.ServicerContext) -> Any:
        try:
            return await inner(request, context)
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # the edge of the daemon: every failure becomes a status, none gets lost
            await _abort(context, method, error)

    return call


def _stream(inner: Callable[..., Any], method: str) -> Callable[..., AsyncIterator[Any]]:
    async def call(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        try:
            async with aclosing(inner(request, context)) as responses:
                async for response in responses:
                    yield response
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # the edge of the daemon: every failure becomes a status, none gets lost
            await _abort(context, method, error)

    return call


async def _abort(context: grpc.aio.ServicerContext, method: str, error: Exception) -> None:
    if not isinstance(error, InspectdError):
        log.error("call failed in a way that nobody foresaw", method=method, exc_info=error)
    await context.abort_with_status(rpc_status.to_status(status_of(error)))
