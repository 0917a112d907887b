"""The dashboard over HTTP, with a real server and the real stores."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from tests.line import BAD, GOOD, Line, picture

from inspectd.dashboard import endpoints
from inspectd.errors import Misconfigured
from inspectd.records import ReviewState
from inspectd.settings import DashboardSettings


class Stream:
    """Server-sent events, parsed."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self, kind: str) -> tuple[str, Any]:
        """The id and the data of the next message of a kind."""
        async with asyncio.timeout(10):
            while True:
                message: dict[str, str] = {}
                async for line in self._lines:
                    if not line:
                        break
                    name, _, value = line.partition(": ")
                    message[name] = value
                if message.get("event") == kind:
                    return message.get("id", ""), json.loads(message["data"])


async def review(http: httpx.AsyncClient, event_id: str, **body: Any) -> httpx.Response:
    return await http.post(f"/api/events/{event_id}/review", json=body)


async def test_the_page_is_served_for_the_list_and_for_an_event(line: Line, http: httpx.AsyncClient) -> None:
    for path in ("/", "/events/some-id"):
        response = await http.get(path)
        assert response.status_code == 200
        assert "text/html" in response.headers["content-type"]
        assert "/static/main.js" in response.text


async def test_everything_comes_from_here_and_is_protected_by_a_content_policy(http: httpx.AsyncClient) -> None:
    response = await http.get("/")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "http://" not in response.text.replace("http://www.w3.org", "")
    assert "<script>" not in response.text
    assert " style=" not in response.text


async def test_events_are_listed_with_outlines_and_a_token_to_go_on_from(line: Line, http: httpx.AsyncClient) -> None:
    event = await line.defect(1)
    await line.defect(2, camera="cam-2")
    body = (await http.get("/api/events", params={"camera": "cam-1"})).json()
    (shown,) = body["events"]
    assert shown["id"] == event.event_id
    assert shown["type"] == "scratch"
    assert shown["explanation"]["state"] == "pending"
    assert shown["regions"][0]["path"].startswith("M40.5 30.5L")
    assert shown["regions"][0]["cell"] == "top_left"
    assert body["resume"]


async def test_pages_of_events_follow_each_other(line: Line, http: httpx.AsyncClient) -> None:
    ids = [(await line.defect(n)).event_id for n in range(5)][::-1]
    first = (await http.get("/api/events", params={"size": 3})).json()
    second = (await http.get("/api/events", params={"size": 3, "page": first["next"]})).json()
    assert [event["id"] for event in first["events"] + second["events"]] == ids
    assert second["next"] == ""


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("size=-1", "size"),
        ("size=x", "size"),
        ("state=seen", "state"),
        ("camera=a/b", "camera"),
        ("page=?", "page_token"),
    ],
)
async def test_a_bad_query_names_its_field(http: httpx.AsyncClient, query: str, field: str) -> None:
    response = await http.get(f"/api/events?{query}")
    assert response.status_code == 400
    assert response.json()["error"]["field"] == field


async def test_an_unknown_event_is_404(http: httpx.AsyncClient) -> None:
    for path in ("", "/picture", "/small"):
        assert (await http.get(f"/api/events/none{path}")).status_code == 404


