"""Records to frames and back: CloudEvents headers with a protobuf value, or a bare JPEG or PNG with a camera key.

Everything in a record is a stranger's: each way it can be wrong is a Rejected with one of the words in REASONS. The
picture itself is not decoded here; that is `frames.decode`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

from google.protobuf.message import DecodeError

from inspectd.convert import optional_time, time_to_proto
from inspectd.errors import Rejected
from inspectd.frames.decode import media_type_of
from inspectd.frames.envelope import (
    FRAME_TYPE,
    FrameEnvelope,
    content_type,
    has_envelope,
    read_frame_envelope,
    write_envelope,
)
from inspectd.frames.identity import bare_frame_id, check_camera_id, is_name, split_frame_number
from inspectd.frames.source import FrameRecord
from inspectd.records import Frame
from inspectd.settings import FrameSettings
from inspectd.v1 import frame_pb2

#: Every reason that this module and `frames.blobs` give; dashboards and dead-letter tools may rely on them.
REASONS = (
    "unreadable",
    "empty",
    "no_image",
    "too_large",
    "bad_envelope",
    "bad_source",
    "key_mismatch",
    "bad_camera_id",
    "bad_frame_id",
    "bad_time",
    "bad_text",
    "field_too_long",
    "too_many_attributes",
    "unsupported_format",
    "media_type_mismatch",
    "unknown_blob",
    "blob_not_allowed",
    "bad_digest",
    "digest_mismatch",
    "size_mismatch",
)
#: Longest text field of a frame, in UTF-8 bytes.
MAX_TEXT_BYTES = 256
MAX_ATTRIBUTES = 32
#: What a record may hold beside its inline picture: 32 attributes of twice 256 bytes, the other fields, and framing.
ENVELOPE_ALLOWANCE = 64 * 1024
#: Topic of records that this process made itself. No Kafka topic can have this name, and no broker bounds these records.
DIRECT_TOPIC = "direct:"
#: Header of a record that stands for one that the Kafka driver could not read; its value says why.
UNREADABLE = "inspectd-unreadable"
#: The camera of a record that does not say which one took it.
UNKNOWN_CAMERA = "unknown"
#: A time outside of these is no time of a frame: a clock that is wrong, or another unit.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}


class Blobs(Protocol):
    """Where pictures that are only referred to are fetched: `frames.blobs`."""

    def fetch(self, uri: str, size_bytes: int, sha256: str) -> bytes:
        """The checked bytes. Blocks. Raises Rejected or Unavailable."""


def read_record(record: FrameRecord, limits: FrameSettings, blobs: Blobs) -> Frame:
    """The frame in a record. Blocks on a picture by reference. Raises Rejected, or Unavailable for the blob store."""
    value = record.value
    for name, text in record.headers:
        if name == UNREADABLE:
            raise Rejected("unreadable", text.decode("utf-8", "replace"))
    if not value:
        raise Rejected("empty", "the record has no value")
    largest = limits.max_blob_bytes if record.topic == DIRECT_TOPIC else limits.max_frame_bytes
    if len(value) > largest + ENVELOPE_ALLOWANCE:
        raise Rejected("too_large", f"the record has {len(value)} bytes, above {largest}")
    if has_envelope(record.headers):
        return _read_enveloped(record, value, largest, blobs)
    return _read_bare(record, value, largest)


def identify(record: FrameRecord) -> tuple[str, str]:
    """(frame id, camera id) of any record: for the ledger's line about a rejected one. Never raises.

    A record that contradicts itself is named by its place, so that it cannot take the line of another camera's frame.
    """
    try:
        envelope = _envelope(record)
        boot, sequence = split_frame_number(envelope.number)
        return f"{envelope.camera_id}/{boot}/{sequence}", envelope.camera_id
    except Rejected:
        key = (record.key or b"").decode("utf-8", "replace")
        camera_id = key if is_name(key) else UNKNOWN_CAMERA
        digest = Frame.digest(record.value or b"")
        return bare_frame_id(camera_id, record.topic, record.partition, record.offset, digest), camera_id


def write_record(frame: Frame) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """(key, value, headers) that `read_record` reads back. Raises Rejected(bad_camera_id | bad_frame_id)."""
    camera_id = check_camera_id(frame.camera_id)
    number = frame.frame_id.removeprefix(f"{camera_id}/")
    if number == frame.frame_id:
        raise Rejected("bad_frame_id", f"{frame.frame_id!r} does not begin with its camera", field="frame_id")
    split_frame_number(number)
    message = frame_pb2.Frame(
        capture_time=time_to_proto(frame.capture_time),
        part_id=frame.part_id,
        lot=frame.lot,
        recipe=frame.recipe,
        view=frame.view,
        attributes=frame.attributes,
        inline=frame_pb2.InlineImage(data=frame.data, media_type=frame.media_type),
    )
    headers = write_envelope(FRAME_TYPE, camera_id, number, frame.capture_time)
    return camera_id.encode(), message.SerializeToString(), headers


def _read_bare(record: FrameRecord, value: bytes, largest: int) -> Frame:
    camera_id = check_camera_id(_text_of_key(record.key))
    if len(value) > largest:
        raise Rejected("too_large", f"the picture has {len(value)} bytes, above {largest}")
    declared = content_type(record.headers)
    media_type = _checked_media_type(value, declared if declared.startswith("image/") else "")
    digest = Frame.digest(value)
    return Frame(
        frame_id=bare_frame_id(camera_id, record.topic, record.partition, record.offset, digest),
        camera_id=camera_id,
        data=value,
        media_type=media_type,
        sha256=digest,
        capture_time=record.timestamp,
    )


def _read_enveloped(record: FrameRecord, value: bytes, largest: int, blobs: Blobs) -> Frame:
    envelope = _envelope(record)
    boot, sequence = split_frame_number(envelope.number)
    try:
        message = frame_pb2.Frame.FromString(value)
    except DecodeError as error:
        raise Rejected("bad_envelope", "the value is not an inspectd.v1.Frame") from error
    data, declared = _picture_bytes(message, largest, blobs)
    return Frame(
        frame_id=f"{envelope.camera_id}/{boot}/{sequence}",
        camera_id=envelope.camera_id,
        data=data,
        media_type=_checked_media_type(data, declared),
        sha256=Frame.digest(data),
        capture_time=_capture_time(message, record.timestamp),
        part_id=_text("part_id", message.part_id),
        lot=_text("lot", message.lot),
        recipe=_text("recipe", message.recipe),
        view=_text("view", message.view),
        attributes=_attributes(message.attributes),
    )


def _envelope(record: FrameRecord) -> FrameEnvelope:
    envelope = read_frame_envelope(record.headers)
    if record.key is not None and record.key != envelope.camera_id.encode():
        raise Rejected("key_mismatch", f"the key is {record.key[:64]!r}, ce_source says {envelope.camera_id!r}")
    return envelope


def _picture_bytes(message: frame_pb2.Frame, largest: int, blobs: Blobs) -> tuple[bytes, str]:
    """The encoded picture and the media type that the publisher claims."""
    kind = message.WhichOneof("image")
    if kind == "inline" and message.inline.data:
        if len(message.inline.data) > largest:
            raise Rejected("too_large", f"the picture has {len(message.inline.data)} bytes, above {largest}")
        return message.inline.data, message.inline.media_type
    if kind == "blob":
        blob = message.blob
        return blobs.fetch(blob.uri, blob.size_bytes, blob.sha256), blob.media_type
    raise Rejected("no_image", "neither inline nor blob is set")


def _checked_media_type(data: bytes, declared: str) -> str:
    media_type = media_type_of(data)
    named = declared.strip().lower()
    if named and _ALIASES.get(named, named) != media_type:
        raise Rejected("media_type_mismatch", f"the bytes are {media_type}, the record says {declared[:64]!r}")
    return media_type


def _capture_time(message: frame_pb2.Frame, fallback: datetime) -> datetime:
    if not message.HasField("capture_time"):
        return fallback
    time = optional_time(message, "capture_time")
    # A camera's clock may be wrong; a year that breaks time arithmetic further on is refused here.
    if time is None or not EARLIEST <= time < LATEST:
        raise Rejected("bad_time", "capture_time lies outside the years 1970 to 2199", field="capture_time")
    return time


def _attributes(attributes: Mapping[str, str]) -> dict[str, str]:
    if len(attributes) > MAX_ATTRIBUTES:
        raise Rejected("too_many_attributes", f"{len(attributes)} attributes, above {MAX_ATTRIBUTES}")
    return {_text("attributes", key): _text("attributes", value) for key, value in attributes.items()}


def _text(field: str, text: str) -> str:
    if len(text.encode()) > MAX_TEXT_BYTES:
        raise Rejected("field_too_long", f"{field} is longer than {MAX_TEXT_BYTES} bytes", field=field)
    # PostgreSQL cannot store NUL, and a line break in a part's number forges a line of a log.
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise Rejected("bad_text", f"{field} holds a control character", field=field)
    return text


def _text_of_key(key: bytes | None) -> str:
    if not key:
        raise Rejected("bad_camera_id", "a bare picture needs the camera id as its key", field="key")
    try:
        return key.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Rejected("bad_camera_id", "the key is not UTF-8", field="key") from error
