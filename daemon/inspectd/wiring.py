"""The composition root: settings in, a daemon out. Nothing else builds adapters; everything opened is closed in reverse."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import structlog

from iad_unify import resources
from iad_unify.catalog import SQUARE_TOO_SMALL
from inspectd.alerts.notifier import AlertRule
from inspectd.alerts.webhook import WebhookNotifier
from inspectd.api.directory import CameraDirectory
from inspectd.api.server import ApiServer
from inspectd.augmentation.runner import AugmentationRunner
from inspectd.augmentation.sql import SqlJobStore
from inspectd.augmentation.store import JobAnnouncer
from inspectd.confirmed.keeper import ConfirmedKeeper
from inspectd.confirmed.recall import ConfirmedRecall
from inspectd.confirmed.sql import SqlConfirmedStore
from inspectd.dashboard.server import Dashboard
from inspectd.database.engine import Database, open_database
from inspectd.deadletters.files import FileDeadLetterStore
from inspectd.deadletters.store import DeadLetterStore
from inspectd.errors import Misconfigured, ModelFailed, Unavailable
from inspectd.events.feed import ChangeFeed
from inspectd.events.outbox import OutboxPublisher
from inspectd.events.sql import SqlEventStore
from inspectd.events.turn import SqlOutboxTurn
from inspectd.evidence.files import FileEvidenceStore
from inspectd.evidence.goodframes import GoodFrameKeeper
from inspectd.explanations.narrator import Narrator
from inspectd.explanations.writer import ExplanationWriter
from inspectd.frames.blobs import AllowedBlobs
from inspectd.frames.reader import RecordReader
from inspectd.frames.source import FrameRecord, FrameSource
from inspectd.inspections.fanout import FanoutSink
from inspectd.inspections.ledger import InspectionSink
from inspectd.inspections.sql import SqlInspectionLedger
from inspectd.metrics import Metrics
from inspectd.pipeline import Announcer, Inspector, Verdict
from inspectd.readiness import Probe, Readiness
from inspectd.records import DefectEvent, Frame
from inspectd.settings import Settings
from inspectd.thresholds.calibrator import Calibrator
from inspectd.thresholds.decision import Thresholds
from inspectd.thresholds.recalibrator import Recalibrator
from inspectd.thresholds.sql import SqlThresholdStore
from inspectd.thresholds.sql_scores import SqlScoreHistory
from inspectd.thresholds.watch import DriftWatch
from inspectd.tokens.cache import TokenCache
from inspectd.tokens.memory import MemoryTokenCache
from inspectd.vision.editor import DefectEditor
from inspectd.vision.expert import RegionExpert
from inspectd.vision.explainer import Explainer
from inspectd.vision.reference import ReferenceBuilder
from inspectd.vision.sight import Sight
from inspectd.worker import Worker

log = structlog.get_logger(__name__)

#: How often retention is applied to the kept pictures, in seconds.
SWEEP_EVERY_S = 600.0
#: Changes that a watcher may resume from; older ones answer OUT_OF_RANGE.
CHANGES_KEPT = 100_000


def now() -> datetime:
    """The clock of the whole daemon."""
    return datetime.now(UTC)


class Closing(Protocol):
    """What is opened here is closed here."""

    async def close(self) -> None:
        """Lets go."""


@dataclass(frozen=True, slots=True)
class Models:
    """The three served models, wherever they run."""

    expert: RegionExpert
    explainer: Explainer
    editor: DefectEditor
    probes: dict[str, Probe]


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


@dataclass(slots=True)
class Daemon:
    """An open daemon: `run` it until its source ends or it is cancelled."""

    settings: Settings
    metrics: Metrics
    worker: Worker
    writer: ExplanationWriter | None
    inspector: Inspector
    calibrator: Calibrator
    events: SqlEventStore
    ledger: SqlInspectionLedger
    readiness: Readiness
    api_address: str
    dashboard_address: str
    loops: tuple[Callable[[], Awaitable[None]], ...] = ()
    _background: list[asyncio.Task[None]] = field(default_factory=list)

    async def run(self, *, explain_to_the_end: bool = False, stay: bool = False) -> None:
        """Until the source ends; with `explain_to_the_end` also until no event waits for words.

        With `stay` the servers go on after the last frame, until cancelled.
        """
        self._background = [asyncio.create_task(_named(loop)) for loop in self.loops]
        frames = asyncio.create_task(self.worker.run())
        try:
            await _first_failure(frames, *self._background)
            if explain_to_the_end and self.writer is not None:
                await self.writer.wait_idle()
            if stay:
                await asyncio.gather(*self._background)
        finally:
            for task in (frames, *self._background):
                task.cancel()
            await asyncio.gather(frames, *self._background, return_exceptions=True)


async def _named(loop: Callable[[], Awaitable[None]]) -> None:
    await loop()


async def _first_failure(frames: "asyncio.Task[None]", *background: "asyncio.Task[None]") -> None:
    """Returns when the frames have ended; a background loop that broke is raised at once, not hidden."""
    waiting = {frames, *background}
    while not frames.done():
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


@asynccontextmanager
async def open_daemon(
    settings: Settings,
    *,
    source: FrameSource | None = None,
    on_verdict: Callable[[Frame | None, Verdict], None] = lambda frame, verdict: None,
    on_event: Callable[[DefectEvent], None] = lambda event: None,
) -> AsyncIterator[Daemon]:
    """Opens everything that the settings name. Raises Misconfigured with the setting's name and the mend."""
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        state = await open_state(settings, stack)
        drops = Drops()
        streams = await _open_streams(settings, stack, state, source, drops)
        models = await open_models(settings, stack)
        tokens = await _open_tokens(settings, stack, metrics)
        sight = open_sight(settings, models, tokens, metrics)
        await first_look(settings, sight)
        thresholds = Thresholds(store=state.thresholds)
        narrator = Narrator(
            explainer=models.explainer,
            sight=sight,
            thresholds=thresholds,
            evidence=state.evidence,
            events=state.events,
            recall=ConfirmedRecall(
                store=state.confirmed if settings.confirmed.enabled else None,
                settings=settings.confirmed,
                least_confidence=settings.explanations.least_type_confidence,
            ),
            language=settings.explanations.language,
            least_type_confidence=settings.explanations.least_type_confidence,
        )
        writer = _writer(settings, state, narrator, metrics, on_event)
        rule = _alert_rule(settings, stack, metrics)

        def tell(event: DefectEvent) -> None:
            if writer is not None:
                writer.offer(event)
            if rule is not None:
                rule.offer(event)
            on_event(event)

        inspector = Inspector(
            sight=sight,
            thresholds=thresholds,
            evidence=state.evidence,
            events=state.events,
            outbox=streams.outbox,
            ledger=streams.ledger,
            good_frames=GoodFrameKeeper(evidence=state.evidence, settings=settings.evidence),
            on_event=tell,
            clock=now,
        )
        calibrator = Calibrator(sight=sight, store=state.thresholds, clock=now)
        readiness = Readiness(probes=_probes(state, streams, models, tokens), metrics=metrics, clock=now)
        feed = ChangeFeed(events=state.events)
        await feed.start()
        stack.push_async_callback(feed.stop)
        watch = _drift_watch(settings, state, sight, metrics, rule)
        directory = CameraDirectory(
            ledger=state.ledger, store=state.thresholds, thresholds=thresholds, cards=sight, drifts=watch
        )
        api = ApiServer(
            settings=settings.api,
            events=state.events,
            evidence=state.evidence,
            ledger=state.ledger,
            jobs=state.jobs,
            inspector=inspector,
            narrator=narrator,
            calibrator=calibrator,
            recalibrator=Recalibrator(history=state.scores, store=state.thresholds, clock=now),
            directory=directory,
            feed=feed,
            readiness=readiness,
        )
        dashboard = Dashboard(
            settings=settings.dashboard,
            events=state.events,
            evidence=state.evidence,
            narrator=narrator,
            directory=directory,
            feed=feed,
            readiness=readiness,
            metrics=metrics,
        )
        for server in (api, dashboard):
            stack.push_async_callback(server.stop)
            await server.start()
        loops = [readiness.run, lambda: _sweep(state), *streams.loops]
        loops += [writer.run] if writer is not None else []
        loops += [rule.run] if rule is not None else []
        loops += [watch.run] if settings.drift.enabled else []
        loops += [_keeper(settings, state, feed, sight, thresholds).run] if settings.confirmed.enabled else []
        if settings.augmentation.enabled:
            loops.append(_augmentation(settings, state, streams, models, sight, thresholds, metrics).run)
        worker = Worker(
            source=streams.source,
            reader=RecordReader(
                limits=settings.frames,
                blobs=AllowedBlobs(
                    allow_list=settings.frames.blob_allow_list, max_bytes=settings.frames.max_blob_bytes
                ),
            ),
            inspector=inspector,
            dead_letters=streams.dead_letters,
            ledger=streams.ledger,
            metrics=metrics,
            max_in_flight=settings.frames.max_in_flight,
            clock=now,
            on_verdict=on_verdict,
        )
        drops.worker = worker
        await streams.source.open()
        stack.push_async_callback(streams.source.close)
        yield Daemon(
            settings=settings,
            metrics=metrics,
            worker=worker,
            writer=writer,
            inspector=inspector,
            calibrator=calibrator,
            events=state.events,
            ledger=state.ledger,
            readiness=readiness,
            api_address=api.address,
            dashboard_address=dashboard.address,
            loops=tuple(loops),
        )


