"""Addresses of sources as people write them."""

from pathlib import Path

import pytest
from tests.inspectd.frames.pictures import folder_of

from inspectd.errors import Misconfigured
from inspectd.frames.camera import CameraShots
from inspectd.frames.feeds import open_feeds, open_shots
from inspectd.frames.folder import FolderShots
from inspectd.frames.labels import Labels
from inspectd.settings import FrameSettings


def test_each_kind_has_its_address(tmp_path: Path) -> None:
    folder_of(tmp_path, 1)
    assert isinstance(open_shots(f"folder:{tmp_path}"), FolderShots)
    for address in ("rtsp://10.0.0.7/x", "rtsps://u:p@h/x", "usb:0"):
        assert isinstance(open_shots(address), CameraShots)


@pytest.mark.parametrize(
    "address", ["", "kafka", "folder", "folder:", "video:", "usb:", "usb:x", "rtsp:x", "http://x", "folder:/no/such"]
)
def test_what_is_no_source_is_told_with_an_example(address: str) -> None:
    with pytest.raises(Misconfigured, match=r"frames\.source.*(folder:|video:)"):
        open_shots(address)


def test_the_password_of_what_is_no_source_is_not_shown() -> None:
    with pytest.raises(Misconfigured, match=r"'http://\*\*\*@10\.0\.0\.7/x' is not a source"):
        open_shots("http://user:secret@10.0.0.7/x")


def test_simulated_is_three_cameras_with_drawn_parts() -> None:
    feeds = open_feeds(FrameSettings(source="simulated", camera="demo", rate=4), Labels(), boot="b")
    assert [feed.camera_id for feed in feeds] == ["demo-1", "demo-2", "demo-3"]
    assert {feed.rate for feed in feeds} == {4}
    shots = [feed.shots.take() for feed in feeds]
    assert all(shot is not None and shot.data.startswith(b"\xff\xd8\xff") for shot in shots)
    again = open_feeds(FrameSettings(source="simulated", camera="demo"), Labels(), boot="b")[0].shots.take()
    assert shots[0] is not None
    assert again is not None
    assert again.data == shots[0].data


@pytest.mark.parametrize(("camera", "boot", "named"), [("a/b", "", r"frames\.camera"), ("cam", "a b", "--boot")])
def test_names_that_could_be_no_id_are_told_at_the_start(camera: str, boot: str, named: str) -> None:
    with pytest.raises(Misconfigured, match=named):
        open_feeds(FrameSettings(source="usb:0", camera=camera), Labels(), boot=boot)
