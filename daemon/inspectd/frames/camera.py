"""A live camera: RTSP or a USB device, through OpenCV, connected again whenever it goes away."""

import os
import threading
from datetime import UTC, datetime
from itertools import chain

import cv2
import structlog

from inspectd.frames.identity import new_boot_id, sequence_id
from inspectd.frames.shot import Pace, Shot, encode_jpeg
from inspectd.logs import masked

log = structlog.get_logger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 10.0
_OPEN_TIMEOUT_MS, _READ_TIMEOUT_MS = 5000, 5000
#: For FFmpeg, where OpenCV takes them from. It would keep the first twenty pictures back to find the frame rate, and they
#: would seem to be taken when the last of them came; TCP is what OpenCV asks for when nothing is said here.
_OPTIONS = ("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_flags;prefer_tcp|fpsprobesize;0")


class CameraShots:
    """`Shots` of one camera; never ends by itself. Each start has a boot id of its own; a reconnection keeps it."""

    live = True

    def __init__(self, *, address: str, rate: float = 0.0, boot: str = "", max_bytes: int = 0) -> None:
        """`address` is rtsp://…, rtsps://… or usb:N. At a rate, what the camera takes between is let go."""
        self._address, self._max_bytes, self._pace = address, max_bytes, Pace(rate)
        self.boot = boot or new_boot_id()
        self.reconnections = 0
        self._number = 0
        self._capture: cv2.VideoCapture | None = None
        self._closed = threading.Event()

    @property
    def connected(self) -> bool:
        """Whether the last read gave a picture."""
        return self._capture is not None and self._number > 0

    def take(self) -> Shot | None:
        """See the port."""
        pause = _FIRST_PAUSE_S
        while not self._closed.is_set():
            if self._capture is None:
                self._capture = self._open()
            if self._capture is not None and self._capture.grab():
                pause = _FIRST_PAUSE_S
                taken = datetime.now(UTC)
                if not self._pace.due():
                    continue
                got, pixels = self._capture.retrieve()
                if got:
                    self._number += 1
                    data = encode_jpeg(pixels, self._max_bytes)
                    number = sequence_id(self._number)
                    return Shot(data=data, media_type="image/jpeg", number=number, capture_time=taken)
            self._lose()
            log.warning("the camera gives no picture, trying again", address=masked(self._address), pause_s=pause)
            self._closed.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
        self._lose()
        return None

    def close(self) -> None:
        """See the port."""
        self._closed.set()

    def _lose(self) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()
            self.reconnections += 1

    def _open(self) -> cv2.VideoCapture | None:
        if self._address.startswith("usb:"):
            capture = cv2.VideoCapture(int(self._address.removeprefix("usb:")))
        else:
            os.environ.setdefault(*_OPTIONS)
            limits = {
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: _OPEN_TIMEOUT_MS,
                cv2.CAP_PROP_READ_TIMEOUT_MSEC: _READ_TIMEOUT_MS,
                cv2.CAP_PROP_N_THREADS: 1,  # each further one holds a picture of H.264 back
            }
            capture = cv2.VideoCapture(self._address, cv2.CAP_FFMPEG, list(chain(*limits.items())))
        if capture.isOpened():
            return capture
        capture.release()
        return None
