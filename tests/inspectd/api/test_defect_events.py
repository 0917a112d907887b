"""DefectEventService over a real server and the real stores."""

import asyncio
import base64
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.line import BAD, Line, picture

from inspectd import convert
from inspectd.api.defect_events import resume_token, sequence_of
from inspectd.client import CallError, Client
from inspectd.errors import Rejected
from inspectd.records import ReviewState
from inspectd.v1 import defect_event_pb2 as pb
from inspectd.v1 import defect_event_service_pb2 as service


async def failed(call: Any, client: Client) -> CallError:
    async def run() -> None:
        if hasattr(call, "__aiter__"):
            async for _ in call:
                continue
        else:
            await call

    with pytest.raises(CallError) as caught, client.told():
        await run()
    return caught.value


async def test_an_event_is_got_as_it_was_raised(line: Line, client: Client) -> None:
    event = await line.defect(1)
    got = await client.events.GetDefectEvent(service.GetDefectEventRequest(event_id=event.event_id))
    assert convert.event_from_proto(got) == event
    assert got.etag == event.etag


async def test_an_unknown_event_is_not_found(client: Client) -> None:
    error = await failed(client.events.GetDefectEvent(service.GetDefectEventRequest(event_id="none")), client)
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


async def test_a_missing_id_names_its_field(client: Client) -> None:
    for call in (
        client.events.GetDefectEvent(service.GetDefectEventRequest()),
        client.events.GetDefectEventPicture(service.GetDefectEventPictureRequest()),
        client.events.ReviewDefectEvent(service.ReviewDefectEventRequest()),
        client.events.ExplainDefectEvent(service.ExplainDefectEventRequest()),
    ):
        error = await failed(call, client)
        assert (error.code, error.reason, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, "MISSING", "event_id")


async def test_events_are_listed_newest_first_in_pages_that_new_events_do_not_shift(line: Line, client: Client) -> None:
    ids = [(await line.defect(n)).event_id for n in range(5)]
    first = await client.events.ListDefectEvents(service.ListDefectEventsRequest(page_size=2))
    await line.defect(99)
    second = await client.events.ListDefectEvents(
        service.ListDefectEventsRequest(page_size=10, page_token=first.next_page_token)
    )
    assert [event.event_id for event in [*first.defect_events, *second.defect_events]] == ids[::-1]
    assert second.next_page_token == ""


async def test_a_listing_filters_by_camera_state_and_capture_time(line: Line, client: Client) -> None:
    one, two = await line.defect(1), await line.defect(2, camera="cam-2")
    await line.events.revise(one.event_id, lambda e: replace(e, review=replace(e.review, state=ReviewState.CONFIRMED)))

    async def ids(**filters: Any) -> list[str]:
        response = await client.events.ListDefectEvents(service.ListDefectEventsRequest(**filters))
        return [event.event_id for event in response.defect_events]

    assert await ids(camera_id="cam-2") == [two.event_id]
    assert await ids(review_state=pb.Review.CONFIRMED) == [one.event_id]
    assert await ids(review_state=pb.Review.UNREVIEWED) == [two.event_id]
    at = convert.time_to_proto(two.capture_time)
    assert await ids(capture_time_from=at) == [two.event_id]
    assert await ids(capture_time_before=at) == [one.event_id]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (service.ListDefectEventsRequest(page_size=-1), "page_size"),
        (service.ListDefectEventsRequest(page_token="nonsense"), "page_token"),
        (service.ListDefectEventsRequest(camera_id="a/b"), "camera_id"),
        (service.ListDefectEventsRequest(review_state=17), "review_state"),
        (service.ListDefectEventsRequest(capture_time_from=Timestamp(seconds=10**15)), "capture_time_from"),
        (service.ListDefectEventsRequest(capture_time_before=Timestamp(nanos=-1)), "capture_time_before"),
    ],
)
async def test_a_bad_listing_names_its_field(client: Client, request_: Any, field: str) -> None:
    error = await failed(client.events.ListDefectEvents(request_), client)
    assert (error.code, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)


async def test_a_page_size_above_the_cap_becomes_the_cap(line: Line, client: Client) -> None:
    await line.defect(1)
    response = await client.events.ListDefectEvents(service.ListDefectEventsRequest(page_size=10**6))
    assert len(response.defect_events) == 1


async def test_the_picture_comes_as_it_was_published(line: Line, client: Client) -> None:
    event = await line.defect(1)
    got = await client.events.GetDefectEventPicture(service.GetDefectEventPictureRequest(event_id=event.event_id))
    assert (got.data, got.media_type) == (BAD, "image/png")


