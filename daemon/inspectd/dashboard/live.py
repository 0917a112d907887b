"""Server-sent events: every change of every event, and the overview; resumed without a gap. Knows no HTML."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import structlog

from inspectd.api.defect_events import resume_token, sequence_of
from inspectd.dashboard.overview import Overview
from inspectd.dashboard.views import EventViews
from inspectd.errors import Expired, Rejected, Unavailable
from inspectd.events.feed import ChangeFeed

log = structlog.get_logger(__name__)

#: How often the overview is sent; it is the heartbeat, too. In seconds.
OVERVIEW_EVERY_S = 1.0


class LiveStream:
    """One browser's stream."""

    def __init__(self, *, feed: ChangeFeed, overview: Overview, views: EventViews, closing: asyncio.Event) -> None:
        self._feed, self._overview, self._views, self._closing = feed, overview, views, closing

    async def run(self, token: str, camera_id: str) -> AsyncIterator[str]:
        """Messages until the daemon stops. A token that cannot be resumed is answered with `reset`: list again."""
        try:
            sequence = await self._start(token)
        except (Expired, Rejected):
            sequence = await self._feed.now()
            yield _message("reset", {}, resume_token(sequence))
        next_overview = 0.0
        async with aclosing(self._feed.follow(sequence, OVERVIEW_EVERY_S)) as batches:
            try:
                async for changes in batches:
                    for change in changes:
                        view = await asyncio.to_thread(self._views.view, change.event)
                        yield _message("change", view, resume_token(change.sequence))
                    if self._closing.is_set():
                        return
                    if time.monotonic() >= next_overview:
                        next_overview = time.monotonic() + OVERVIEW_EVERY_S
                        yield _message("overview", await self._overview.look(camera_id))
            except Expired:
                yield _message("reset", {}, resume_token(await self._feed.now()))
            except Unavailable as error:  # the browser connects again by itself, and says meanwhile that it is lost
                log.warning("a live stream ends", error=str(error))

    async def _start(self, token: str) -> int:
        if not token:
            return await self._feed.now()
        sequence = sequence_of(token)
        await self._feed.check(sequence)
        return sequence


def _message(kind: str, data: dict[str, Any], token: str = "") -> str:
    head = f"id: {token}\n" if token else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"
