"""What comes in and goes out besides SQL: Kafka, or nothing but this process."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from inspectd.augmentation.store import JobAnnouncer
from inspectd.deadletters.files import FileDeadLetterStore
from inspectd.deadletters.store import DeadLetterStore
from inspectd.events.outbox import OutboxPublisher
from inspectd.events.turn import SqlOutboxTurn
from inspectd.frames.source import FrameRecord, FrameSource
from inspectd.inspections.fanout import FanoutSink
from inspectd.inspections.ledger import InspectionSink
from inspectd.metrics import Metrics
from inspectd.pipeline import Announcer
from inspectd.readiness import Probe
from inspectd.records import Outcome
from inspectd.settings import Settings
from inspectd.wiring.state import State
from inspectd.worker import Worker

if TYPE_CHECKING:
    from inspectd.kafka_client import KafkaSender

#: Dropped frames that wait for their lines in the ledger while it is away, about 1 KB each: an hour at 5 a second.
MOST_DROPS = 20_000
#: Why a dropped frame has no line in the ledger: too many waited for theirs.
UNRECORDED = "unrecorded"


@dataclass(frozen=True, slots=True)
class Streams:
    """What comes in and goes out besides SQL: Kafka, or nothing but this process."""

    source: FrameSource
    ledger: InspectionSink
    dead_letters: DeadLetterStore
    outbox: Announcer
    job_announcer: JobAnnouncer | None
    loops: tuple[Callable[[], Awaitable[None]], ...]
    probes: dict[str, Probe]


class NoOutbox:
    """Embedded, nobody outside waits for changes: they are published by being committed."""

    async def wait_published(self, sequence: int) -> None:
        """At once."""


class Drops:
    """Carries what a live source dropped to the worker's ledger, without the pictures; bounded while that is away.

    What no longer fits has no line in the ledger: it is counted as finished all the same, with the reason UNRECORDED.
    """

    def __init__(self, *, metrics: Metrics, most: int = MOST_DROPS) -> None:
        self._waiting: asyncio.Queue[tuple[FrameRecord, str]] = asyncio.Queue(most)
        self._metrics = metrics
        self.worker: Worker | None = None

    def note(self, record: FrameRecord, reason: str) -> None:
        """Called on the event loop by the source."""
        try:
            # A direct record is named by its headers, so that its line needs no picture.
            self._waiting.put_nowait((replace(record, value=b""), reason))
        except asyncio.QueueFull:
            self._metrics.received.inc()
            self._metrics.outcomes.labels(Outcome.DROPPED.value, UNRECORDED).inc()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            record, reason = await self._waiting.get()
            if self.worker is not None:
                await self.worker.drop(record, reason)


async def open_streams(
    settings: Settings,
    stack: AsyncExitStack,
    state: State,
    metrics: Metrics,
    source: FrameSource | None,
    drops: Drops,
) -> Streams:
    """Kafka, or the given or named source of this machine with files and SQL for the rest."""
    if settings.frames.source != "kafka" or source is not None:
        from inspectd.frames.direct import open_direct_source

        dead_letters = FileDeadLetterStore(folder=settings.state / "dead-letters", settings=settings.dead_letters)
        await dead_letters.open()
        direct = source or open_direct_source(settings.frames, drops.note)
        probes = {"frames": _ready(direct)}
        return Streams(direct, state.ledger, dead_letters, NoOutbox(), None, (drops.run,), probes)
    return await _kafka_streams(settings, stack, state, metrics)


async def _kafka_streams(settings: Settings, stack: AsyncExitStack, state: State, metrics: Metrics) -> Streams:
    from inspectd.augmentation.kafka import KafkaJobAnnouncer
    from inspectd.deadletters.kafka import KafkaDeadLetterStore
    from inspectd.events.kafka import KafkaEventPublisher
    from inspectd.frames.kafka import KafkaFrameSource
    from inspectd.inspections.kafka import KafkaInspectionSink
    from inspectd.kafka_client import KafkaSender

    sender = KafkaSender(settings=settings.kafka)
    stack.push_async_callback(sender.close)
    await sender.open()
    await _check_topics(settings, sender)
    publisher = KafkaEventPublisher(settings=settings.kafka, sender=sender)
    turn = SqlOutboxTurn(database=state.database)
    stack.push_async_callback(turn.close)
    outbox = OutboxPublisher(
        events=state.events,
        publisher=publisher,
        turn=turn,
        count_retry=lambda: metrics.retries.labels("outbox").inc(),
        count_refused=lambda reason: metrics.unannounced.labels(reason).inc(),
    )
    sinks = (KafkaInspectionSink(settings=settings.kafka, sender=sender), state.ledger)
    source = KafkaFrameSource(settings=settings.kafka, max_in_flight=settings.frames.max_in_flight)
    return Streams(
        source=source,
        ledger=FanoutSink(sinks=sinks),
        dead_letters=KafkaDeadLetterStore(settings=settings.kafka, sender=sender),
        outbox=outbox,
        job_announcer=KafkaJobAnnouncer(settings=settings.kafka, sender=sender),
        loops=(outbox.run,),
        probes={"frames": _ready(source), "outbox": _ready(outbox)},
    )


async def _check_topics(settings: Settings, sender: "KafkaSender") -> None:
    """What is written is there, or the first verdict would wait for ever; the frames topic is its reader's to check.

    Raises Misconfigured with the topic's setting, Unreachable.
    """
    written = ["inspections_topic", "events_topic", "event_state_topic", "dead_letters_topic"]
    written += ["jobs_topic"] if settings.augmentation.enabled else []
    for name in written:
        await sender.check_topic(f"kafka.{name}", getattr(settings.kafka, name))


class _Ready(Protocol):
    @property
    def ready(self) -> bool: ...


def _ready(part: _Ready) -> Probe:
    async def probe() -> bool:
        return part.ready

    return probe