async def test_a_decision_is_recorded_with_its_time_and_makes_a_revision(line: Line, client: Client) -> None:
    event = await line.defect(1)
    review = pb.Review(state=pb.Review.CONFIRMED, defect_type="crack", reviewer="Ada", comment="deep")
    got = await client.events.ReviewDefectEvent(
        service.ReviewDefectEventRequest(event_id=event.event_id, review=review, etag=event.etag)
    )
    assert got.revision == event.revision + 1
    stored = (await line.events.get(event.event_id)).review
    assert (stored.state, stored.defect_type, stored.reviewer, stored.comment) == ("confirmed", "crack", "Ada", "deep")
    assert stored.review_time is not None


async def test_a_stale_etag_is_aborted(line: Line, client: Client) -> None:
    event = await line.defect(1)
    await line.events.revise(event.event_id, lambda e: replace(e, lot="other"))
    request = service.ReviewDefectEventRequest(
        event_id=event.event_id, review=pb.Review(state=pb.Review.REJECTED), etag=event.etag
    )
    error = await failed(client.events.ReviewDefectEvent(request), client)
    assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")


@pytest.mark.parametrize(
    ("review", "field"),
    [
        (None, "review"),
        (pb.Review(), "review.state"),
        (pb.Review(state=99), "review.state"),
        (pb.Review(state=pb.Review.CONFIRMED, defect_type="No Slug"), "review.defect_type"),
        (pb.Review(state=pb.Review.REJECTED, defect_type="crack"), "review.defect_type"),
        (pb.Review(state=pb.Review.CONFIRMED, reviewer="x" * 129), "review.reviewer"),
        (pb.Review(state=pb.Review.CONFIRMED, comment="é" * 1001), "review.comment"),
    ],
)
async def test_a_bad_decision_names_its_field(line: Line, client: Client, review: Any, field: str) -> None:
    event = await line.defect(1)
    request = service.ReviewDefectEventRequest(event_id=event.event_id, review=review)
    error = await failed(client.events.ReviewDefectEvent(request), client)
    assert (error.code, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)


async def test_a_question_is_answered_in_sentences_from_cached_tokens(line: Line, client: Client) -> None:
    event = await line.defect(1)
    looks = line.expert.looks
    request = service.ExplainDefectEventRequest(event_id=event.event_id, question="How many regions are there?")
    pieces = [piece async for piece in client.events.ExplainDefectEvent(request)]
    assert "".join(piece.text for piece in pieces) == "There is 1 region."
    assert [piece.HasField("explanation") for piece in pieces] == [False, True]
    assert pieces[-1].explanation.state == pb.Explanation.READY
    assert pieces[-1].tokens_cached
    assert line.expert.looks == looks


async def test_a_contradicted_answer_is_replaced_by_the_template(line: Line, client: Client) -> None:
    event = await line.defect(1)
    request = service.ExplainDefectEventRequest(event_id=event.event_id, question="How many regions? lie")
    last = [piece async for piece in client.events.ExplainDefectEvent(request)][-1].explanation
    assert (last.state, last.origin) == (pb.Explanation.UNGROUNDED, pb.Explanation.TEMPLATE)
    assert last.contradictions


async def test_a_question_that_is_too_long_names_its_field(line: Line, client: Client) -> None:
    event = await line.defect(1)
    request = service.ExplainDefectEventRequest(event_id=event.event_id, question="x" * 501)
    error = await failed(client.events.ExplainDefectEvent(request), client)
    assert error.field == "question"


async def test_an_explainer_that_is_away_is_unavailable_and_not_an_absent_daemon(line: Line, client: Client) -> None:
    event = await line.defect(1)
    line.explainer.away = True
    request = service.ExplainDefectEventRequest(event_id=event.event_id)
    error = await failed(client.events.ExplainDefectEvent(request), client)
    assert (error.code, error.away) == (grpc.StatusCode.UNAVAILABLE, False)
    assert "explainer is away" in str(error)


async def test_the_time_that_a_caller_gives_is_the_explainers_too(line: Line, client: Client) -> None:
    event = await line.defect(1)
    request = service.ExplainDefectEventRequest(event_id=event.event_id)
    async for _ in client.events.ExplainDefectEvent(request, timeout=60):
        continue
    left_s = line.explainer.asked[-1].left_s()
    assert left_s is not None
    assert 0 < left_s < 60
    async for _ in client.events.ExplainDefectEvent(request):
        continue
    assert line.explainer.asked[-1].deadline is None


async def test_an_answer_that_comes_too_late_is_a_deadline_exceeded(line: Line, client: Client) -> None:
    event = await line.defect(1)
    request = service.ExplainDefectEventRequest(event_id=event.event_id)
    line.explainer.thinks_s = 10.0
    error = await failed(client.events.ExplainDefectEvent(request, timeout=0.3), client)
    assert error.code is grpc.StatusCode.DEADLINE_EXCEEDED
    line.explainer.late = True  # and that is what the daemon says by itself
    error = await failed(client.events.ExplainDefectEvent(request), client)
    assert (error.code, error.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "TOO_LATE")


# --- watching ---


