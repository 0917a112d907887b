"""The frames of a video file, encoded anew as JPEG."""

import hashlib
from pathlib import Path

import cv2

from inspectd.errors import Misconfigured
from inspectd.frames.identity import new_boot_id, sequence_id
from inspectd.frames.shot import Shot, encode_jpeg

#: How much of the file makes its id; a video differs early.
_HASHED_BYTES = 1 << 20


class VideoShots:
    """`Shots` of a file. Without `loop` the ids come from the file's content and the frame's position in it."""

    live = False

    def __init__(self, *, file: Path, loop: bool = False, boot: str = "", max_bytes: int = 0) -> None:
        self._file, self._loop, self._max_bytes = file.expanduser(), loop, max_bytes
        self._number, self._closed = 0, False
        self._capture = self._open()
        self.boot = boot or (new_boot_id() if loop else f"video-{_fingerprint(self._file)}")

    @property
    def connected(self) -> bool:
        """A file is there or it is an error at the start."""
        return not self._closed

    def take(self) -> Shot | None:
        """See the port. A damaged end is the end."""
        while not self._closed:
            got, pixels = self._capture.read()
            if got:
                self._number += 1
                position_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)  # of the frame just read
                data = encode_jpeg(pixels, self._max_bytes)
                attributes = {"video_ms": f"{position_ms:.0f}"}
                return Shot(data=data, media_type="image/jpeg", number=sequence_id(self._number), attributes=attributes)
            if not self._loop:
                break
            self._capture.release()
            self._capture = self._open()
        self._capture.release()
        return None

    def close(self) -> None:
        """See the port."""
        self._closed = True

    def _open(self) -> cv2.VideoCapture:
        mend = "Name a video file, as in video:line.mp4"
        if not self._file.is_file():
            raise Misconfigured("frames.source", f"{self._file} is not a file", mend)
        capture = cv2.VideoCapture(str(self._file))
        if not capture.isOpened() or not capture.grab():
            raise Misconfigured("frames.source", f"{self._file} holds no video that can be read", mend)
        capture.release()
        return cv2.VideoCapture(str(self._file))


def _fingerprint(file: Path) -> str:
    with file.open("rb") as stream:
        start = stream.read(_HASHED_BYTES)
    return hashlib.sha256(start + str(file.stat().st_size).encode()).hexdigest()[:12]