@dataclass(frozen=True, slots=True)
class State:
    """What the daemon keeps: one database, one evidence store."""

    database: Database
    events: SqlEventStore
    ledger: SqlInspectionLedger
    thresholds: SqlThresholdStore
    scores: SqlScoreHistory
    confirmed: SqlConfirmedStore
    jobs: SqlJobStore
    evidence: FileEvidenceStore


async def open_state(settings: Settings, stack: AsyncExitStack) -> State:
    """Opens the database and the evidence store."""
    try:
        settings.state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            "state_dir", f"{settings.state} cannot be made ({error.strerror})", "Set INSPECTD_STATE_DIR"
        ) from error
    database = await open_database(settings.database_url)
    stack.push_async_callback(database.close)
    ledger = SqlInspectionLedger(database=database)
    stack.push_async_callback(ledger.close)
    evidence = FileEvidenceStore(uri=settings.evidence_uri, settings=settings.evidence)
    await evidence.open()
    stack.push_async_callback(evidence.close)
    return State(
        database=database,
        events=SqlEventStore(database=database, outbox=settings.frames.source == "kafka"),
        ledger=ledger,
        thresholds=SqlThresholdStore(database=database),
        scores=SqlScoreHistory(database=database),
        confirmed=SqlConfirmedStore(database=database, most=settings.confirmed.most_regions),
        jobs=SqlJobStore(database=database),
        evidence=evidence,
    )


