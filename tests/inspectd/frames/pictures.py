"""Pictures and records for the tests of frames."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from inspectd.frames.codec import write_record
from inspectd.frames.source import FrameRecord
from inspectd.records import Frame

TIME = datetime(2026, 3, 1, 6, 0, 0, 123456, tzinfo=UTC)


def jpeg(shade: int = 100, side: int = 32) -> bytes:
    return cv2.imencode(".jpg", np.full((side, side, 3), shade, np.uint8))[1].tobytes()


def png(shade: int = 100, side: int = 32) -> bytes:
    return cv2.imencode(".png", np.full((side, side, 3), shade, np.uint8))[1].tobytes()


def folder_of(folder: Path, count: int, *, ending: str = "jpg") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"part-{number}.{ending}").write_bytes(jpeg(10 * number % 250))
    return folder


def frame(data: bytes | None = None, **changes: Any) -> Frame:
    data = jpeg() if data is None else data
    whole = Frame(
        frame_id="press-1/boot-7/0000000001",
        camera_id="press-1",
        data=data,
        media_type="image/jpeg",
        sha256=Frame.digest(data),
        capture_time=TIME,
        part_id="P-1",
        lot="Lös 7",
        recipe="r",
        view="top",
        attributes={"line": "4", "größe": "ü"},
    )
    return replace(whole, **changes)


def record(source: Frame | None = None, **changes: Any) -> FrameRecord:
    key, value, headers = write_record(source or frame())
    whole = FrameRecord(key, value, headers, TIME, "inspectd.frames", 2, 41)
    return replace(whole, **changes)


def bare(data: bytes | None = None, **changes: Any) -> FrameRecord:
    whole = FrameRecord(b"press-1", jpeg() if data is None else data, (), TIME, "inspectd.frames", 2, 41)
    return replace(whole, **changes)


def with_header(source: FrameRecord, name: str, value: bytes | None) -> FrameRecord:
    """The record with a header replaced, or left out."""
    headers = [(key, old) for key, old in source.headers if key != name]
    return replace(source, headers=headers if value is None else [*headers, (name, value)])
