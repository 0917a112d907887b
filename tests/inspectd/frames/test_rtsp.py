"""rtsp:// against a real server: pictures, a camera that goes away, and the whole command into a real broker."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import cv2
import numpy as np
import pytest
from kafka import KafkaConsumer
from numpy.typing import NDArray
from tests.inspectd.frames.streams import drain
from tests.rtsp import COLOURS, RtspCamera, colours_of, number_of
from tests.services import Services

from inspectd.frames.camera import CameraShots
from inspectd.frames.identity import sequence_id
from inspectd.frames.shot import Shot
from inspectd.settings import KafkaSettings
from inspectd.v1 import frame_pb2


@contextlib.contextmanager
def watched(shots: CameraShots, limit_s: float = 60.0) -> Iterator[Callable[[], tuple[Shot, int]]]:
    """Takes (shot, number of its picture); one that does not come in time fails the test."""
    watch = threading.Timer(limit_s, shots.close)
    watch.start()

    def take() -> tuple[Shot, int]:
        shot = shots.take()
        assert shot is not None, "no picture came in time"
        return shot, number_of(pixels_of(shot.data))

    try:
        yield take
    finally:
        watch.cancel()
        shots.close()
        assert shots.take() is None  # releases the connection


def pixels_of(data: bytes) -> NDArray[Any]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return pixels


def assert_as_served(pixels: NDArray[Any]) -> None:
    assert np.abs(np.array(colours_of(pixels)) - COLOURS).max() < 8  # twice JPEG, and half the colours between


class Complaints:
    """In place of the camera's log: calls `act` at the second complaint, when a new connection has failed too."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act, self._left = act, 2

    def warning(self, *_: object, **__: object) -> None:
        self._left -= 1
        if self._left == 0:
            self._act()


def test_every_picture_comes_as_it_was_served_and_when_it_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspectd.frames.camera._OPEN_TIMEOUT_MS", 30_000)  # nothing cuts FFmpeg's look short
    with RtspCamera(rate=2) as camera, watched(CameraShots(address=camera.address)) as take:
        for expected in range(1, 5):
            shot, number = take()
            assert number == expected
            assert shot.number == sequence_id(number)
            assert_as_served(pixels_of(shot.data))
            assert len(camera.made) < number + 15  # FFmpeg left to itself keeps the first twenty back
            assert camera.made[number] <= shot.capture_time <= datetime.now(UTC)
    assert camera.requests[:4] == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]  # TCP at once


@pytest.mark.parametrize("how", ["loses its power", "says nothing"])
def test_a_camera_that_went_away_goes_on_when_it_is_back(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspectd.frames.camera._FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr("inspectd.frames.camera._OPEN_TIMEOUT_MS", 1000)
    monkeypatch.setattr("inspectd.frames.camera._READ_TIMEOUT_MS", 1000)
    with RtspCamera(rate=25) as camera:
        go, come = {
            "loses its power": (camera.power_off, camera.power_on),
            "says nothing": (camera.silent.set, camera.silent.clear),
        }[how]
        shots = CameraShots(address=camera.address)
        with watched(shots) as take:
            before = [take() for _ in range(3)]
            boot = shots.boot
            go()
            monkeypatch.setattr("inspectd.frames.camera.log", Complaints(come))
            after = [take()]
            while not shots.reconnections:  # what was still on its way
                after.append(take())
            after += [take() for _ in range(3)]
        numbers = [number for _, number in before + after]
        assert numbers == sorted(set(numbers))
        assert [shot.number for shot, _ in before + after] == [sequence_id(n + 1) for n in range(len(numbers))]
        assert shots.boot == boot
        assert camera.requests.count("PLAY") >= 2


@pytest.mark.service("kafka")
@pytest.mark.parametrize("end", ["there", "without power", "silent"])
def test_the_command_publishes_a_camera_until_ctrl_c(end: str, stack: Services) -> None:
    broker = stack.kafka_settings()
    with RtspCamera(rate=25) as camera:
        command = ["publish", "--source", camera.address, "--camera", "gate", "--rate", "5", "--json"]
        process = subprocess.Popen(
            [sys.executable, "-m", "inspectd", *command], stdout=-1, stderr=-1, env=environment(broker)
        )
        try:
            wait_for_records(broker, 6)
            if end == "without power":
                camera.power_off()
            elif end == "silent":
                camera.silent.set()
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
            process.communicate()
        assert process.returncode == 0, errors
        assert end != "there" or said_goodbye(camera)
    found = drain(broker, broker.frames_topic)
    figures = json.loads(output)
    assert figures["published"] == len(found) >= 6
    assert (figures["unacknowledged"], figures["refused"]) == (0, {})
    assert {record.key for record in found} == {b"gate"}
    ids = [dict(record.headers)["ce_id"].decode() for record in found]
    assert [name.split("/")[1] for name in ids] == [sequence_id(n + 1) for n in range(len(ids))]
    pictures = [pixels_of(frame_pb2.Frame.FromString(record.value).inline.data) for record in found]
    for pixels in pictures:
        assert_as_served(pixels)
    numbers = [number_of(pixels) for pixels in pictures]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] > len(numbers)  # the camera takes more than five a second


def wait_for_records(broker: KafkaSettings, count: int, limit_s: float = 120.0) -> None:
    """Until so many have come, or none comes any more."""
    consumer = KafkaConsumer(
        broker.frames_topic,
        bootstrap_servers=broker.bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        consumer_timeout_ms=int(limit_s * 1000),
    )
    try:
        list(islice(consumer, count))
    finally:
        consumer.close(timeout_ms=1000)


def said_goodbye(camera: RtspCamera, limit_s: float = 20.0) -> bool:
    deadline = time.monotonic() + limit_s
    while "TEARDOWN" not in camera.requests and time.monotonic() < deadline:
        time.sleep(0.02)
    return "TEARDOWN" in camera.requests


def environment(broker: KafkaSettings) -> dict[str, str]:
    return {
        **os.environ,
        "INSPECTD_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "INSPECTD_KAFKA__FRAMES_TOPIC": broker.frames_topic,
        "INSPECTD_KAFKA__DEAD_LETTERS_TOPIC": broker.dead_letters_topic,
    }
