"""The daemon put together: settings in, a daemon out; everything opened is closed in reverse."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from inspectd.alerts.notifier import AlertRule
from inspectd.alerts.webhook import WebhookNotifier
from inspectd.api.directory import CameraDirectory
from inspectd.api.server import ApiServer
from inspectd.augmentation.runner import AugmentationRunner
from inspectd.confirmed.keeper import ConfirmedKeeper
from inspectd.confirmed.recall import ConfirmedRecall
from inspectd.dashboard.server import Dashboard
from inspectd.events.feed import ChangeFeed
from inspectd.events.sql import SqlEventStore
from inspectd.evidence.goodframes import GoodFrameKeeper
from inspectd.explanations.frame import KeptFrames
from inspectd.explanations.narrator import Narrator
from inspectd.explanations.writer import ExplanationWriter
from inspectd.frames.blobs import AllowedBlobs
from inspectd.frames.reader import RecordReader
from inspectd.frames.source import FrameSource
from inspectd.inspections.sql import SqlInspectionLedger
from inspectd.metrics import Metrics
from inspectd.pipeline import Inspector, Verdict
from inspectd.readiness import Probe, Readiness
from inspectd.records import DefectEvent, Frame
from inspectd.settings import Settings
from inspectd.thresholds.calibrator import Calibrator
from inspectd.thresholds.decision import Thresholds
from inspectd.thresholds.recalibrator import Recalibrator
from inspectd.thresholds.watch import DriftWatch
from inspectd.tokens.cache import TokenCache
from inspectd.vision.sight import Sight
from inspectd.wiring.models import Models, first_look, open_models, open_sight, open_tokens
from inspectd.wiring.state import State, now, open_state, sweep
from inspectd.wiring.streams import Drops, Streams, open_streams
from inspectd.worker import Worker


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
    """Opens everything that the settings name.

    Raises Misconfigured for a wrong setting and Unreachable for a server that does not answer, with the setting's name and
    the mend.
    """
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        state = await open_state(settings, stack)
        drops = Drops(metrics=metrics)
        streams = await open_streams(settings, stack, state, metrics, source, drops)
        models = await open_models(settings, stack)
        tokens = await open_tokens(settings, stack, metrics)
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
            frames=KeptFrames(evidence=state.evidence, max_pixels=settings.frames.max_pixels)
            if settings.explanations.image_crop
            else None,
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
            max_image_bytes=settings.frames.max_blob_bytes,
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
        loops = [readiness.run, lambda: sweep(settings, state, streams.dead_letters), *streams.loops]
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
    return {**streams.probes, "database": state.database.ready, "tokens": tokens.ready, **models.probes}
