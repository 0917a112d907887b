"""DefectEventService over the event store, the evidence store and the narrator."""

import base64
import binascii
import re
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Any

from inspectd import convert
from inspectd.api import validate
from inspectd.api.services import Narrator
from inspectd.errors import Rejected
from inspectd.events.feed import ChangeFeed
from inspectd.events.store import EventQuery, EventStore
from inspectd.evidence.store import EvidenceStore
from inspectd.records import DefectEvent, Review, ReviewState
from inspectd.v1 import defect_event_pb2, defect_event_service_pb2, defect_event_service_pb2_grpc

#: Limits of the proto's comments, in bytes.
LONGEST_QUESTION, LONGEST_REVIEWER, LONGEST_COMMENT = 500, 128, 2000

_TOKEN = re.compile(rb"watch/1/(0|[1-9][0-9]{0,17})")


def resume_token(sequence: int) -> str:
    """An opaque, URL-safe token for a place in the change log."""
    return base64.urlsafe_b64encode(f"watch/1/{sequence}".encode()).decode().rstrip("=")


def sequence_of(token: str) -> int:
    """The place in the change log. Raises Rejected for a token that this daemon never gave."""
    try:
        plain = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Rejected("bad_resume_token", "this is not a resume token", field="resume_token") from error
    match = _TOKEN.fullmatch(plain)
    if match is None or resume_token(int(match[1])) != token:
        raise Rejected("bad_resume_token", "this is not a resume token", field="resume_token")
    return int(match[1])


def decided(review: Review) -> Callable[[DefectEvent], DefectEvent]:
    """The edit that writes a decision into an event."""
    return lambda event: replace(event, review=review)


def checked_review(review: Review) -> Review:
    """A decision within the proto's limits. Raises Rejected with the field's name."""
    validate.defect_type(review.defect_type, "review.defect_type")
    validate.text(review.reviewer, "review.reviewer", LONGEST_REVIEWER)
    validate.text(review.comment, "review.comment", LONGEST_COMMENT)
    if review.defect_type and review.state is not ReviewState.CONFIRMED:
        raise Rejected("not_confirmed", "a type goes with CONFIRMED only", field="review.defect_type")
    return review


class DefectEvents(defect_event_service_pb2_grpc.DefectEventServiceServicer):
    """Reading, watching, questioning and reviewing events."""

    def __init__(
        self,
        *,
        events: EventStore,
        evidence: EvidenceStore,
        narrator: Narrator,
        feed: ChangeFeed,
        clock: Callable[[], datetime],
        heartbeat_s: float,
    ) -> None:
        self._events, self._evidence, self._narrator = events, evidence, narrator
        self._feed, self._clock, self._heartbeat_s = feed, clock, heartbeat_s

    async def GetDefectEvent(self, request: Any, context: Any) -> defect_event_pb2.DefectEvent:  # noqa: N802
        """One event. NotFound."""
        event = await self._events.get(validate.identifier(request.event_id, "event_id"))
        return convert.event_to_proto(event)

    async def ListDefectEvents(self, request: Any, context: Any) -> Any:  # noqa: N802
        """A page, newest first."""
        size = validate.page_size(request.page_size)
        page = await self._events.list(_query(request), size, request.page_token)
        return defect_event_service_pb2.ListDefectEventsResponse(
            defect_events=[convert.event_to_proto(event) for event in page.items], next_page_token=page.next_token
        )

    async def WatchDefectEvents(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """Changes for ever. The first message is a heartbeat, so that a watcher has a token before anything happens."""
        camera_id = validate.optional_camera(request.camera_id)
        if request.resume_token:
            sequence = sequence_of(request.resume_token)
            await self._feed.check(sequence)
        else:
            sequence = await self._feed.now()
        yield _watch_response(sequence)
        async with aclosing(self._feed.follow(sequence, self._heartbeat_s)) as batches:
            async for changes in batches:
                told = sequence
                for change in changes:
                    sequence = change.sequence
                    if not camera_id or change.event.camera_id == camera_id:
                        told = sequence
                        yield _watch_response(sequence, change.event)
                if told != sequence or not changes:
                    yield _watch_response(sequence)

    async def ReviewDefectEvent(self, request: Any, context: Any) -> defect_event_pb2.DefectEvent:  # noqa: N802
        """Records a decision."""
        event_id = validate.identifier(request.event_id, "event_id")
        if not request.HasField("review"):
            raise Rejected("missing", "a decision is required", field="review")
        review = checked_review(convert.review_from_proto(request.review))
        edit = decided(replace(review, review_time=self._clock()))
        change = await self._events.revise(event_id, edit, etag=request.etag)
        return convert.event_to_proto(change.event)

    async def ExplainDefectEvent(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """Pieces of the answer, then the whole of it."""
        event_id = validate.identifier(request.event_id, "event_id")
        question = validate.text(request.question, "question", LONGEST_QUESTION)
        answer = self._narrator.ask(event_id, question, context.time_remaining())
        async with aclosing(answer) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                if isinstance(piece, str):
                    yield defect_event_service_pb2.ExplainDefectEventResponse(text=piece)
                else:
                    yield defect_event_service_pb2.ExplainDefectEventResponse(
                        explanation=convert.explanation_to_proto(piece.explanation), tokens_cached=piece.tokens_cached
                    )

    async def GetDefectEventPicture(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The kept bytes. NotFound when retention has removed them."""
        event = await self._events.get(validate.identifier(request.event_id, "event_id"))
        data = await self._evidence.get(event.picture.sha256)
        return defect_event_service_pb2.GetDefectEventPictureResponse(data=data, media_type=event.picture.media_type)


def _query(request: Any) -> EventQuery:
    state = validate.known(request, "review_state")
    for field in ("capture_time_from", "capture_time_before"):
        validate.time(request, field)
    return EventQuery(
        camera_id=validate.optional_camera(request.camera_id),
        review_state=convert.review_state_from_proto(state, "review_state") if state else None,
        capture_time_from=convert.optional_time(request, "capture_time_from"),
        capture_time_before=convert.optional_time(request, "capture_time_before"),
    )


def _watch_response(sequence: int, event: DefectEvent | None = None) -> Any:
    message = None if event is None else convert.event_to_proto(event)
    return defect_event_service_pb2.WatchDefectEventsResponse(defect_event=message, resume_token=resume_token(sequence))
