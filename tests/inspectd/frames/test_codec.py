"""Records to frames: what is right comes back whole, what is wrong is refused by name, and nothing else is raised."""

import hashlib
import random
from dataclasses import replace

import pytest
from tests.inspectd.frames.pictures import TIME, bare, frame, jpeg, png, record, with_header

from inspectd.errors import Rejected
from inspectd.frames.codec import DIRECT_TOPIC, REASONS, UNREADABLE, identify, read_record, write_record
from inspectd.frames.source import FrameRecord
from inspectd.records import Frame
from inspectd.settings import FrameSettings
from inspectd.v1 import frame_pb2

LIMITS = FrameSettings(max_frame_bytes=100_000)


class Blobs:
    """Keeps one picture under one address."""

    def fetch(self, uri: str, size_bytes: int, sha256: str) -> bytes:
        if uri != "memory://frames/1.png":
            raise Rejected("blob_not_allowed", uri)
        return png()


def read(given: FrameRecord) -> Frame:
    return read_record(given, LIMITS, Blobs())


def refused(given: FrameRecord) -> str:
    with pytest.raises(Rejected) as caught:
        read(given)
    assert caught.value.reason in (*REASONS, "empty", "unsupported_format")
    return caught.value.reason


def message(**fields: object) -> bytes:
    fields.setdefault("inline", frame_pb2.InlineImage(data=jpeg()))
    return frame_pb2.Frame(**fields).SerializeToString()  # type: ignore[arg-type]


def test_a_frame_comes_back_as_it_was_written() -> None:
    assert read(record()) == frame()


def test_the_headers_are_cloudevents() -> None:
    key, _, headers = write_record(frame())
    assert key == b"press-1"
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_type": b"inspectd.v1.frame",
        "ce_source": b"/cameras/press-1",
        "ce_id": b"boot-7/0000000001",
        "ce_time": b"2026-03-01T06:00:00.123456Z",
        "content-type": b"application/protobuf",
    }


@pytest.mark.parametrize(("data", "media_type"), [(jpeg(), "image/jpeg"), (png(), "image/png")])
def test_a_bare_picture_is_named_by_its_place_and_its_content(data: bytes, media_type: str) -> None:
    found = read(bare(data))
    digest = hashlib.sha256(data).hexdigest()
    assert found.frame_id == f"press-1/inspectd.frames-2-41-{digest[:16]}"
    assert (found.camera_id, found.media_type, found.sha256) == ("press-1", media_type, digest)
    assert found.capture_time == TIME


def test_a_bare_picture_may_say_its_media_type() -> None:
    assert read(bare(headers=[("content-type", b"image/jpeg; q=1")])).media_type == "image/jpeg"
    assert refused(bare(headers=[("content-type", b"image/png")])) == "media_type_mismatch"


def test_a_picture_by_reference_is_fetched() -> None:
    blob = frame_pb2.BlobImage(uri="memory://frames/1.png", size_bytes=1, sha256="0" * 64)
    found = read(record(value=frame_pb2.Frame(blob=blob).SerializeToString()))
    assert (found.data, found.media_type) == (png(), "image/png")


def test_without_a_capture_time_the_record_s_own_counts() -> None:
    assert read(record(value=message())).capture_time == TIME


def test_a_record_without_a_key_is_named_by_its_envelope() -> None:
    assert read(record(key=None)).camera_id == "press-1"


@pytest.mark.parametrize("name", ["image/jpeg", "IMAGE/JPEG", "image/jpg", ""])
def test_the_usual_spellings_of_a_media_type_are_taken(name: str) -> None:
    inline = frame_pb2.InlineImage(data=jpeg(), media_type=name)
    assert read(record(value=message(inline=inline))).media_type == "image/jpeg"


ENVELOPES = [
    ("ce_specversion", b"0.3", "bad_envelope"),
    ("ce_specversion", None, "bad_envelope"),
    ("ce_type", b"inspectd.v2.frame", "bad_envelope"),
    ("ce_type", None, "bad_envelope"),
    ("ce_id", None, "bad_envelope"),
    ("ce_id", b"boot", "bad_frame_id"),
    ("ce_id", b"/", "bad_frame_id"),
    ("ce_id", b"boot/1/2", "bad_frame_id"),
    ("ce_id", b"../1", "bad_frame_id"),
    ("ce_id", b"boot/" + b"1" * 129, "bad_frame_id"),
    ("ce_id", b"boot/1\n", "bad_frame_id"),
    ("ce_id", "boot/٣".encode(), "bad_frame_id"),
    ("ce_id", b"\xff/\xfe", "bad_envelope"),
    ("ce_source", None, "bad_envelope"),
    ("ce_source", b"press-1", "bad_source"),
    ("ce_source", b"/cameras/", "bad_camera_id"),
    ("ce_source", b"/cameras/..", "bad_camera_id"),
    ("ce_source", b"/cameras/a/b", "bad_camera_id"),
    ("ce_source", b"/cameras/a b", "bad_camera_id"),
    ("ce_source", b"/cameras/press-2", "key_mismatch"),
    ("ce_source", b"\xff", "bad_envelope"),
    ("content-type", b"application/json", "bad_envelope"),
]


@pytest.mark.parametrize(("name", "value", "reason"), ENVELOPES)
def test_a_wrong_header_is_refused_by_name(name: str, value: bytes | None, reason: str) -> None:
    assert refused(with_header(record(), name, value)) == reason


