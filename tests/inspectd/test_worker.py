"""Consume, bound, retry, dead-letter, acknowledge: a real pipeline and real stores, with trouble made on purpose."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.line import BAD, GOOD, Line, open_line

from inspectd.deadletters.files import FileDeadLetterStore
from inspectd.errors import ModelFailed
from inspectd.frames.blobs import AllowedBlobs
from inspectd.frames.codec import write_record
from inspectd.frames.reader import RecordReader
from inspectd.frames.source import Delivery, FrameRecord
from inspectd.pipeline import Verdict
from inspectd.records import Findings, Frame, Image, Outcome
from inspectd.settings import FrameSettings
from inspectd.thresholds.store import Calibration
from inspectd.worker import Worker

TAKEN = datetime(2026, 3, 1, tzinfo=UTC)


def record(number: int, data: bytes, camera: str = "cam-1") -> FrameRecord:
    frame = Frame(f"{camera}/boot/{number}", camera, data, "image/png", Frame.digest(data), TAKEN, f"P-{number}", "L-1")
    key, value, headers = write_record(frame)
    return FrameRecord(key, value, headers, TAKEN, "inspectd.frames", 0, number)


class ListSource:
    """Hands out a list of records and remembers what was acknowledged, and how many were out at once."""

    def __init__(self, records: list[FrameRecord]) -> None:
        self._records = list(records)
        self.acknowledged: list[int] = []
        self.out, self.most_out = 0, 0
        self.ready = True

    async def open(self) -> None:
        return None

    async def receive(self) -> Delivery | None:
        if not self._records:
            return None
        self.out += 1
        self.most_out = max(self.most_out, self.out)
        return Delivery(self._records.pop(0))

    def acknowledge(self, delivery: Delivery) -> None:
        self.out -= 1
        self.acknowledged.append(delivery.record.offset)

    async def close(self) -> None:
        return None


def build(line: Line, source: ListSource, folder: Path, verdicts: list[Verdict], max_in_flight: int = 4) -> Worker:
    return Worker(
        source=source,
        reader=RecordReader(limits=FrameSettings(), blobs=AllowedBlobs(allow_list=(), max_bytes=1)),
        inspector=line.inspector,
        dead_letters=FileDeadLetterStore(folder=folder / "dead"),
        ledger=line.ledger,
        metrics=line.metrics,
        max_in_flight=max_in_flight,
        clock=lambda: datetime.now(UTC),
        on_verdict=lambda frame, verdict: verdicts.append(verdict),
    )


def finished(line: Line) -> dict[str, float]:
    samples = [s for metric in line.metrics.outcomes.collect() for s in metric.samples if s.name.endswith("_total")]
    return {f"{s.labels['outcome']}:{s.labels['reason']}": s.value for s in samples}


async def test_every_frame_leaves_one_inspection_and_the_counters_reconcile(tmp_path: Path) -> None:
    records = [record(1, GOOD), record(2, BAD), record(3, BAD[:-30]), record(4, b"text, no picture"), record(5, GOOD)]
    async with open_line(tmp_path) as line:
        source, verdicts = ListSource(records), []
        await build(line, source, tmp_path, verdicts).run()
        assert sorted(source.acknowledged) == [1, 2, 3, 4, 5]
        counted = {outcome: count for outcome, count in (await line.ledger.count()).items() if count}
        assert counted == {Outcome.PASS: 2, Outcome.DEFECT: 1, Outcome.REJECTED: 2}
        assert finished(line) == {
            "pass:": 2.0,
            "defect:": 1.0,
            "rejected:truncated": 1.0,
            "rejected:unsupported_format": 1.0,
        }
        assert line.metrics.received._value.get() == 5
        assert line.metrics.in_flight._value.get() == 0
        refused = await line.ledger.get("cam-1/boot/3")
        assert (refused.reason, refused.part_id, refused.lot) == ("truncated", "P-3", "L-1")
        letters = [letter async for letter in FileDeadLetterStore(folder=tmp_path / "dead").read()]
        assert {letter.reason for letter in letters} == {"truncated", "unsupported_format"}
        assert {letter.record.value for letter in letters} == {records[2].value, records[3].value}


async def test_a_server_that_is_away_never_counts_against_a_frame(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        await line.inspect(0, GOOD)  # the model's card is known
        line.expert.away = True
        source, verdicts = ListSource([record(1, BAD)]), []
        run = asyncio.create_task(build(line, source, tmp_path, verdicts).run())
        await asyncio.sleep(0.5)
        assert source.acknowledged == []
        line.expert.away = False
        await run
        assert verdicts[0].inspection.outcome is Outcome.DEFECT
        assert [letter async for letter in FileDeadLetterStore(folder=tmp_path / "dead").read()] == []


async def test_a_frame_that_breaks_the_model_three_times_is_poison_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        tries, find = [], line.expert.find_regions

        async def break_on_bad(image: Image, *asked: Any, **wishes: Any) -> Findings:
            if image.pixels.max() > 200:
                tries.append(1)
                raise ModelFailed("tensor of the wrong shape")
            return await find(image, *asked, **wishes)

        monkeypatch.setattr(line.expert, "find_regions", break_on_bad)
        source, verdicts = ListSource([record(1, BAD), record(2, GOOD)]), []
        await build(line, source, tmp_path, verdicts).run()
        assert len(tries) == 3
        assert sorted(source.acknowledged) == [1, 2]
        assert (await line.ledger.get("cam-1/boot/1")).reason == "model_failed"
        assert (await line.ledger.get("cam-1/boot/2")).outcome is Outcome.PASS


async def calibrate_with_memory(line: Line, camera: str) -> None:
    """The camera's threshold goes with a memory that the expert does not have."""
    await line.thresholds.put(
        Calibration(camera, line.expert.model, 0.5, 0.01, 100, datetime.now(UTC), reference_version="feedfacecafe")
    )


