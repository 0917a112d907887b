"""Checks of request fields. Every refusal is Rejected with the field's name as it is in the proto. Knows no service."""

import re
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from inspectd.errors import Rejected

#: Items of a page when the request does not say.
DEFAULT_PAGE = 50
#: Items of a page at most; a larger request is answered with this many.
LARGEST_PAGE = 1000
#: Bytes of an id or of a text that the daemon copies.
LONGEST_ID, LONGEST_TEXT = 512, 256

_CAMERA = re.compile(r"[A-Za-z0-9._-]{1,128}")
_REQUEST = re.compile(r"[A-Za-z0-9-]{1,64}")
_SLUG = re.compile(r"[a-z0-9_]{1,64}")


def page_size(value: int, field: str = "page_size") -> int:
    """0 becomes 50, above 1000 becomes 1000, a negative size is refused."""
    if value < 0:
        raise Rejected("negative", f"{value} is negative; 0 means {DEFAULT_PAGE}", field=field)
    return min(value, LARGEST_PAGE) or DEFAULT_PAGE


def identifier(value: str, field: str) -> str:
    """A required id of anything."""
    if not value:
        raise Rejected("missing", "a value is required", field=field)
    return text(value, field, LONGEST_ID)


def camera(value: str, field: str = "camera_id") -> str:
    """A camera's id: letters, digits, `.`, `_` and `-`, at most 128."""
    if not value:
        raise Rejected("missing", "a value is required", field=field)
    if not _CAMERA.fullmatch(value):
        raise Rejected("bad_camera_id", "letters, digits, `.`, `_` and `-`, at most 128 of them", field=field)
    return value


def optional_camera(value: str, field: str = "camera_id") -> str:
    """A camera's id, or nothing."""
    return camera(value, field) if value else ""


def request_id(value: str, field: str = "request_id") -> str:
    """What makes a retry safe, or nothing: at most 64 letters, digits and `-`."""
    if value and not _REQUEST.fullmatch(value):
        raise Rejected("bad_request_id", "at most 64 letters, digits and `-`", field=field)
    return value


def defect_type(value: str, field: str) -> str:
    """A type's slug, or nothing."""
    if value and not _SLUG.fullmatch(value):
        raise Rejected("bad_defect_type", "a slug: at most 64 lower-case letters, digits and `_`", field=field)
    return value


def text(value: str, field: str, longest: int = LONGEST_TEXT) -> str:
    """A text of at most so many bytes."""
    size = len(value.encode())
    if size > longest:
        raise Rejected("too_long", f"{size} bytes; at most {longest}", field=field)
    return value


def count(value: int, field: str, largest: int) -> int:
    """From 1 to `largest`."""
    if not 1 <= value <= largest:
        raise Rejected("out_of_range", f"{value} is not between 1 and {largest}", field=field)
    return value


def share(value: float, field: str) -> float:
    """Above 0 and below 1."""
    if not 0 < value < 1:  # NaN too
        raise Rejected("out_of_range", f"{value:g} is not above 0 and below 1", field=field)
    return value


def known(message: Any, field: str) -> int:
    """An enum's number that its type has; 0 is allowed and means any."""
    value = int(getattr(message, field))
    numbers = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
    if value not in numbers:
        raise Rejected("unspecified", f"{value} names nothing", field=field)
    return value


def time(message: Any, field: str) -> Timestamp | None:
    """A time that a Timestamp may hold, or None when it is not set."""
    if not message.HasField(field):
        return None
    value: Timestamp = getattr(message, field)
    if not 0 <= value.nanos < 1_000_000_000:
        raise Rejected("bad_time", f"{value.nanos} nanoseconds", field=field)
    return value
