"""What comes in and goes out, put together: what is missing is told at the start, what fails is seen."""

import asyncio
import contextlib
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.conformance.samples import event
from tests.conformance.waiting import until
from tests.inspectd.events.publishers import RecordingPublisher
from tests.inspectd.test_worker import TAKEN, ListSource, build, finished, record
from tests.line import BAD, open_line
from tests.services import Services

from inspectd.errors import Misconfigured, Unavailable
from inspectd.events.outbox import OutboxPublisher
from inspectd.frames.direct import BEHIND
from inspectd.metrics import Metrics
from inspectd.pipeline import Verdict
from inspectd.records import Inspection, Outcome
from inspectd.settings import KafkaSettings, Settings
from inspectd.wiring.state import open_state
from inspectd.wiring.streams import Drops, Streams, open_streams


async def opened(exits: AsyncExitStack, kafka: KafkaSettings, folder: Path, metrics: Metrics) -> Streams:
    settings = Settings(state_dir=folder, kafka=kafka)
    state = await open_state(settings, exits)
    streams = await open_streams(settings, exits, state, metrics, None, Drops(metrics=metrics))
    await state.events.raise_event(event(1))
    return streams


async def test_what_a_camera_drops_while_the_database_is_away_waits_without_its_picture_and_within_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        drops, verdicts = Drops(metrics=line.metrics, most=3), list[Verdict]()
        drops.worker = build(line, ListSource([]), tmp_path, verdicts)
        held, record_verdict = asyncio.Event(), line.ledger.record

        async def away_until_held(inspection: Inspection) -> None:
            if not held.is_set():
                raise Unavailable("the database is away")
            await record_verdict(inspection)

        monkeypatch.setattr(line.ledger, "record", away_until_held)
        running = asyncio.create_task(drops.run())
        drops.note(record(0, BAD), BEHIND)
        await until(lambda: line.metrics.retries.labels("ledger")._value.get() >= 1)
        for number in range(1, 6):
            drops.note(record(number, BAD), BEHIND)
        assert [one.value for one, _ in drops._waiting._queue] == [b""] * 3  # type: ignore[attr-defined]
        held.set()
        await until(lambda: len(verdicts) == 4)
        running.cancel()
        kept = [await line.ledger.get(f"cam-1/boot/{number}") for number in range(4)]
        assert [(one.outcome, one.reason, one.capture_time) for one in kept] == [(Outcome.DROPPED, BEHIND, TAKEN)] * 4
        assert finished(line) == {"dropped:behind": 4.0, "dropped:unrecorded": 2.0}
        assert line.metrics.received._value.get() == 6


@pytest.mark.service("kafka")
@pytest.mark.parametrize("name", ["inspections_topic", "events_topic", "event_state_topic", "dead_letters_topic"])
async def test_a_topic_that_is_written_to_and_not_there_is_told_at_the_start(
    stack: Services, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspectd.kafka_client._METADATA_TIMEOUT_MS", 1000)
    kafka = stack.kafka_settings(partitions=1).model_copy(update={name: "nobody-made-me"})
    async with AsyncExitStack() as exits:
        with pytest.raises(Misconfigured, match=rf"kafka\.{name}.*nobody-made-me"):
            await opened(exits, kafka, tmp_path, Metrics())


@pytest.mark.service("kafka")
async def test_an_outbox_that_cannot_be_emptied_is_not_ready_and_its_tries_are_counted(
    stack: Services, tmp_path: Path
) -> None:
    metrics = Metrics()
    async with AsyncExitStack() as exits:
        streams = await opened(exits, stack.kafka_settings(partitions=1), tmp_path, metrics)
        outbox = streams.outbox
        assert isinstance(outbox, OutboxPublisher)
        announcing, outbox._publisher = outbox._publisher, RecordingPublisher()
        outbox._publisher.away = True
        (loop,) = streams.loops
        running = asyncio.ensure_future(loop())
        await until(lambda: metrics.retries.labels("outbox")._value.get() >= 1)
        assert not await streams.probes["outbox"]()
        outbox._publisher = announcing
        async with asyncio.timeout(20):
            await outbox.wait_published(1)
            while not await streams.probes["outbox"]():
                await asyncio.sleep(0.01)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
