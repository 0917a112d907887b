"""One picture as a camera, a file or a drawing gives it, and the iterator that all of them are."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import cv2
from numpy.typing import NDArray

from inspectd.errors import Unavailable

#: JPEG qualities that are tried in turn until the picture fits.
_QUALITIES = (95, 90, 80, 65, 50)
#: How far a slow source may lag behind its rate and still catch up without a pause, in seconds.
_CATCH_UP_S = 1.0


@dataclass(frozen=True, slots=True)
class Shot:
    """An encoded picture and what is known of it beside the pixels."""

    data: bytes  # JPEG or PNG; what else a file may hold is refused later, like any bad frame
    media_type: str
    number: str  # unique under the iterator's boot id
    name: str = ""  # the file's name, when there is one
    capture_time: datetime = field(default_factory=lambda: datetime.now(UTC))
    attributes: Mapping[str, str] = field(default_factory=dict)


class Shots(Protocol):
    """Where shots come from. Used by one thread; only `close` may come from another."""

    #: Whether the world goes on while nobody looks: such a source is never made to wait.
    live: bool
    #: First part of the frame ids; the same boot and number are the same picture.
    boot: str

    def take(self) -> Shot | None:
        """The next shot, waiting for it; None at the end, or after `close`. A live source reconnects by itself."""

    @property
    def connected(self) -> bool:
        """Whether a shot can be expected now."""

    def close(self) -> None:
        """Ends a waiting `take` soon."""


class Pace:
    """Frames per second without drift: due times lie on a grid, a late frame does not move the ones behind it."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._period, self._clock = 1.0 / rate if rate > 0 else 0.0, clock
        self._due: float | None = None

    def wait(self, stopping: threading.Event) -> None:
        """Until the next frame is due, or `stopping` is set."""
        delay = self._delay()
        if delay > 0:
            stopping.wait(delay)
        self._step()

    def due(self) -> bool:
        """Whether a live camera's picture is wanted now; if so, the next one is wanted a period later."""
        if self._delay() > 0:
            return False
        self._step()
        return True

    def _delay(self) -> float:
        now = self._clock()
        if self._due is None or self._due < now - max(_CATCH_UP_S, self._period):
            self._due = now
        return self._due - now

    def _step(self) -> None:
        self._due = (self._clock() if self._due is None else self._due) + self._period


def encode_jpeg(pixels: NDArray[Any], max_bytes: int = 0) -> bytes:
    """JPEG bytes of uint8 [H, W, 3] in OpenCV's order (BGR), at the best quality that fits (0: no bound).

    Raises Unavailable when the encoder refuses the picture.
    """
    for quality in _QUALITIES:
        done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise Unavailable("the picture cannot be encoded as JPEG")
        if max_bytes <= 0 or len(encoded) <= max_bytes:
            break
    return encoded.tobytes()
