"""The square of each camera: what is taken, what is refused with the setting's name, and from where it is read."""

from pathlib import Path

import pytest

from inspectd.errors import Misconfigured
from inspectd.settings import load_settings


def test_a_camera_has_its_own_square_or_the_usual_one(tmp_path: Path) -> None:
    file = tmp_path / "inspectd.toml"
    file.write_text('[vision]\nsquare_px = 512\n[vision.camera_square_px]\n"press-1" = 1024\n')
    vision = load_settings(file).vision
    assert [vision.square_of(camera) for camera in ("press-1", "press-2")] == [1024, 512]
    assert load_settings().vision.square_of("press-1") == 256


def test_the_environment_names_cameras_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPECTD_VISION__CAMERA_SQUARE_PX", '{"press-1": 320}')
    assert load_settings().vision.square_of("press-1") == 320


@pytest.mark.parametrize("side", [32, 300, 2080])
def test_a_side_that_no_expert_takes_is_refused_by_its_name(side: int, tmp_path: Path) -> None:
    file = tmp_path / "inspectd.toml"
    for text, name in (
        (f"square_px = {side}", "vision.square_px"),
        (f'camera_square_px = {{ "press-1" = {side} }}', "vision.camera_square_px.press-1"),
    ):
        file.write_text(f"[vision]\n{text}\n")
        with pytest.raises(Misconfigured, match=name):
            load_settings(file)
