"""Sight: every camera's frames in its own square, and nothing that was found in one is taken for another."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.line import BAD, GOOD, MODEL, open_line, picture

from inspectd.errors import ModelChanged
from inspectd.records import Frame, Outcome, Threshold
from inspectd.thresholds.store import Calibration
from inspectd.vision.expert import ExpertCard

#: In a frame of 2048 x 1536 pixels, 5 x 5 of them: half a pixel of a square of 256, which blurs it below the threshold.
NEWER = "ba9876543210"  # the version of another model
OTHER = picture((200, 150, 30, 30, 250))
SPECK = picture((1000, 700, 5, 5, 250), width=2048, height=1536)


async def test_a_larger_square_shows_what_the_usual_one_hides(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        line.squares["near"] = 2048
        assert await line.inspect(1, SPECK, "far") is None
        event = await line.inspect(2, SPECK, "near")
        assert event is not None
        assert event.model_version == f"{MODEL}@2048"
        assert event.threshold_version == f"default/{MODEL}@2048"


async def test_a_new_model_s_findings_are_judged_by_its_own_threshold_from_the_first_frame_on(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        assert await line.inspect(1) is not None  # the first model's card is known
        line.expert.model = NEWER
        await line.thresholds.put(Calibration("cam-1", NEWER, 2.0, 0.01, 100, datetime.now(UTC)))
        assert await line.inspect(2, OTHER) is None
        verdict = await line.ledger.get("cam-1/boot/2")
        assert (verdict.outcome, verdict.model_version) == (Outcome.PASS, NEWER)
        assert (verdict.threshold, verdict.threshold_version) == (2.0, "calibrated/1")


async def test_a_frame_waits_while_the_servers_do_not_agree_on_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        old = await line.inspector._sight.card("cam-1")

        async def describe(side: int) -> ExpertCard:
            return old

        with monkeypatch.context() as patch:
            patch.setattr(line.expert, "describe", describe)
            line.expert.model = NEWER
            with pytest.raises(ModelChanged, match=f"model {NEWER} is served"):
                await line.inspect(1)
        event = await line.inspect(1)
        assert event is not None
        assert (event.model_version, event.threshold_version) == (NEWER, f"default/{NEWER}")


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
