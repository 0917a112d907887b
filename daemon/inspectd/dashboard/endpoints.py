"""The JSON endpoints under /api. Errors are our own, turned into statuses in `app`."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from inspectd.api import validate
from inspectd.api.defect_events import LONGEST_QUESTION, checked_review, resume_token
from inspectd.api.services import Narrator
from inspectd.dashboard import views
from inspectd.dashboard.live import LiveStream
from inspectd.dashboard.overview import Overview
from inspectd.dashboard.pictures import Pictures
from inspectd.errors import Conflict, InspectdError, Rejected
from inspectd.events.feed import ChangeFeed
from inspectd.events.store import EventQuery, EventStore
from inspectd.records import DefectEvent, Review, ReviewState

#: A picture of a hash never changes.
_FOREVER = "private, max-age=604800, immutable"
#: Bytes of a request's JSON at most.
_LARGEST_BODY = 16_384
#: Seconds that somebody at the page waits for an answer; a question that waited longer is no burden to the next ones.
_PATIENCE_S = 60.0


class Endpoints:
    """One method per route."""

    def __init__(
        self,
        *,
        events: EventStore,
        narrator: Narrator,
        pictures: Pictures,
        overview: Overview,
        event_views: views.EventViews,
        feed: ChangeFeed,
        closing: asyncio.Event,
        clock: Callable[[], datetime],
    ) -> None:
        self._events, self._narrator, self._pictures = events, narrator, pictures
        self._overview, self._views, self._feed = overview, event_views, feed
        self._closing, self._clock = closing, clock

    async def list_events(self, request: Request) -> Response:
        """GET /api/events?camera=&state=&size=&page=: a page, newest first, and the token that continues live from it."""
        query = request.query_params
        sequence = await self._feed.now()  # before the list: what happens meanwhile is told twice, never missed
        wanted = EventQuery(
            camera_id=validate.optional_camera(query.get("camera", ""), "camera"),
            review_state=_state(query["state"], "state") if query.get("state") else None,
        )
        page = await self._events.list(wanted, _size(query.get("size", "")), query.get("page", ""))
        shown = await asyncio.to_thread(lambda: [self._views.view(event) for event in page.items])
        return JSONResponse({"events": shown, "next": page.next_token, "resume": resume_token(sequence)})

    async def get_event(self, request: Request) -> Response:
        """GET /api/events/{id}."""
        return await self._shown(await self._events.get(request.path_params["event_id"]))

    async def picture(self, request: Request) -> Response:
        """GET /api/events/{id}/picture: the published bytes."""
        event = await self._events.get(request.path_params["event_id"])
        data = await self._pictures.whole(event.picture.sha256)
        media_type = "image/png" if event.picture.media_type == "image/png" else "image/jpeg"
        return Response(data, media_type=media_type, headers={"cache-control": _FOREVER})

    async def small_picture(self, request: Request) -> Response:
        """GET /api/events/{id}/small: a small JPEG."""
        event = await self._events.get(request.path_params["event_id"])
        data = await self._pictures.small(event.picture.sha256)
        return Response(data, media_type="image/jpeg", headers={"cache-control": _FOREVER})

    async def review(self, request: Request) -> Response:
        """POST /api/events/{id}/review {state, type, reviewer, comment, seen}: `seen` is the state that the reviewer saw."""
        body = await _body(request)
        review = checked_review(
            Review(
                state=_state(_text(body, "state"), "state"),
                defect_type=_text(body, "type"),
                reviewer=_text(body, "reviewer"),
                comment=_text(body, "comment"),
                review_time=self._clock(),
            )
        )
        seen = _state(_text(body, "seen"), "seen") if body.get("seen") else None

        def decide(event: DefectEvent) -> DefectEvent:
            # Not the etag: words that arrive while somebody decides are no reason to refuse the decision.
            if seen is not None and event.review.state is not seen:
                by = f" by {event.review.reviewer}" if event.review.reviewer else ""
                raise Conflict(f"it was {event.review.state.value}{by} meanwhile", stale=True)
            return replace(event, review=review)

        return await self._shown((await self._events.revise(request.path_params["event_id"], decide)).event)

    async def ask(self, request: Request) -> Response:
        """POST /api/events/{id}/ask {question}: JSON lines, {text} for each piece, then {explanation} or {error}."""
        body = await _body(request)
        question = validate.text(_text(body, "question"), "question", LONGEST_QUESTION)
        event = await self._events.get(request.path_params["event_id"])
        return StreamingResponse(self._answer(event.event_id, question), media_type="application/x-ndjson")

    async def overview(self, request: Request) -> Response:
        """GET /api/overview?camera=: cameras, counts and what works."""
        camera_id = validate.optional_camera(request.query_params.get("camera", ""), "camera")
        return JSONResponse(await self._overview.look(camera_id))

    async def live(self, request: Request) -> Response:
        """GET /api/live?after=&camera=: server-sent events."""
        token = request.headers.get("last-event-id") or request.query_params.get("after", "")
        camera_id = validate.optional_camera(request.query_params.get("camera", ""), "camera")
        stream = LiveStream(feed=self._feed, overview=self._overview, views=self._views, closing=self._closing)
        headers = {"x-accel-buffering": "no"}
        return StreamingResponse(stream.run(token, camera_id), media_type="text/event-stream", headers=headers)

    async def _shown(self, event: DefectEvent) -> Response:
        return JSONResponse(await asyncio.to_thread(self._views.view, event))

    async def _answer(self, event_id: str, question: str) -> AsyncIterator[str]:
        try:
            async with aclosing(self._narrator.ask(event_id, question, _PATIENCE_S)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    if isinstance(piece, str):
                        yield _line({"text": piece})
                    else:
                        answer = views.explanation(piece.explanation)
                        yield _line({"explanation": answer, "tokens_cached": piece.tokens_cached})
        except InspectdError as error:  # the status line is long gone: the last line says it
            yield _line({"error": str(error)})


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value) + "\n"


def _size(value: str) -> int:
    try:
        return validate.page_size(int(value or "0"), "size")
    except ValueError as error:
        raise Rejected("not_a_number", f"{value!r} is no number", field="size") from error


def _state(value: str, field: str) -> ReviewState:
    try:
        return ReviewState(value)
    except ValueError as error:
        raise Rejected("unspecified", f"{value!r} is no review state", field=field) from error


async def _body(request: Request) -> dict[str, Any]:
    """The request's JSON object. A form cannot send this media type, so another site's cannot either."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Rejected("wrong_media_type", "send application/json")
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > _LARGEST_BODY:
            raise Rejected("too_large", f"at most {_LARGEST_BODY} bytes")
    try:
        body = json.loads(data)
    except ValueError as error:
        raise Rejected("not_json", "the body is not JSON") from error
    if not isinstance(body, dict):
        raise Rejected("not_json", "the body is not a JSON object")
    return body


def _text(body: dict[str, Any], field: str) -> str:
    value = body.get(field, "")
    if not isinstance(value, str):
        raise Rejected("not_text", "a text is needed", field=field)
    return value
