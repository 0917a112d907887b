"""CloudEvents in binary mode, as Kafka headers: written for every topic, read strictly for frames. Knows no payload."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from inspectd.errors import Rejected
from inspectd.frames.identity import check_camera_id

FRAME_TYPE = "inspectd.v1.frame"
PROTOBUF = "application/protobuf"
_PROTOBUF_NAMES = (PROTOBUF, "application/x-protobuf", "application/vnd.google.protobuf")
_SOURCE = "/cameras/"

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class FrameEnvelope:
    """What the headers of a frame say."""

    camera_id: str
    number: str  # {boot}/{seq}, not yet validated


def write_envelope(event_type: str, camera_id: str, event_id: str, time: datetime) -> list[tuple[str, bytes]]:
    """Headers of a record that carries protobuf about one camera; `time` must be aware."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_type", event_type.encode()),
        ("ce_source", f"{_SOURCE}{camera_id}".encode()),
        ("ce_id", event_id.encode()),
        ("ce_time", time.astimezone(UTC).isoformat().replace("+00:00", "Z").encode()),
        ("content-type", PROTOBUF.encode()),
    ]


def has_envelope(headers: Headers) -> bool:
    """Whether a record means to be a CloudEvent."""
    return any(name.lower().startswith("ce_") for name, _ in headers)


def read_frame_envelope(headers: Headers) -> FrameEnvelope:
    """Raises Rejected(bad_envelope | bad_source | bad_camera_id)."""
    version = _only(headers, "ce_specversion")
    if version != "1.0":
        raise Rejected("bad_envelope", f"ce_specversion is {version[:32]!r}, not '1.0'", field="ce_specversion")
    event_type = _only(headers, "ce_type")
    if event_type != FRAME_TYPE:
        raise Rejected("bad_envelope", f"ce_type is {event_type[:64]!r}, not {FRAME_TYPE!r}", field="ce_type")
    media_type = content_type(headers)
    if media_type and media_type not in _PROTOBUF_NAMES:
        raise Rejected("bad_envelope", f"content-type is {media_type[:64]!r}, not {PROTOBUF}", field="content-type")
    source = _only(headers, "ce_source")
    if not source.startswith(_SOURCE):
        raise Rejected("bad_source", f"ce_source is {source[:64]!r}, not '/cameras/{{id}}'", field="ce_source")
    return FrameEnvelope(check_camera_id(source.removeprefix(_SOURCE)), _only(headers, "ce_id"))


def content_type(headers: Headers) -> str:
    """The media type without parameters, in lower case; empty when there is none. Raises Rejected(bad_envelope)."""
    if not any(name == "content-type" for name, _ in headers):
        return ""
    return _only(headers, "content-type").partition(";")[0].strip().lower()


def _only(headers: Headers, name: str) -> str:
    """A header that must be there once: of two that differ, nobody could say which one is meant."""
    values = [value for header, value in headers if header == name]
    if len(values) != 1:
        found = "missing" if not values else f"there {len(values)} times"
        raise Rejected("bad_envelope", f"{name} is {found}", field=name)
    try:
        return (values[0] or b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise Rejected("bad_envelope", f"{name} is not UTF-8", field=name) from error