async def open_models(settings: Settings, stack: AsyncExitStack) -> Models:
    """The models on Triton, or in processes of our own."""
    if settings.vision.backend == "triton":
        return await _triton_models(settings, stack)
    from inspectd.vision.local import LocalDefectEditor, LocalExplainer, LocalRegionExpert
    from inspectd.vision.process import ModelProcess

    vision = settings.vision
    explainer_checkpoint = vision.explainer_checkpoint or resources.weights("explainer")
    checkpoints = {
        "region_expert": vision.expert_checkpoint or resources.weights("region_expert"),
        "explainer": explainer_checkpoint,
        "defect_editor": vision.editor_checkpoint or resources.weights("defect_editor"),
    }
    names = {"region_expert": "expert", "explainer": "explainer", "defect_editor": "editor"}
    processes = {
        role: ModelProcess(
            role=role,
            checkpoint=checkpoint,
            setting=f"vision.{names[role]}_checkpoint",
            explainer=explainer_checkpoint if role == "defect_editor" else None,
            references=settings.references_dir if role == "region_expert" else None,
            threads=vision.threads,
            max_batch_size=vision.max_batch_size,
        )
        for role, checkpoint in checkpoints.items()
    }
    for process in processes.values():
        stack.push_async_callback(process.close)
    wanted = ["region_expert", *(["explainer"] if settings.explanations.enabled else [])]
    await asyncio.gather(*(processes[role].start() for role in wanted))  # the editor starts with its first job
    return Models(
        expert=LocalRegionExpert(process=processes["region_expert"]),
        explainer=LocalExplainer(process=processes["explainer"]),
        editor=LocalDefectEditor(process=processes["defect_editor"]),
        probes={"region_expert": processes["region_expert"].alive},
    )


def open_reference_builder(settings: Settings, stack: AsyncExitStack) -> ReferenceBuilder:
    """A process of our own, also beside Triton: it needs torch and the checkpoint that is served."""
    from inspectd.vision.local import LocalReferenceBuilder
    from inspectd.vision.process import ModelProcess

    process = ModelProcess(
        role="references",
        checkpoint=settings.vision.expert_checkpoint or resources.weights("region_expert"),
        setting="vision.expert_checkpoint",
        references=settings.references_dir,
        threads=settings.vision.threads,
    )
    builder = LocalReferenceBuilder(process=process)
    stack.push_async_callback(builder.close)
    return builder


async def _triton_models(settings: Settings, stack: AsyncExitStack) -> Models:
    from inspectd.vision.triton import TritonServer

    server = TritonServer(settings=settings.triton)
    stack.push_async_callback(server.close)
    return Models(server.expert, server.explainer, server.editor, {"triton": server.ready})


def open_sight(settings: Settings, models: Models, tokens: TokenCache, metrics: Metrics) -> Sight:
    """The expert's eyes, with the square of each camera."""
    return Sight(
        expert=models.expert,
        tokens=tokens,
        max_pixels=settings.frames.max_pixels,
        metrics=metrics,
        square_of=settings.vision.square_of,
    )


