"""A threshold with a memory of good parts: which pictures go where, and the same memory with everything that follows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.line import BAD, GOOD, MODEL, Line, open_line, picture

from inspectd.errors import CalibrateAgain, Conflict, Misconfigured, Rejected
from inspectd.records import Frame, Image, Threshold
from inspectd.thresholds.calibrator import Comparison, split
from inspectd.thresholds.conformal import least_count
from inspectd.thresholds.store import Calibration
from inspectd.vision.expert import ExpertCard
from inspectd.vision.reference import LEAST_PICTURES, MOST_PICTURES

MEMORY, OTHER = "0123456789ab", "ba9876543210"
CARD = ExpertCard(MODEL, 0.5, 0.2)


class Builder:
    """Builds nothing, and says under which id."""

    memory, template = False, None

    def __init__(self, line: Line, *, model_version: str = MODEL, reachable: bool = True) -> None:
        self.images: list[Image] = []
        self._model_version = model_version
        if reachable:
            line.expert.memories.add(MEMORY)

    async def model_version(self) -> str:
        return self._model_version

    async def build(self, images: Sequence[Image], *, memory: bool = True, template: Image | None = None) -> str:
        self.images += images
        self.memory, self.template = memory, template
        return MEMORY

    async def close(self) -> None:
        return None


def pictures(count: int) -> list[bytes]:
    """Good parts that score from 0 upwards, no two the same."""
    return [picture((100, 100, 10, 10, 128 + index)) for index in range(count)]


async def remembered(line: Line, rate: float = 0.1, count: int = 24) -> tuple[Threshold, Builder]:
    builder = Builder(line)
    threshold, _ = await line.calibrator.calibrate(
        "cam-1", pictures(count), rate, 3600, lambda done, total: None, Comparison(builder)
    )
    for known in (line.inspector._thresholds, line.narrator._thresholds):
        known._known.clear()  # instead of waiting for FRESH_S
    return threshold, builder


@pytest.mark.parametrize("count", [8, 9, 10, 11, 12, 15, 50, 99, 200])
def test_no_picture_is_in_both_and_the_threshold_gets_half(count: int) -> None:
    numbered = [(number, b"") for number in range(count)]
    scored, kept = split(numbered, 0.2)
    assert sorted(scored + kept) == numbered
    assert len(scored) >= count / 2
    assert len(kept) >= LEAST_PICTURES


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.01, 0.003])
def test_the_number_that_a_refusal_asks_for_is_enough(rate: float) -> None:
    enough = 2 * max(least_count(rate), LEAST_PICTURES)
    for count in range(enough, enough + 20):
        scored, kept = split([(number, b"") for number in range(count)], rate)
        assert len(scored) >= least_count(rate)
        assert len(kept) >= LEAST_PICTURES
    with pytest.raises(Conflict, match=rf"give {enough} or more"):
        split([(number, b"") for number in range(enough // 2)], rate)


def test_both_halves_come_from_the_whole_folder_in_runs() -> None:
    _, kept = split([(number, b"") for number in range(80)], 0.1)
    assert [number for number, _ in kept] == [*range(10, 20), *range(30, 40), *range(50, 60), *range(70, 80)]


def test_a_memory_takes_no_more_pictures_than_it_can_use() -> None:
    _, kept = split([(number, b"") for number in range(3 * MOST_PICTURES)], 0.1)
    assert len(kept) <= MOST_PICTURES
    assert kept[-1][0] > 2 * MOST_PICTURES


async def test_the_version_names_the_memory_and_comes_back_with_it(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        threshold, builder = await remembered(line)
        assert threshold.reference_version == MEMORY
        assert len(builder.images) == 12
        stored = await line.thresholds.get(threshold.version)
        assert (stored.calibration.reference_version, stored.calibration.good_count) == (MEMORY, 12)
        assert stored.calibration.scores is not None
        assert await line.thresholds.find("cam-1", MODEL) == threshold
        await line.thresholds.put(replace(stored.calibration, reference_version="", threshold=0.9))
        again = await line.recalibrator.restore("cam-1", threshold.version)
        found = await line.thresholds.find("cam-1", MODEL)
        assert found == Threshold(threshold.value, again.version, MEMORY)


async def test_good_parts_are_scored_with_the_memory_and_so_is_every_later_frame(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        await remembered(line)
        assert line.expert.references == [MEMORY] * 12
        await line.inspect(1, GOOD)
        await line.inspect(1, GOOD, "cam-2")
        assert line.expert.references[12:] == [MEMORY, ""]


async def test_what_was_found_with_one_memory_is_not_taken_for_another(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        sight, sha256 = line.narrator._sight, Frame.digest(GOOD)
        line.expert.memories |= {MEMORY, OTHER}
        for reference in ("", MEMORY, OTHER):
            assert await sight.recall(sha256, "cam-1", 0.5, reference) is None
            assert not (await sight.look(GOOD, sha256, "cam-1", 0.5, reference)).cached
            assert (await sight.look(GOOD, sha256, "cam-1", 0.5, reference)).cached
            assert await sight.recall(sha256, "cam-1", 0.5, reference) is not None
        assert line.expert.references == ["", MEMORY, OTHER]


async def test_an_event_is_explained_with_the_memory_that_raised_it(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        threshold, _ = await remembered(line)
        event = await line.defect(1, BAD)
        looks = line.expert.looks
        await line.narrator.describe(event)
        assert line.expert.looks == looks, "the tokens were not found under the same memory"
        await line.thresholds.put(
            replace((await line.thresholds.get(threshold.version)).calibration, reference_version=OTHER)
        )
        line.narrator._sight._tokens._entries.clear()
        await line.narrator.describe(event)
        assert line.expert.references[-1] == MEMORY
        known = line.narrator._thresholds
        assert await known.reference_of(threshold.version, CARD) == MEMORY
        assert await known.reference_of(threshold.version, replace(CARD, model_version="another")) == ""
        assert await known.reference_of(f"default/{MODEL}", CARD) == ""


async def test_a_template_is_decoded_as_the_camera_s_frames_and_built_beside_the_memory_or_alone(
    tmp_path: Path,
) -> None:
    async with open_line(tmp_path) as line:
        line.squares["cam-1"] = 512
        for memory in (True, False):
            builder = Builder(line)
            wanted = Comparison(builder, memory, GOOD)
            threshold, _ = await line.calibrator.calibrate(
                "cam-1", pictures(24), 0.1, 3600, lambda done, total: None, wanted
            )
            assert threshold.reference_version == MEMORY
            assert builder.memory is memory
            assert builder.template is not None
            assert {one.pixels.shape for one in (*builder.images, builder.template)} == {(512, 512, 3)}


async def test_pictures_of_another_size_than_the_template_and_a_bad_template_are_refused(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        builder = Builder(line)
        for template, words, field in (
            (picture(width=200), r"picture 4: it is 320x240, and the template 200x240", "good_images"),
            (GOOD[:-30], "the template: ", "template"),
        ):
            wanted = Comparison(builder, memory=False, template=template)
            with pytest.raises(Rejected, match=words) as caught:
                await line.calibrator.calibrate("cam-1", pictures(24), 0.1, 3600, lambda done, total: None, wanted)
            assert caught.value.field == field
        assert builder.images == []
        assert await line.thresholds.find("cam-1", MODEL) is None


async def test_a_memory_that_the_expert_does_not_find_stores_no_threshold(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        builder = Builder(line, reachable=False)
        with pytest.raises(CalibrateAgain, match="calibrate again"):
            await line.calibrator.calibrate(
                "cam-1", pictures(24), 0.1, 3600, lambda done, total: None, Comparison(builder)
            )
        assert await line.thresholds.history("cam-1") == ()


async def test_a_memory_is_not_built_with_a_model_that_is_not_served(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        builder = Builder(line, model_version="another")
        with pytest.raises(Misconfigured, match=r"vision\.expert_checkpoint.*another.*is served"):
            await line.calibrator.calibrate(
                "cam-1", pictures(24), 0.1, 3600, lambda done, total: None, Comparison(builder)
            )
        assert builder.images == []


@pytest.mark.parametrize("number", [1, 5])
async def test_a_bad_picture_is_named_by_its_place_among_all(tmp_path: Path, number: int) -> None:
    async with open_line(tmp_path) as line:
        given = pictures(24)
        given[number - 1] = b"\xff\xd8\xff\xe0 broken"
        with pytest.raises(Rejected, match=rf"picture {number}:"):
            await line.calibrator.calibrate(
                "cam-1", given, 0.1, 3600, lambda done, total: None, Comparison(Builder(line))
            )


async def test_without_its_memory_no_frame_is_judged(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        await remembered(line)
        line.expert.memories.clear()
        with pytest.raises(CalibrateAgain):
            await line.inspect(1, GOOD)
        line.expert.memories.add(MEMORY)
        assert await line.inspect(1, GOOD) is None


async def test_reviews_keep_the_memory_and_count_only_frames_that_it_scored(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        for number in range(40):  # before there was a memory
            await line.inspect(number, pictures(60)[number])
        since = datetime.now(UTC) - timedelta(hours=1)
        assert (await line.recalibrator.propose("cam-1", since, 0.1)).window.passed_count == 40
        threshold, _ = await remembered(line)
        stored = (await line.thresholds.get(threshold.version)).calibration
        await line.thresholds.put(replace(stored, threshold=0.4))
        for known in (line.inspector._thresholds, line.narrator._thresholds):
            known._known.clear()
        for number in range(40, 60):
            await line.inspect(number, pictures(60)[number])
        proposal = await line.recalibrator.propose("cam-1", since, 0.1)
        assert proposal.window.passed_count + proposal.window.pending_count == 20
        assert proposal.calibration.reference_version == MEMORY


def test_a_threshold_without_a_memory_has_none() -> None:
    assert Threshold(0.5, "default/x").reference_version == ""
    made = Calibration("cam-1", MODEL, 0.5, 0.1, 9, datetime.now(UTC))
    assert made.reference_version == ""
