"""Rates without drift, and pictures that fit."""

import threading

import cv2
import numpy as np
import pytest

from inspectd.frames.shot import Pace, encode_jpeg


class Clock:
    """Time that only moves when somebody waits."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Patience(threading.Event):
    """Waiting moves the clock, and a little too far, as it does in life."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self.clock.now += (timeout or 0) + 0.003
        return False


def test_waiting_too_long_each_time_does_not_add_up() -> None:
    clock = Clock()
    pace = Pace(10, clock)
    for _ in range(101):
        pace.wait(Patience(clock))
    assert clock.now == pytest.approx(110.0, abs=0.01)


def test_a_late_frame_is_caught_up_but_a_long_stop_is_not() -> None:
    clock = Clock()
    pace = Pace(10, clock)
    pace.wait(Patience(clock))
    clock.now += 0.5
    for _ in range(6):
        pace.wait(Patience(clock))
    assert clock.now == pytest.approx(100.6, abs=0.02)
    clock.now += 60
    pace.wait(Patience(clock))
    pace.wait(Patience(clock))
    assert clock.now == pytest.approx(160.7, abs=0.02)


def test_without_a_rate_nobody_waits() -> None:
    clock = Clock()
    pace = Pace(0, clock)
    for _ in range(100):
        pace.wait(Patience(clock))
    assert clock.now == 100.0
    assert pace.due()


def test_a_camera_s_pictures_are_wanted_at_the_rate() -> None:
    clock = Clock()
    pace = Pace(5, clock)
    wanted = 0
    for _ in range(300):  # thirty pictures a second for ten seconds
        wanted += pace.due()
        clock.now += 1 / 30
    assert wanted == pytest.approx(50, abs=1)


def test_a_picture_is_encoded_as_well_as_fits() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    whole, small = encode_jpeg(noise), encode_jpeg(noise, 40_000)
    assert len(small) <= 40_000 < len(whole)
    assert cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR).shape == (200, 200, 3)
