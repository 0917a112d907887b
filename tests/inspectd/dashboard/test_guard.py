"""Who may see the dashboard and send to it."""

from pathlib import Path

import httpx
import pytest
from tests.line import Line

from inspectd.dashboard.guard import COOKIE, SESSION_S, Sessions
from inspectd.errors import Misconfigured
from inspectd.settings import DashboardSettings

TOKEN = "s3cret-token"


async def guarded(line: Line) -> httpx.AsyncClient:
    server = await line.dashboard(DashboardSettings(port=0, token=TOKEN))
    client = httpx.AsyncClient(base_url=server.address, trust_env=False)
    line.exits.push_async_callback(client.aclose)
    return client


async def test_without_the_token_nothing_is_told(line: Line) -> None:
    client = await guarded(line)
    for path in ("/api/events", "/api/overview", "/api/live", "/metrics", "/api/events/x/picture"):
        response = await client.get(path)
        assert response.status_code == 401, path
        assert "inspectd_" not in response.text
    page = await client.get("/events/abc")
    assert (page.status_code, page.headers["location"]) == (303, "/login?next=/events/abc")
    assert (await client.get("/health/ready")).status_code == 200


async def test_a_bearer_token_opens_everything(line: Line) -> None:
    client = await guarded(line)
    client.headers["authorization"] = f"Bearer {TOKEN}"
    for path in ("/", "/api/events", "/metrics"):
        assert (await client.get(path)).status_code == 200
    event = await line.defect(1)
    response = await client.post(f"/api/events/{event.event_id}/review", json={"state": "acknowledged"})
    assert response.status_code == 200


@pytest.mark.parametrize("bearer", ["Bearer wrong", "Bearer", "Basic abc", "Bearer " + TOKEN + "x"])
async def test_a_wrong_bearer_token_opens_nothing(line: Line, bearer: str) -> None:
    client = await guarded(line)
    assert (await client.get("/api/events", headers={"authorization": bearer})).status_code == 401


async def test_the_login_sets_a_cookie_that_does_not_hold_the_token(line: Line) -> None:
    client = await guarded(line)
    response = await client.post("/login", data={"token": TOKEN, "next": "/events/e"})
    assert (response.status_code, response.headers["location"]) == (303, "/events/e")
    cookie = response.headers["set-cookie"]
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert (await client.get("/api/events")).status_code == 200
    await client.post("/logout")
    assert (await client.get("/api/events")).status_code == 401


async def test_a_wrong_token_is_told_and_sets_nothing(line: Line) -> None:
    client = await guarded(line)
    response = await client.post("/login", data={"token": "guess"})
    assert response.status_code == 401
    assert "not the token" in response.text
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_a_login_leads_nowhere_else(line: Line, target: str) -> None:
    client = await guarded(line)
    response = await client.post("/login", data={"token": TOKEN, "next": target})
    assert response.headers["location"] == "/"


async def test_a_next_address_is_escaped_in_the_form(line: Line) -> None:
    client = await guarded(line)
    response = await client.get("/login", params={"next": '/"><script>alert(1)</script>'})
    assert "<script>" not in response.text


async def test_another_sites_page_cannot_post(line: Line, http: httpx.AsyncClient) -> None:
    event = await line.defect(1)
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        response = await http.post(f"/api/events/{event.event_id}/review", json={"state": "rejected"}, headers=headers)
        assert response.status_code == 403
    own = {"origin": str(http.base_url).rstrip("/"), "sec-fetch-site": "same-origin"}
    response = await http.post(f"/api/events/{event.event_id}/review", json={"state": "rejected"}, headers=own)
    assert response.status_code == 200


async def test_a_form_of_another_site_cannot_carry_a_decision(http: httpx.AsyncClient) -> None:
    response = await http.post(
        "/api/events/e/review", content=b'{"state":"rejected"}', headers={"content-type": "text/plain"}
    )
    assert response.status_code == 400


async def test_without_a_token_only_this_machines_names_are_answered(http: httpx.AsyncClient) -> None:
    assert (await http.get("/", headers={"host": "evil.example"})).status_code == 403
    assert (await http.get("/", headers={"host": "localhost:99"})).status_code == 200
    assert (await http.get("/health/live", headers={"host": "evil.example"})).status_code == 200


async def test_a_host_that_others_can_reach_needs_a_token(line: Line) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.7", ""):
        with pytest.raises(Misconfigured, match=r"dashboard\.token.*INSPECTD_DASHBOARD__TOKEN"):
            await line.dashboard(DashboardSettings(host=host, port=0))


async def test_a_host_that_others_can_reach_needs_tls_or_a_proxy_that_speaks_it(line: Line) -> None:
    settings = DashboardSettings(host="0.0.0.0", port=0, token=TOKEN)
    with pytest.raises(Misconfigured, match=r"dashboard\.tls_certificate.*INSPECTD_DASHBOARD__TLS_CERTIFICATE"):
        await line.dashboard(settings)
    server = await line.dashboard(settings.model_copy(update={"tls_before": True}))
    async with httpx.AsyncClient(trust_env=False) as client:
        port = httpx.URL(server.address).port
        assert (await client.get(f"http://127.0.0.1:{port}/health/live")).status_code == 200


async def test_a_certificate_needs_its_key(line: Line, tmp_path: Path) -> None:
    file = tmp_path / "cert.pem"
    with pytest.raises(Misconfigured, match=r"dashboard\.tls_certificate"):
        await line.dashboard(DashboardSettings(port=0, tls_key=file))
    file.write_text("x")
    with pytest.raises(Misconfigured, match=r"dashboard\.tls_key"):
        await line.dashboard(DashboardSettings(port=0, tls_certificate=file))


def test_a_session_ends_and_cannot_be_forged() -> None:
    now = 1000.0
    sessions = Sessions(token=TOKEN, clock=lambda: now)
    value = sessions.issue()
    assert sessions.holds(value)
    end, _, signature = value.partition(".")
    for forged in ("", "x", ".", f"{int(end) + 1}.{signature}", f"{end}.{signature[:-1]}0x", f"{end}."):
        assert not sessions.holds(forged)
    assert not Sessions(token="other", clock=lambda: now).holds(value)
    now += SESSION_S
    assert not sessions.holds(value)


async def test_a_forged_cookie_opens_nothing(line: Line) -> None:
    client = await guarded(line)
    client.cookies.set(COOKIE, "99999999999.abc")
    assert (await client.get("/api/events")).status_code == 401
