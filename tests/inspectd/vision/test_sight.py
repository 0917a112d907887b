"""Sight: every camera's frames in its own square, and nothing that was found in one is taken for another."""

from pathlib import Path

import pytest
from tests.line import BAD, GOOD, MODEL, open_line, picture

from inspectd.records import Frame, Threshold

#: In a frame of 2048 x 1536 pixels, 5 x 5 of them: half a pixel of a square of 256, which blurs it below the threshold.
SPECK = picture((1000, 700, 5, 5, 250), width=2048, height=1536)


async def test_a_larger_square_shows_what_the_usual_one_hides(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        line.squares["near"] = 2048
        assert await line.inspect(1, SPECK, "far") is None
        event = await line.inspect(2, SPECK, "near")
        assert event is not None
        assert event.model_version == f"{MODEL}@2048"
        assert event.threshold_version == f"default/{MODEL}@2048"


async def test_what_was_found_in_one_square_is_not_recalled_for_another(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        sight, sha256 = line.narrator._sight, Frame.digest(BAD)
        line.squares["near"] = 512
        for camera in ("far", "near"):
            assert await sight.recall(sha256, camera) is None
            assert not (await sight.look(BAD, sha256, camera)).cached
            assert (await sight.look(BAD, sha256, camera)).cached
        assert line.expert.sides == [256, 512]


async def test_expired_tokens_are_computed_again_in_the_square_that_the_frame_was_seen_in(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        line.squares["near"] = 512
        event = await line.inspect(1, BAD, "near")
        assert event is not None
        line.narrator._sight._tokens._entries.clear()  # type: ignore[attr-defined]
        await line.narrator.describe(event)
        assert line.expert.sides == [512, 512]


async def test_a_threshold_holds_for_the_square_that_it_was_found_with(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        line.squares["cam-1"] = 512
        good = [picture((100, 100, 10, 10, 128 + index)) for index in range(20)]
        threshold, _ = await line.calibrator.calibrate("cam-1", good, 0.1, 3600, lambda done, total: None)
        sight, known = line.inspector._sight, line.inspector._thresholds
        assert await known.find("cam-1", await sight.card("cam-1")) == threshold
        del line.squares["cam-1"]
        assert await known.find("cam-1", await sight.card("cam-1")) == Threshold(0.5, f"default/{MODEL}")
        (status,) = await line.directory.list()
        assert status.threshold.version == f"default/{MODEL}"
        line.squares["cam-1"] = 512
        assert (await line.directory.get("cam-1")).threshold == threshold


@pytest.mark.parametrize("camera", ["far", "near"])
async def test_a_frame_of_the_evidence_is_decoded_for_its_camera(tmp_path: Path, camera: str) -> None:
    async with open_line(tmp_path) as line:
        line.squares["near"] = 1024
        image = await line.inspector._sight.decode(GOOD, camera)
        assert image.pixels.shape[0] == {"far": 256, "near": 1024}[camera]