async def test_a_camera_that_must_be_calibrated_again_holds_up_no_other_one(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        await calibrate_with_memory(line, "cam-1")
        records = [record(1, BAD), record(2, GOOD), record(3, GOOD, "cam-2")]
        source, verdicts = ListSource(records), []
        await build(line, source, tmp_path, verdicts, max_in_flight=1).run()
        assert sorted(source.acknowledged) == [1, 2, 3]
        assert finished(line) == {"rejected:calibrate_again": 2.0, "pass:": 1.0}
        store = FileDeadLetterStore(folder=tmp_path / "dead")
        letters = [letter async for letter in store.read()]
        assert [(letter.reason, letter.record.value) for letter in letters] == [
            ("calibrate_again", one.value) for one in records[:2]
        ]
        assert "calibrate again with good parts" in letters[0].detail

        line.expert.memories.add("feedfacecafe")  # as after a calibration: what was kept gets its verdict
        await build(line, ListSource([letter.record for letter in letters]), tmp_path, verdicts).run()
        assert (await line.ledger.get("cam-1/boot/1")).outcome is Outcome.DEFECT
        assert (await line.ledger.get("cam-1/boot/2")).outcome is Outcome.PASS


async def test_another_model_that_is_served_meanwhile_sends_no_frame_to_the_dead_letters(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        await calibrate_with_memory(line, "cam-1")
        line.expert.memories.add("feedfacecafe")
        await build(line, ListSource([record(1, GOOD)]), tmp_path, []).run()
        line.expert.model, line.expert.memories = "ba9876543210", set()  # and the old one's memory fits no longer
        source, verdicts = ListSource([record(2, BAD)]), []
        await build(line, source, tmp_path, verdicts).run()
        (verdict,) = verdicts
        assert (verdict.inspection.outcome, verdict.inspection.model_version) == (Outcome.DEFECT, "ba9876543210")
        assert verdict.inspection.threshold_version == "default/ba9876543210"


async def test_no_more_frames_are_out_than_the_bound(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        source, verdicts = ListSource([record(number, BAD) for number in range(30)]), []
        await build(line, source, tmp_path, verdicts, max_in_flight=3).run()
        assert len(source.acknowledged) == 30
        assert source.most_out <= 4  # three in flight, one in hand while a slot is awaited


async def test_a_redelivered_frame_is_the_same_event(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        for _ in range(2):
            await build(line, ListSource([record(7, BAD)]), tmp_path, []).run()
        assert await line.events.last_sequence() == 1
        assert line.expert.looks == 1  # the second time the findings came from the cache


async def test_a_cancelled_worker_acknowledges_nothing_that_is_unfinished(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        await line.inspect(0, GOOD)
        line.expert.away = True
        source = ListSource([record(1, BAD)])
        run = asyncio.create_task(build(line, source, tmp_path, []).run())
        await _until(lambda: source.out == 1)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert source.acknowledged == []


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)