async def read(watch: Any, count: int) -> list[Any]:
    """The next `count` changes, without heartbeats."""
    found: list[Any] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            response = await anext(watch)
            if response.HasField("defect_event"):
                found.append(response)
    return found


async def test_a_watch_begins_now_and_gives_a_token_before_anything_happens(line: Line, client: Client) -> None:
    await line.defect(1)
    watch = client.watch()
    first = await anext(watch)
    assert not first.HasField("defect_event")
    assert sequence_of(first.resume_token) == 1
    event = await line.defect(2)
    (change,) = await read(watch, 1)
    assert change.defect_event.event_id == event.event_id
    await watch.aclose()


async def test_a_resumed_watch_misses_nothing_and_repeats_nothing(line: Line, client: Client) -> None:
    watch = client.watch()
    token = (await anext(watch)).resume_token
    await watch.aclose()
    events = [await line.defect(n) for n in range(30)]
    await line.events.revise(events[3].event_id, lambda e: replace(e, lot="x"))
    watch = client.watch(resume_token=token)
    changes = await read(watch, 10)
    await watch.aclose()
    watch = client.watch(resume_token=changes[-1].resume_token)
    changes += await read(watch, 21)
    await watch.aclose()
    assert [sequence_of(change.resume_token) for change in changes] == list(range(1, 32))
    assert [change.defect_event.event_id for change in changes[:30]] == [event.event_id for event in events]
    assert (changes[30].defect_event.event_id, changes[30].defect_event.revision) == (events[3].event_id, 2)


async def test_two_watchers_see_changes_in_one_order_while_they_are_written_side_by_side(
    line: Line, client: Client
) -> None:
    watches = [client.watch(), client.watch()]
    for watch in watches:
        await anext(watch)
    await asyncio.gather(*(line.defect(n, camera=f"cam-{n % 3}") for n in range(24)))
    seen = [[c.defect_event.event_id for c in await read(watch, 24)] for watch in watches]
    assert seen[0] == seen[1]
    assert len(set(seen[0])) == 24
    for watch in watches:
        await watch.aclose()


async def test_a_quiet_watch_sends_heartbeats_whose_token_moves_on_past_other_cameras(
    line: Line, client: Client
) -> None:
    watch = client.watch(camera_id="cam-9")
    await anext(watch)
    await line.defect(1)
    async with asyncio.timeout(5):
        beats = [await anext(watch) for _ in range(3)]
    assert not any(beat.HasField("defect_event") for beat in beats)
    assert sequence_of(beats[-1].resume_token) == 1
    await line.defect(2, camera="cam-9")
    (change,) = await read(watch, 1)
    assert change.defect_event.camera_id == "cam-9"
    await watch.aclose()


async def test_a_token_older_than_the_log_is_out_of_range(line: Line, client: Client) -> None:
    for number in range(10):
        await line.defect(number)
    await line.events.prune(3)
    request = service.WatchDefectEventsRequest(resume_token=resume_token(2))
    error = await failed(client.events.WatchDefectEvents(request), client)
    assert (error.code, error.reason) == (grpc.StatusCode.OUT_OF_RANGE, "EXPIRED")


async def test_a_token_of_another_log_is_out_of_range(client: Client) -> None:
    request = service.WatchDefectEventsRequest(resume_token=resume_token(12345))
    error = await failed(client.events.WatchDefectEvents(request), client)
    assert error.code is grpc.StatusCode.OUT_OF_RANGE


@pytest.mark.parametrize(
    "token",
    ["nonsense", "1", "ä", "AAAA", resume_token(5) + "x", base64.urlsafe_b64encode(b"watch/1/-5").decode(), "="],
)
async def test_nonsense_is_no_token(client: Client, token: str) -> None:
    with pytest.raises(Rejected):
        sequence_of(token)
    error = await failed(client.events.WatchDefectEvents(service.WatchDefectEventsRequest(resume_token=token)), client)
    assert (error.code, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, "resume_token")


def test_a_token_tells_its_sequence() -> None:
    for sequence in (0, 1, 17, 10**17):
        assert sequence_of(resume_token(sequence)) == sequence


async def test_the_client_goes_on_after_the_server_was_restarted(line: Line, client: Client) -> None:
    server = await line.api()
    lost: list[CallError] = []
    async with Client(address=server.address) as other:
        watch = other.watch(on_lost=lost.append)
        await anext(watch)
        await line.defect(1)
        await read(watch, 1)
        await server.stop()
        await line.defect(2)
        reading = asyncio.ensure_future(read(watch, 1))
        await asyncio.sleep(0.3)
        from inspectd.settings import ApiSettings

        await line.api(ApiSettings(port=int(server.address.rpartition(":")[2])))
        (change,) = await reading
        assert change.defect_event.frame_id == "cam-1/boot/2"
        assert lost
        await watch.aclose()


async def test_a_spotless_picture_raises_no_event(line: Line) -> None:
    assert await line.inspect(1, picture()) is None