async def test_pictures_come_whole_and_small(line: Line, http: httpx.AsyncClient) -> None:
    event = await line.defect(1, picture((100, 100, 400, 60, 255), width=1600, height=1200))
    whole = await http.get(f"/api/events/{event.event_id}/picture")
    assert whole.headers["content-type"] == "image/png"
    small = await http.get(f"/api/events/{event.event_id}/small")
    decoded = cv2.imdecode(np.frombuffer(small.content, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (480, 640, 3)
    assert "immutable" in small.headers["cache-control"]
    assert len(small.content) < len(whole.content) or len(small.content) < 20_000


async def test_a_decision_is_recorded(line: Line, http: httpx.AsyncClient) -> None:
    event = await line.defect(1)
    body = {"state": "confirmed", "type": "crack", "reviewer": "Ada", "comment": "deep", "seen": "unreviewed"}
    shown = (await review(http, event.event_id, **body)).json()
    assert (shown["review"]["state"], shown["type"], shown["expert_type"]) == ("confirmed", "crack", "scratch")
    stored = (await line.events.get(event.event_id)).review
    assert (stored.state, stored.defect_type, stored.reviewer) == (ReviewState.CONFIRMED, "crack", "Ada")


async def test_words_that_arrive_meanwhile_do_not_refuse_a_decision(line: Line, http: httpx.AsyncClient) -> None:
    event = await line.defect(1)
    await line.events.revise(event.event_id, lambda e: replace(e, explanation=replace(e.explanation, text="words")))
    assert (await review(http, event.event_id, state="rejected", seen="unreviewed")).status_code == 200


async def test_a_decision_on_what_somebody_else_has_decided_is_refused(line: Line, http: httpx.AsyncClient) -> None:
    event = await line.defect(1)
    await review(http, event.event_id, state="rejected", reviewer="Ada", seen="unreviewed")
    response = await review(http, event.event_id, state="confirmed", reviewer="Bob", seen="unreviewed")
    assert response.status_code == 409
    assert "rejected by Ada" in response.json()["error"]["message"]
    assert (await line.events.get(event.event_id)).review.reviewer == "Ada"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"state": "seen"},
        {"state": 3},
        {"state": "confirmed", "type": "<b>"},
        {"state": "rejected", "type": "crack"},
        {"state": "confirmed", "comment": "x" * 2001},
    ],
)
async def test_a_bad_decision_is_400(line: Line, http: httpx.AsyncClient, body: dict[str, Any]) -> None:
    event = await line.defect(1)
    response = await http.post(f"/api/events/{event.event_id}/review", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["field"]


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'"text"', b"\xff"])
async def test_a_body_that_is_no_object_is_400(http: httpx.AsyncClient, content: bytes) -> None:
    headers = {"content-type": "application/json"}
    assert (await http.post("/api/events/e/review", content=content, headers=headers)).status_code == 400


async def test_a_question_is_answered_line_by_line(line: Line, http: httpx.AsyncClient) -> None:
    event = await line.defect(1)
    response = await http.post(f"/api/events/{event.event_id}/ask", json={"question": "How many regions are there?"})
    lines = [json.loads(text) for text in response.text.splitlines()]
    assert "".join(piece.get("text", "") for piece in lines) == "There is 1 region."
    assert lines[-1]["explanation"]["state"] == "ready"
    assert lines[-1]["tokens_cached"] is True


async def test_an_answer_that_fails_says_so_in_its_last_line(line: Line, http: httpx.AsyncClient) -> None:
    event = await line.defect(1)
    line.explainer.away = True
    response = await http.post(f"/api/events/{event.event_id}/ask", json={"question": "Where is it?"})
    assert json.loads(response.text.splitlines()[-1]) == {"error": "the explainer is away"}


