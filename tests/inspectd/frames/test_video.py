"""A video's frames come in order and end, or begin again."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from inspectd.errors import Misconfigured
from inspectd.frames.shot import Shot
from inspectd.frames.video import VideoShots


@pytest.fixture
def video(tmp_path: Path) -> Path:
    file = tmp_path / "line.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for shade in range(0, 250, 50):
        writer.write(np.full((48, 64, 3), shade, np.uint8))
    writer.release()
    return file


def shade(shot: Shot) -> float:
    return float(cv2.imdecode(np.frombuffer(shot.data, np.uint8), cv2.IMREAD_GRAYSCALE).mean())


def test_every_frame_comes_once(video: Path) -> None:
    shots = VideoShots(file=video)
    found = []
    while (shot := shots.take()) is not None:
        found.append(shot)
    assert [round(shade(shot), -1) for shot in found] == [0, 50, 100, 150, 200]
    assert [shot.attributes["video_ms"] for shot in found][:3] == ["0", "100", "200"]
    assert VideoShots(file=video).boot == shots.boot


def test_a_loop_begins_again(video: Path) -> None:
    shots = VideoShots(file=video, loop=True)
    found = [shots.take() for _ in range(11)]
    assert [round(shade(shot), -1) for shot in found if shot][5:] == [0, 50, 100, 150, 200, 0]
    assert len({shot.number for shot in found if shot}) == 11
    shots.close()
    assert shots.take() is None


def test_what_is_no_video_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"hello")
    for name in ("x.mp4", "nothing.mp4"):
        with pytest.raises(Misconfigured, match=r"frames\.source"):
            VideoShots(file=tmp_path / name)
