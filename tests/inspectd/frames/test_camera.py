"""A live camera through a scripted capture; test_rtsp.py has a real server."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from inspectd.frames.camera import CameraShots

PICTURE = np.zeros((8, 8, 3), np.uint8)


class Capture:
    """Plays a script: True is a picture, False a failed grab; at the end the camera is gone."""

    scripts: Iterator[list[bool]] = iter(())
    opened = 0

    def __init__(self, *address: Any) -> None:
        Capture.opened += 1
        self._script = next(Capture.scripts, None)
        self._left = deque(self._script or [])

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self._script is not None

    def grab(self) -> bool:
        return bool(self._left) and self._left.popleft()

    def retrieve(self) -> tuple[bool, Any]:
        return True, PICTURE

    def release(self) -> None:
        pass


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    def play(*scripts: list[bool] | None) -> None:
        Capture.scripts, Capture.opened = iter(scripts), 0  # type: ignore[arg-type]

    monkeypatch.setattr("cv2.VideoCapture", Capture)
    monkeypatch.setattr("inspectd.frames.camera._FIRST_PAUSE_S", 0.01)
    return play


def test_a_camera_that_fails_is_opened_again_and_keeps_its_boot(script: Any) -> None:
    script(None, [True, True, False], None, [True])
    shots = CameraShots(address="usb:0")
    assert not shots.connected
    numbers = [shot.number for shot in (shots.take() for _ in range(3)) if shot]
    assert numbers == [f"{n:010d}" for n in (1, 2, 3)]
    assert (Capture.opened, shots.reconnections) == (4, 1)
    assert shots.connected
    assert shots.live


def test_two_starts_are_two_boots() -> None:
    assert CameraShots(address="usb:0").boot != CameraShots(address="usb:0").boot


def test_closing_ends_a_take_that_waits_for_the_camera(script: Any) -> None:
    script()
    shots = CameraShots(address="rtsp://127.0.0.1:9/x")
    threading.Timer(0.2, shots.close).start()
    start = time.monotonic()
    assert shots.take() is None
    assert time.monotonic() - start < 5


def test_at_a_rate_the_pictures_between_are_let_go(script: Any) -> None:
    script([True] * 3_000_000)
    shots = CameraShots(address="usb:0", rate=20.0)
    start = time.monotonic()
    for _ in range(4):
        assert shots.take() is not None
    assert time.monotonic() - start > 0.14
