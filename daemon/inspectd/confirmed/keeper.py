"""Keeps the confirmed regions in step with what people decide: it follows the events, however a decision came about."""

import asyncio
from contextlib import aclosing

import numpy as np
import structlog

from inspectd.confirmed.embedding import embed
from inspectd.confirmed.sql import SqlConfirmedStore
from inspectd.confirmed.store import ConfirmedRegion
from inspectd.errors import Expired, InspectdError, Unavailable
from inspectd.events.feed import ChangeFeed
from inspectd.events.store import EventQuery, EventStore
from inspectd.evidence.store import EvidenceStore
from inspectd.records import DefectEvent, Findings, ReviewState
from inspectd.revisit import revisit
from inspectd.thresholds.decision import Thresholds
from inspectd.vision.sight import Sight

log = structlog.get_logger(__name__)

#: Regions of one event that are remembered at most, the strongest ones.
MOST_OF_ONE = 4
#: How long the keeper waits before it tries again while a server is away, and how often it wakes anyway, in seconds.
PAUSE_S, HEARTBEAT_S = 2.0, 30.0
#: Events that are read at once when the keeper starts.
_PAGE = 200
_UNKNOWN = "unknown"


class ConfirmedKeeper:
    """Remembers what was confirmed, under the model that is served; forgets what no longer is.

    When another model is served the events are looked at anew as they come up at the start, from their kept pictures, the
    newest `most` of them.
    """

    def __init__(
        self,
        *,
        events: EventStore,
        store: SqlConfirmedStore,
        feed: ChangeFeed,
        sight: Sight,
        thresholds: Thresholds,
        evidence: EvidenceStore,
        most: int,
    ) -> None:
        self._events, self._store, self._feed = events, store, feed
        self._sight, self._thresholds, self._evidence = sight, thresholds, evidence
        self._most = most

    async def run(self) -> None:
        """Until cancelled."""
        after: int | None = None
        while True:
            try:
                if after is None:
                    after = await self._feed.now()
                    await self.catch_up()
                async with aclosing(self._feed.follow(after, HEARTBEAT_S)) as batches:
                    async for changes in batches:
                        for change in changes:
                            await self.settle(change.event)
                            after = change.sequence
            except Unavailable as error:
                log.warning("waiting to remember what was confirmed", error=str(error))
                await asyncio.sleep(PAUSE_S)
            except Expired:  # changes were pruned before they were read: what counts is how the events are now
                after = None

    async def catch_up(self) -> None:
        """What was decided while nobody followed. Raises Unavailable."""
        await self._store.forget_unconfirmed()
        token, seen = "", 0
        while seen < self._most:
            page = await self._events.list(EventQuery(review_state=ReviewState.CONFIRMED), _PAGE, token)
            for event in page.items:
                await self.settle(event)
            token, seen = page.next_token, seen + len(page.items)
            if not token:
                return

    async def settle(self, event: DefectEvent) -> None:
        """Brings what is remembered of an event in step with its review. Idempotent. Raises Unavailable."""
        if event.review.review_time is None:
            return
        known, label = await self._store.labels(event.event_id), event.defect_type
        if event.review.state is not ReviewState.CONFIRMED or label == _UNKNOWN:
            label = ""
        if any(other != label for other in known.values()):
            await self._store.forget(event.event_id)
            known = {}
        if not label:
            return
        try:
            if (await self._sight.card(event.camera_id)).model_version not in known:
                await self._remember(event, label)
        except InspectdError as error:
            if isinstance(error, Unavailable):
                raise
            # The picture or its reference is gone, or the model cannot take it: other events will do.
            log.info("a confirmed event is not remembered", event_id=event.event_id, reason=str(error))

    async def _remember(self, event: DefectEvent, label: str) -> None:
        sighting = await revisit(event, sight=self._sight, thresholds=self._thresholds, evidence=self._evidence)
        regions = confirmed_regions(event, label, sighting.findings)
        await self._store.replace(event.event_id, sighting.findings.model_version, regions)


def confirmed_regions(event: DefectEvent, label: str, findings: Findings) -> list[ConfirmedRegion]:
    """The regions that the label is true of: those that the expert takes for the same type as the strongest.

    A reviewer sees one type for the event, that of its strongest region; of regions of other types nothing is confirmed.
    """
    reached = [region for region in findings.regions if region.score >= event.threshold]
    alike = [region for region in reached if region.defect_type == reached[0].defect_type][:MOST_OF_ONE]
    embeddings = embed(findings.tokens.appearance)
    return [
        ConfirmedRegion(
            event_id=event.event_id,
            region=region.number,
            camera_id=event.camera_id,
            model_version=findings.model_version,
            defect_type=label,
            expert_type=region.defect_type,
            embedding=embeddings[region.number - 1],
        )
        for region in alike
        if np.any(embeddings[region.number - 1])
    ]