async def first_look(settings: Settings, sight: Sight) -> None:
    """Asks the expert for its card at every square, so that what would fail in the first frame is told at the start.

    Raises Misconfigured: the server is away, or a square is smaller than the expert's input.
    """
    vision = settings.vision
    try:
        for camera in ("", *vision.camera_square_px):
            await sight.card(camera)
    except ModelFailed as error:
        if SQUARE_TOO_SMALL not in str(error):
            raise
        sides = sorted({vision.square_px, *vision.camera_square_px.values()})
        raise Misconfigured(
            "vision.square_px", f"{', '.join(map(str, sides))}: {error}", "Set it, and vision.camera_square_px, higher"
        ) from error
    except Unavailable as error:
        raise Misconfigured(
            "triton.url",
            f"{settings.triton.url} does not answer ({error})",
            "Start Triton (inspectd stack up), or set INSPECTD_TRITON__URL",
        ) from error


async def _open_tokens(settings: Settings, stack: AsyncExitStack, metrics: Metrics) -> TokenCache:
    if settings.redis.url.get_secret_value():
        from inspectd.tokens.redis import RedisTokenCache

        redis = RedisTokenCache(settings=settings.redis)
        stack.push_async_callback(redis.close)
        await redis.open()
        return redis
    return MemoryTokenCache(max_entries=settings.redis.max_entries, ttl_s=settings.redis.ttl_s)


async def _open_streams(
    settings: Settings, stack: AsyncExitStack, state: State, source: FrameSource | None, drops: Drops
) -> Streams:
    if settings.frames.source != "kafka" or source is not None:
        from inspectd.frames.direct import open_direct_source

        dead_letters = FileDeadLetterStore(folder=settings.state / "dead-letters")
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


def _writer(
    settings: Settings, state: State, narrator: Narrator, metrics: Metrics, on_change: Callable[[DefectEvent], None]
) -> ExplanationWriter | None:
    if not settings.explanations.enabled:
        return None
    return ExplanationWriter(
        events=state.events,
        narrator=narrator,
        settings=settings.explanations,
        metrics=metrics,
        clock=now,
        on_change=on_change,
    )


def _alert_rule(settings: Settings, stack: AsyncExitStack, metrics: Metrics) -> AlertRule | None:
    if not settings.alerts.webhook_url:
        return None
    notifier = WebhookNotifier(url=settings.alerts.webhook_url)
    stack.push_async_callback(notifier.close)
    return AlertRule(notifier=notifier, cooldown_s=settings.alerts.cooldown_s, metrics=metrics)


def _drift_watch(
    settings: Settings, state: State, sight: Sight, metrics: Metrics, rule: AlertRule | None
) -> DriftWatch:
    return DriftWatch(
        store=state.thresholds,
        history=state.scores,
        cards=sight,
        settings=settings.drift,
        metrics=metrics,
        clock=now,
        on_drift=rule.warn if rule is not None else lambda found: None,
    )


def _keeper(
    settings: Settings, state: State, feed: ChangeFeed, sight: Sight, thresholds: Thresholds
) -> ConfirmedKeeper:
    return ConfirmedKeeper(
        events=state.events,
        store=state.confirmed,
        feed=feed,
        sight=sight,
        thresholds=thresholds,
        evidence=state.evidence,
        most=settings.confirmed.most_regions,
    )


def _augmentation(
    settings: Settings,
    state: State,
    streams: Streams,
    models: Models,
    sight: Sight,
    thresholds: Thresholds,
    metrics: Metrics,
) -> AugmentationRunner:
    return AugmentationRunner(
        jobs=state.jobs,
        events=state.events,
        evidence=state.evidence,
        editor=models.editor,
        sight=sight,
        thresholds=thresholds,
        datasets=settings.datasets_dir,
        attempts_per_edit=settings.augmentation.attempts_per_edit,
        max_pixels=settings.frames.max_pixels,
        metrics=metrics,
        worker=f"{socket.gethostname()}/{os.getpid()}",
        clock=now,
        announcer=streams.job_announcer,
    )


def _probes(state: State, streams: Streams, models: Models, tokens: TokenCache) -> dict[str, Probe]:
    async def source_ready() -> bool:
        return streams.source.ready

    return {"frames": source_ready, "database": state.database.ready, "tokens": tokens.ready, **models.probes}


async def _sweep(state: State) -> None:
    while True:
        try:
            gone = await state.evidence.sweep(now())
            forgotten = await state.events.prune(CHANGES_KEPT)
            if gone or forgotten:
                log.info("retention applied", pictures=gone, changes=forgotten)
        except Unavailable as error:
            log.warning("retention could not be applied", error=str(error))
        await asyncio.sleep(SWEEP_EVERY_S)
