"""What comes in and goes out besides SQL: Kafka, or nothing but this process."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from inspectd.augmentation.store import JobAnnouncer
from inspectd.deadletters.files import FileDeadLetterStore
from inspectd.deadletters.store import DeadLetterStore
from inspectd.errors import Misconfigured, Unavailable
from inspectd.events.outbox import OutboxPublisher
from inspectd.events.turn import SqlOutboxTurn
from inspectd.frames.source import FrameRecord, FrameSource
from inspectd.inspections.fanout import FanoutSink
from inspectd.inspections.ledger import InspectionSink
from inspectd.pipeline import Announcer
from inspectd.settings import Settings
from inspectd.wiring.state import State
from inspectd.worker import Worker


@dataclass(frozen=True, slots=True)
class Streams:
    """What comes in and goes out besides SQL: Kafka, or nothing but this process."""

    source: FrameSource
    ledger: InspectionSink
    dead_letters: DeadLetterStore
    outbox: Announcer
    job_announcer: JobAnnouncer | None
    loops: tuple[Callable[[], Awaitable[None]], ...]


class NoOutbox:
    """Embedded, nobody outside waits for changes: they are published by being committed."""

    async def wait_published(self, sequence: int) -> None:
        """At once."""


class Drops:
    """Carries what a live source dropped to the worker's ledger; bounded by the source's own pace."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[tuple[FrameRecord, str]] = asyncio.Queue()
        self.worker: Worker | None = None

    def note(self, record: FrameRecord, reason: str) -> None:
        """Called on the event loop by the source."""
        self._waiting.put_nowait((record, reason))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            record, reason = await self._waiting.get()
            if self.worker is not None:
                await self.worker.drop(record, reason)


async def open_streams(
    settings: Settings, stack: AsyncExitStack, state: State, source: FrameSource | None, drops: Drops
) -> Streams:
    """Kafka, or the given or named source of this machine with files and SQL for the rest."""
    if settings.frames.source != "kafka" or source is not None:
        from inspectd.frames.direct import open_direct_source

        dead_letters = FileDeadLetterStore(folder=settings.state / "dead-letters", settings=settings.dead_letters)
        await dead_letters.open()
        direct = source or open_direct_source(settings.frames, drops.note)
        return Streams(direct, state.ledger, dead_letters, NoOutbox(), None, (drops.run,))
    return await _kafka_streams(settings, stack, state)


async def _kafka_streams(settings: Settings, stack: AsyncExitStack, state: State) -> Streams:
    from inspectd.augmentation.kafka import KafkaJobAnnouncer
    from inspectd.deadletters.kafka import KafkaDeadLetterStore
    from inspectd.events.kafka import KafkaEventPublisher
    from inspectd.frames.kafka import KafkaFrameSource
    from inspectd.inspections.kafka import KafkaInspectionSink
    from inspectd.kafka_client import KafkaSender

    sender = KafkaSender(settings=settings.kafka)
    stack.push_async_callback(sender.close)
    try:
        await sender.open()
    except Unavailable as error:
        raise Misconfigured(
            "kafka.bootstrap_servers",
            f"no broker answers at {settings.kafka.bootstrap_servers}",
            "Start Kafka (inspectd stack up), or set INSPECTD_KAFKA__BOOTSTRAP_SERVERS",
        ) from error
    publisher = KafkaEventPublisher(settings=settings.kafka, sender=sender)
    turn = SqlOutboxTurn(database=state.database)
    stack.push_async_callback(turn.close)
    outbox = OutboxPublisher(events=state.events, publisher=publisher, turn=turn)
    sinks = (KafkaInspectionSink(settings=settings.kafka, sender=sender), state.ledger)
    return Streams(
        source=KafkaFrameSource(settings=settings.kafka, max_in_flight=settings.frames.max_in_flight),
        ledger=FanoutSink(sinks=sinks),
        dead_letters=KafkaDeadLetterStore(settings=settings.kafka, sender=sender),
        outbox=outbox,
        job_announcer=KafkaJobAnnouncer(settings=settings.kafka, sender=sender),
        loops=(outbox.run,),
    )
