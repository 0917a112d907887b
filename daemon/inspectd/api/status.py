"""One table from our errors to gRPC: the code, google.rpc.ErrorInfo, and BadRequest when a field is at fault.

`ErrorInfo.reason` is upper snake case and stable; its domain is `inspectd`. An error that is none of ours is answered with
INTERNAL and without its text, which may hold what a stranger must not see.
"""

from typing import Any

from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc import StatusCode

from inspectd.errors import (
    CalibrateAgain,
    Conflict,
    Expired,
    InspectdError,
    Misconfigured,
    ModelChanged,
    ModelFailed,
    NotFound,
    Overloaded,
    Rejected,
    TooLate,
    Unavailable,
    Unreachable,
)

#: The `domain` of every ErrorInfo.
DOMAIN = "inspectd"

#: Exactly one entry per class of the error tree; a subclass without its own entry is a failing test.
CODES: dict[type[InspectdError], StatusCode] = {
    InspectdError: StatusCode.INTERNAL,
    Unavailable: StatusCode.UNAVAILABLE,
    Unreachable: StatusCode.UNAVAILABLE,
    ModelChanged: StatusCode.UNAVAILABLE,
    Overloaded: StatusCode.RESOURCE_EXHAUSTED,
    TooLate: StatusCode.DEADLINE_EXCEEDED,
    CalibrateAgain: StatusCode.FAILED_PRECONDITION,
    Rejected: StatusCode.INVALID_ARGUMENT,
    ModelFailed: StatusCode.INTERNAL,
    NotFound: StatusCode.NOT_FOUND,
    Conflict: StatusCode.FAILED_PRECONDITION,
    Expired: StatusCode.OUT_OF_RANGE,
    Misconfigured: StatusCode.FAILED_PRECONDITION,
}

_REASONS: dict[type[InspectdError], str] = {
    InspectdError: "INTERNAL",
    Unavailable: "UNAVAILABLE",
    Unreachable: "UNREACHABLE",
    ModelChanged: "MODEL_CHANGED",
    Overloaded: "OVERLOADED",
    TooLate: "TOO_LATE",
    CalibrateAgain: "CALIBRATE_AGAIN",
    ModelFailed: "MODEL_FAILED",
    NotFound: "NOT_FOUND",
    Conflict: "WRONG_STATE",
    Expired: "EXPIRED",
    Misconfigured: "MISCONFIGURED",
}


def code_of(error: InspectdError) -> StatusCode:
    """The gRPC code. A stale etag is ABORTED: read again and retry."""
    if isinstance(error, Conflict) and error.stale:
        return StatusCode.ABORTED
    return CODES[_entry(error, CODES)]


def reason_of(error: InspectdError) -> str:
    """The stable upper-case word of ErrorInfo."""
    if isinstance(error, Rejected):
        return error.reason.upper().replace("-", "_").replace(" ", "_")
    if isinstance(error, Conflict) and error.stale:
        return "STALE_ETAG"
    return _REASONS[_entry(error, _REASONS)]


def status_of(error: Exception) -> status_pb2.Status:
    """The whole google.rpc.Status of an error."""
    if not isinstance(error, InspectdError):
        return _status(StatusCode.INTERNAL, "internal error; the daemon's log has the details", "INTERNAL", {})
    if not isinstance(error, Rejected):
        metadata = {"setting": error.setting} if isinstance(error, Misconfigured) else {}
        return _status(code_of(error), str(error), reason_of(error), metadata)
    message = f"{error.field}: {error.detail}" if error.field else error.detail
    metadata = {"field": error.field} if error.field else {}
    status = _status(code_of(error), message, reason_of(error), metadata)
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=error.field, description=error.detail)
        status.details.append(_packed(error_details_pb2.BadRequest(field_violations=[violation])))
    return status


def unauthenticated() -> status_pb2.Status:
    """The answer to a call without the right token."""
    message = "a bearer token is needed: metadata `authorization: Bearer TOKEN`, the daemon's setting api.token"
    return _status(StatusCode.UNAUTHENTICATED, message, "TOKEN_REQUIRED", {"setting": "api.token"})


def cancelled(detail: str) -> status_pb2.Status:
    """How an operation ends that somebody cancelled."""
    return _status(StatusCode.CANCELLED, detail, "CANCELLED", {})


def _entry(error: InspectdError, table: dict[type[InspectdError], Any]) -> type[InspectdError]:
    return next(cls for cls in type(error).__mro__ if cls in table)


def _status(code: StatusCode, message: str, reason: str, metadata: dict[str, str]) -> status_pb2.Status:
    info = error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)
    return status_pb2.Status(code=code_pb2.Code.Value(code.name), message=message, details=[_packed(info)])


def _packed(message: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
