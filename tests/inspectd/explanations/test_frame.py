"""The kept frame is shown small beside the regions, where it is wanted and still there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.inspectd.explanations.test_narrator import TRUE, say
from tests.line import BAD, open_line, picture

from inspectd.explanations.frame import LONGEST_PX, KeptFrames
from inspectd.records import ExplanationState


async def test_the_frame_is_shown_with_the_alert_and_with_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        event, asked = await line.defect(1, BAD), say(line, monkeypatch, TRUE)
        await line.narrator.describe(event)
        assert asked[-1].crop is None
        line.narrator._frames = KeptFrames(evidence=line.evidence, max_pixels=10**6)
        await line.narrator.describe(event)
        [piece async for piece in line.narrator.ask(event.event_id, "Where is it?")]
        for question in asked[1:]:
            assert question.crop is not None
            assert question.crop.shape == (240, 320, 3)
            assert question.crop[36, 70].tolist() == [250, 250, 250]  # the scratch


async def test_a_large_frame_is_made_small(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        event = await line.defect(1, picture((200, 100, 300, 60, 250), width=1280, height=720))
        crop = await KeptFrames(evidence=line.evidence, max_pixels=10**6).of(event)
        assert crop is not None
        assert crop.shape == (288, LONGEST_PX, 3)
        assert np.all(crop[50, 140] == 250)


async def test_words_do_not_need_a_frame_that_is_gone_or_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        event, asked = await line.defect(1, BAD), say(line, monkeypatch, TRUE)
        line.narrator._frames = KeptFrames(evidence=line.evidence, max_pixels=10)  # larger than may be decoded
        assert (await line.narrator.describe(event)).state is ExplanationState.READY
        gone = replace(event, picture=replace(event.picture, sha256="0" * 64))
        assert await KeptFrames(evidence=line.evidence, max_pixels=10**6).of(gone) is None
        assert asked[-1].crop is None