def test_a_header_that_is_there_twice_means_nothing() -> None:
    assert refused(record(headers=[*record().headers, ("ce_id", b"boot-7/2")])) == "bad_envelope"


@pytest.mark.parametrize("key", [b"press-2", b"", b"\xff\xfe", b"press-1 "])
def test_a_key_that_contradicts_the_source_is_refused(key: bytes) -> None:
    assert refused(record(key=key)) == "key_mismatch"


@pytest.mark.parametrize("key", [None, b"", b"\xff", b"a/b", b".", b"..", b"a" * 129, b"a\x00", "ä".encode()])
def test_a_bare_picture_needs_a_camera_as_its_key(key: bytes | None) -> None:
    assert refused(bare(key=key)) == "bad_camera_id"


VALUES = [
    (None, "empty"),
    (b"", "empty"),
    (b"\xff\xff\xff", "bad_envelope"),
    (message(part_id="x" * 257), "field_too_long"),
    (message(lot="ü" * 129), "field_too_long"),
    (message(recipe="a\x00b"), "bad_text"),
    (message(view="a\nb"), "bad_text"),
    (message(attributes={f"{n}": "" for n in range(33)}), "too_many_attributes"),
    (message(attributes={"k": "x" * 257}), "field_too_long"),
    (message(attributes={"k\x7f": ""}), "bad_text"),
    (message(inline=frame_pb2.InlineImage()), "no_image"),
    (frame_pb2.Frame(part_id="x").SerializeToString(), "no_image"),
    (message(inline=frame_pb2.InlineImage(data=b"GIF89a")), "unsupported_format"),
    (message(inline=frame_pb2.InlineImage(data=jpeg(), media_type="image/png")), "media_type_mismatch"),
    (message(inline=frame_pb2.InlineImage(data=b"\xff\xd8\xff" + b"x" * 100_000)), "too_large"),
    (message(blob=frame_pb2.BlobImage(uri="file:///etc/passwd"), inline=None), "blob_not_allowed"),
    (b"\x12\x02\xff\xfe", "bad_envelope"),  # part_id that is not UTF-8
    (b"x" * 200_000, "too_large"),
]


@pytest.mark.parametrize(("value", "reason"), VALUES)
def test_a_wrong_value_is_refused_by_name(value: bytes | None, reason: str) -> None:
    assert refused(record(value=value)) == reason


@pytest.mark.parametrize("seconds", [-1, 8_000_000_000, 2**62, -(2**62)])
def test_a_capture_time_that_no_camera_can_mean_is_refused(seconds: int) -> None:
    value = frame_pb2.Frame(inline=frame_pb2.InlineImage(data=jpeg()))
    value.capture_time.seconds = seconds
    assert refused(record(value=value.SerializeToString())) == "bad_time"


def test_a_bare_value_that_is_no_picture_is_refused() -> None:
    assert refused(bare(b"hello")) == "unsupported_format"
    assert refused(bare(b"\xff\xd8\xff" + b"x" * 100_000)) == "too_large"


def test_frames_of_this_process_are_bounded_like_blobs_and_not_like_records() -> None:
    limits = FrameSettings(max_frame_bytes=100, max_blob_bytes=1_000_000)
    data = jpeg() + b"\x00" * 1000 + b"\xff\xd9"
    assert read_record(record(frame(data), topic=DIRECT_TOPIC), limits, Blobs()).data == data
    with pytest.raises(Rejected, match="too_large"):
        read_record(record(frame(data)), limits, Blobs())


def test_a_record_that_the_driver_could_not_read_says_why() -> None:
    given = FrameRecord(None, None, [(UNREADABLE, b"bad crc")], TIME, "inspectd.frames", 2, 41)
    assert refused(given) == "unreadable"
    assert identify(given)[1] == "unknown"


def test_no_damage_raises_anything_but_a_refusal() -> None:
    rng = random.Random(5)
    value = record().value or b""
    for _ in range(3000):
        damaged = bytearray(value[: rng.randrange(len(value) + 1)])
        for _ in range(rng.randrange(4)):
            if damaged:
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        headers = [
            (name, bytes(rng.sample(text, len(text))) if rng.random() < 0.1 else text)
            for name, text in record().headers
            if rng.random() < 0.97
        ]
        key = rng.choice([b"press-1", b"press-1", b"\xc3", None])
        given = FrameRecord(key, bytes(damaged), headers, TIME, "inspectd.frames", 0, 1)
        reasons = set()
        try:
            read(given)
        except Rejected as error:
            reasons.add(error.reason)
        assert reasons <= set(REASONS)
        frame_id, camera_id = identify(given)
        assert frame_id.startswith(f"{camera_id}/")


def test_a_refused_frame_keeps_its_id_but_not_when_it_contradicts_itself() -> None:
    assert identify(record(value=b"broken")) == ("press-1/boot-7/0000000001", "press-1")
    spoofed = record(key=b"press-2")
    assert identify(spoofed)[0].startswith("press-2/inspectd.frames-2-41-")
    assert identify(bare(b"x", key=b"\xff"))[1] == "unknown"


@pytest.mark.parametrize("changes", [{"camera_id": "a/b"}, {"frame_id": "other/boot/1"}, {"frame_id": "press-1/boot"}])
def test_a_frame_that_could_not_be_read_back_is_not_written(changes: dict[str, str]) -> None:
    with pytest.raises(Rejected):
        write_record(replace(frame(), **changes))
