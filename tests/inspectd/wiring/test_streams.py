"""What comes in and goes out, put together: what is missing is told at the start, what fails is seen."""

import asyncio
import contextlib
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.conformance.samples import event
from tests.conformance.waiting import until
from tests.inspectd.events.publishers import RecordingPublisher
from tests.services import Services

from inspectd.errors import Misconfigured
from inspectd.events.outbox import OutboxPublisher
from inspectd.metrics import Metrics
from inspectd.settings import KafkaSettings, Settings
from inspectd.wiring.state import open_state
from inspectd.wiring.streams import Drops, Streams, open_streams


async def opened(exits: AsyncExitStack, kafka: KafkaSettings, folder: Path, metrics: Metrics) -> Streams:
    settings = Settings(state_dir=folder, kafka=kafka)
    state = await open_state(settings, exits)
    streams = await open_streams(settings, exits, state, metrics, None, Drops())
    await state.events.raise_event(event(1))
    return streams


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