async def test_who_asks_at_the_page_does_not_wait_for_ever(
    line: Line, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await line.defect(1)
    monkeypatch.setattr(endpoints, "_PATIENCE_S", 0.0)
    response = await http.post(f"/api/events/{event.event_id}/ask", json={"question": "Where is it?"})
    assert "past its deadline" in json.loads(response.text.splitlines()[-1])["error"]


async def test_changes_are_told_live_and_resumed_without_a_gap(line: Line, http: httpx.AsyncClient) -> None:
    async with http.stream("GET", "/api/live") as response:
        stream = Stream(response)
        await stream.next("overview")
        first = await line.defect(1)
        token, shown = await stream.next("change")
        assert shown["id"] == first.event_id
    second = await line.defect(2)
    async with http.stream("GET", "/api/live", headers={"last-event-id": token}) as response:
        _, shown = await Stream(response).next("change")
        assert shown["id"] == second.event_id


async def test_a_token_that_cannot_be_resumed_is_answered_with_a_reset(line: Line, http: httpx.AsyncClient) -> None:
    for number in range(6):
        await line.defect(number)
    token = (await http.get("/api/events")).json()["resume"]
    await line.events.prune(1)
    old = "d2F0Y2gvMS8x"  # watch/1/1
    for after in (old, "nonsense"):
        async with http.stream("GET", "/api/live", params={"after": after}) as response:
            await Stream(response).next("reset")
    async with http.stream("GET", "/api/live", params={"after": token}) as response:
        await Stream(response).next("overview")


async def test_the_overview_counts_cameras_and_reviews(line: Line, http: httpx.AsyncClient) -> None:
    event = await line.defect(1)
    await line.defect(2, camera="cam-2")
    await line.inspect(3, GOOD)
    await review(http, event.event_id, state="confirmed")
    body = (await http.get("/api/overview")).json()
    assert {c["id"]: (c["inspected"], c["defects"]) for c in body["cameras"]} == {"cam-1": (2, 1), "cam-2": (1, 1)}
    assert body["reviews"] == {"unreviewed": 1, "acknowledged": 0, "confirmed": 1, "rejected": 0}
    one = (await http.get("/api/overview", params={"camera": "cam-2"})).json()
    assert one["reviews"]["unreviewed"] == 1
    assert one["reviews"]["confirmed"] == 0


async def test_readiness_is_not_liveness_and_names_what_fails(line: Line, http: httpx.AsyncClient) -> None:
    assert (await http.get("/health/ready")).json() == {
        "ready": True, "failing": [], "parts": {"frames": True, "tokens": True, "region_expert": True}
    }  # fmt: skip
    line.readiness.parts["region_expert"] = False
    ready = await http.get("/health/ready")
    assert (ready.status_code, ready.json()["failing"]) == (503, ["region_expert"])
    assert (await http.get("/health/live")).status_code == 200
    line.readiness.alive = False
    assert (await http.get("/health/live")).status_code == 503


async def test_metrics_are_prometheus_text(line: Line, http: httpx.AsyncClient) -> None:
    line.metrics.events.inc()
    response = await http.get("/metrics")
    assert "inspectd_events_raised_total 1.0" in response.text
    assert response.headers["content-type"].startswith("text/plain")


async def test_the_dashboard_stays_readable_while_the_model_is_away(line: Line, http: httpx.AsyncClient) -> None:
    await line.ledger.record((await line.inspector.inspect(_frame(), record=False)).inspection)
    line.directory._cards._cards.clear()  # type: ignore[attr-defined]  # nothing is known of the model
    line.expert.away = True
    body = (await http.get("/api/overview")).json()
    assert body["cameras"][0]["threshold"] is None


def _frame() -> Any:
    from datetime import UTC, datetime

    from inspectd.records import Frame

    return Frame("cam-1/b/1", "cam-1", BAD, "image/png", Frame.digest(BAD), datetime.now(UTC))


async def test_a_port_that_is_taken_names_the_setting(line: Line) -> None:
    server = await line.dashboard()
    with pytest.raises(Misconfigured, match=r"dashboard\.port"):
        await line.dashboard(DashboardSettings(port=int(server.address.rpartition(":")[2])))


async def test_a_stop_ends_open_streams_at_once(line: Line) -> None:
    server = await line.dashboard()

    async def listen() -> AsyncIterator[str]:
        async with (
            httpx.AsyncClient(trust_env=False) as client,
            client.stream("GET", server.address + "/api/live") as r,
        ):
            async for text in r.aiter_lines():
                yield text

    stream = listen()
    await anext(stream)
    async with asyncio.timeout(4):
        await server.stop()
    await stream.aclose()  # type: ignore[attr-defined]
