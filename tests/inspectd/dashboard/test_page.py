"""The page in a real browser."""

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest
from tests.line import GOOD, GREY, Line, picture

from inspectd.records import DefectEvent, Explanation, ExplanationState, Neighbour, Origin, Review, ReviewState
from inspectd.settings import DashboardSettings

pytestmark = pytest.mark.service("chromium")

TWO = picture((40, 30, 60, 12, 250), (200, 150, 30, 30, 230))


async def open_page(line: Line, chromium: Any, path: str = "/") -> Any:
    server = await line.dashboard()
    page = await chromium.new_page(viewport={"width": 1500, "height": 950})
    page.set_default_timeout(10_000)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
    await page.goto(server.address + path)
    return page


async def test_events_appear_change_and_are_counted_without_a_reload(line: Line, chromium: Any) -> None:
    from playwright.async_api import expect

    page = await open_page(line, chromium)
    await expect(page.locator("#empty h2")).to_have_text("No defect has been found yet")
    event = await line.defect(1, TWO)
    card = page.locator(f'.card[data-id="{event.event_id}"]')
    await expect(card.locator("h2")).to_contain_text("Scratch")
    await expect(card.locator(".badge")).to_have_text("Words pending")
    await expect(card.locator(".score strong")).to_have_text("0.96")
    await expect(card.locator("svg .region")).to_have_count(2)
    words = Explanation(ExplanationState.READY, "A scratch at the top left.", Origin.MODEL_VERIFIED, 1, "m")
    await line.events.revise(event.event_id, lambda e: replace(e, explanation=words))
    await expect(card.locator(".words p")).to_have_text("A scratch at the top left.")
    await expect(card.locator(".badge")).to_have_text("Verified")
    await line.events.revise(
        event.event_id, lambda e: replace(e, review=replace(e.review, state=ReviewState.CONFIRMED))
    )
    await expect(card.locator(".review")).to_have_text("Confirmed")
    await expect(page.locator("#states .confirmed b")).to_have_text("1")
    await expect(page.locator(".camera-chip").nth(1)).to_contain_text("cam-1")
    # The card's picture is there in fact.
    assert (
        await page.evaluate(
            "fetch(document.querySelector('.card image').getAttribute('href')).then((r) => r.headers.get('content-type'))"
        )
        == "image/jpeg"
    )
    assert page.problems == []


async def test_a_camera_whose_scores_drift_is_marked(line: Line, chromium: Any) -> None:
    from playwright.async_api import expect

    shades = [picture((10, 10, 20, 20, GREY + 1 + shade)) for shade in range(30)]
    await line.calibrator.calibrate("cam-1", shades, 0.1, 3600, lambda done, total: None)
    for number in range(40):
        await line.inspect(number, GOOD)
    page = await open_page(line, chromium)
    warning = page.locator(".camera-chip").nth(1).locator(".drift")
    await expect(page.locator(".camera-chip").nth(1)).to_contain_text("cam-1")
    await expect(warning).to_be_hidden()
    await line.watch.measure_all()
    await expect(warning).to_have_text("scores drift: recalibrate")
    await expect(warning).to_be_visible()
    assert page.problems == []


async def test_an_event_is_opened_asked_and_decided_by_keyboard(line: Line, chromium: Any) -> None:
    from playwright.async_api import expect

    older, newer = await line.defect(1, TWO), await line.defect(2)
    page = await open_page(line, chromium)
    await expect(page.locator(".card")).to_have_count(2)
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(newer.event_id))
    await page.keyboard.press("j")
    await expect(page).to_have_url(re.compile(older.event_id))
    await expect(page.locator("#detail-title")).to_have_text("Scratch")
    await expect(page.locator("#regions li")).to_have_count(2)
    await page.keyboard.press("q")
    await page.keyboard.type("How many regions are there?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".answer")).to_have_text("There are 2 regions.")
    await expect(page.locator(".exchange .badge")).to_have_text("Verified")
    await page.keyboard.press("Escape")
    await page.keyboard.press("2")
    await expect(page.locator('[data-zoom="2"]')).to_have_attribute("aria-pressed", "true")
    await page.keyboard.press("m")
    await expect(page.locator("#picture .outlines")).to_be_hidden()
    await page.fill("#reviewer", "Ada")
    await page.select_option("#type", "crack")
    await page.locator("#detail-title").click()
    await page.keyboard.press("c")
    await expect(page.locator("#decision")).to_contain_text("Confirmed by Ada")
    await expect(page.locator("#detail-title")).to_contain_text("Crack")
    stored = (await line.events.get(older.event_id)).review
    assert (stored.state, stored.defect_type, stored.reviewer) == (ReviewState.CONFIRMED, "crack", "Ada")
    await page.keyboard.press("u")
    await expect(page.locator("#decision")).to_have_text("To review")
    await page.keyboard.press("r")
    await expect(page.locator("#decision")).to_contain_text("False alarm")
    await page.keyboard.press("n")
    await expect(page).to_have_url(re.compile(newer.event_id))
    await page.keyboard.press("a")
    await expect(page.locator("#decision")).to_contain_text("Acknowledged")
    await page.keyboard.press("Escape")
    await expect(page.locator(".card")).to_have_count(2)
    assert page.problems == []


async def test_a_page_that_stays_open_does_not_grow(line: Line, chromium: Any) -> None:
    from playwright.async_api import expect

    async def smaller(route: Any) -> None:
        """The page's program with room for two cards, and with what it knows laid open."""
        text = await (await route.fetch()).text()
        for old, new in (
            ("MOST_CARDS = 240", "MOST_CARDS = 2"),
            ("events = new Map", "events = window.known = new Map"),
        ):
            assert old in text
            text = text.replace(old, new)
        await route.fulfill(body=text, content_type="text/javascript")

    server = await line.dashboard()
    page = await chromium.new_page()
    await page.route("**/main.js*", smaller)
    await page.goto(server.address)
    await expect(page.locator("#link")).to_have_text("live")
    for number in range(9):
        last = await line.defect(number)
    await expect(page.locator(".card").first).to_have_attribute("data-id", last.event_id)
    await expect(page.locator(".card")).to_have_count(2)
    assert await page.evaluate("known.size") <= 4


class Held:
    """An answer of the daemon that does not come until it is let go."""

    def __init__(self) -> None:
        self.asked, self._go = asyncio.Event(), asyncio.Event()

    async def __call__(self, route: Any) -> None:
        self.asked.set()
        await self._go.wait()
        await route.continue_()

    def let_go(self) -> None:
        self._go.set()


async def seen_and_unseen(line: Line) -> tuple[DefectEvent, DefectEvent]:
    """Two events, of which the first was acknowledged, cites the other one, and is alone in a list of acknowledged ones."""
    unseen, seen = await line.defect(1, camera="cam-2"), await line.defect(2)
    words = Explanation(
        ExplanationState.READY, "A scratch.", Origin.MODEL_VERIFIED, 1, "m",
        neighbours=(Neighbour(1, unseen.event_id, 1, "scratch", 0.95),),
    )  # fmt: skip
    acknowledged = Review(ReviewState.ACKNOWLEDGED)
    await line.events.revise(seen.event_id, lambda e: replace(e, explanation=words, review=acknowledged))
    return await line.events.get(seen.event_id), unseen


async def test_after_next_a_decision_falls_on_the_next_event_or_on_none(line: Line, chromium: Any) -> None:
    from playwright.async_api import expect

    seen, unseen = await seen_and_unseen(line)
    page = await open_page(line, chromium, "/?state=acknowledged")
    listing, opening = Held(), Held()
    await page.route(re.compile("/api/events[?].*state=unreviewed"), listing)
    await page.route(f"**/api/events/{unseen.event_id}", opening)
    await page.locator(".card").click()
    await expect(page.locator("#detail-kicker .camera")).to_have_text("cam-1")
    await page.keyboard.press("n")
    await listing.asked.wait()
    await page.keyboard.press("r")
    await expect(page.locator("#toast")).to_contain_text("the next event is not here yet")
    listing.let_go()
    await opening.asked.wait()
    await expect(page).to_have_url(re.compile(unseen.event_id))
    await expect(page.locator("#detail-kicker .camera")).to_have_text("cam-2")
    await page.keyboard.press("c")
    await expect(page.locator("#decision")).to_contain_text("Confirmed")
    opening.let_go()
    assert (await line.events.get(unseen.event_id)).review.state is ReviewState.CONFIRMED
    assert (await line.events.get(seen.event_id)).revision == seen.revision
    assert page.problems == []


async def test_while_an_event_is_fetched_the_one_before_is_neither_shown_nor_decided(line: Line, chromium: Any) -> None:
    from playwright.async_api import expect

    seen, unseen = await seen_and_unseen(line)
    page = await open_page(line, chromium, "/?state=acknowledged")
    opening = Held()
    await page.route(f"**/api/events/{unseen.event_id}", opening)
    await page.locator(".card").click()
    await page.locator(".neighbours summary").click()
    await page.locator(".neighbours a").click()
    await opening.asked.wait()
    await expect(page.locator("#detail-title")).to_be_hidden()
    await page.keyboard.press("r")
    opening.let_go()
    await expect(page.locator("#detail-kicker .camera")).to_have_text("cam-2")
    await expect(page.locator("#decision")).to_have_text("To review")
    for event in (seen, unseen):
        assert (await line.events.get(event.event_id)).revision == event.revision
    assert page.problems == []


async def test_an_event_that_cannot_be_fetched_leads_back_to_the_list(line: Line, chromium: Any) -> None:
    from playwright.async_api import expect

    seen, unseen = await seen_and_unseen(line)
    page = await open_page(line, chromium, "/?state=acknowledged")
    await page.route(f"**/api/events/{unseen.event_id}", lambda route: route.abort())
    await page.locator(".card").click()
    await page.locator(".neighbours summary").click()
    await page.locator(".neighbours a").click()
    await expect(page.locator("#toast")).to_contain_text("The daemon cannot be reached.")
    await expect(page.locator(f'.card[data-id="{seen.event_id}"]')).to_be_visible()
    await expect(page).to_have_url(re.compile(r"/\?state=acknowledged$"))


async def test_an_event_opens_by_its_address_and_the_list_filters(line: Line, chromium: Any) -> None:
    from playwright.async_api import expect

    one, two = await line.defect(1), await line.defect(2, camera="cam-2")
    await line.events.revise(one.event_id, lambda e: replace(e, review=replace(e.review, state=ReviewState.REJECTED)))
    page = await open_page(line, chromium, f"/events/{two.event_id}")
    await expect(page.locator("#detail-kicker .camera")).to_have_text("cam-2")
    await page.keyboard.press("Escape")
    await expect(page.locator(".card")).to_have_count(2)
    await page.locator("#states .rejected").click()
    await expect(page.locator(".card")).to_have_count(1)
    await expect(page.locator(f'.card[data-id="{one.event_id}"]')).to_be_visible()
    await page.locator("#states button").first.click()
    await page.locator(".camera-chip", has_text="cam-2").click()
    await expect(page.locator(".card")).to_have_count(1)
    await line.defect(3)  # another camera's: it stays away
    three = await line.defect(4, camera="cam-2")
    await expect(page.locator(".card")).to_have_count(2)
    await expect(page.locator(".card").first).to_have_attribute("data-id", three.event_id)
    assert page.problems == []


async def test_what_an_event_says_is_never_html(line: Line, chromium: Any) -> None:
    from playwright.async_api import expect

    evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    event = await line.defect(1)
    words = Explanation(ExplanationState.UNGROUNDED, evil, Origin.TEMPLATE, 2, "m", "", (evil,))
    await line.events.revise(
        event.event_id,
        lambda e: replace(e, explanation=words, lot=evil, part_id=evil, attributes={evil: evil},
                          review=replace(e.review, comment=evil, reviewer=evil)),
    )  # fmt: skip
    page = await open_page(line, chromium)
    await expect(page.locator(".card .words p")).to_have_text(evil)
    await page.locator(".card").click()
    await expect(page.locator("#words p")).to_have_text(evil)
    await expect(page.locator("#facts")).to_contain_text(evil)
    assert await page.locator("main img[src=x], main script").count() == 0
    assert await page.title() not in ("1", "2")
    assert page.problems == []


async def test_a_lost_connection_is_shown_and_mended_without_a_gap(line: Line, chromium: Any) -> None:
    from playwright.async_api import expect

    server = await line.dashboard()
    page = await chromium.new_page()
    await line.defect(1)
    await page.goto(server.address)
    await expect(page.locator(".card")).to_have_count(1)
    await expect(page.locator("#link")).to_have_text("live")
    await server.stop()
    await expect(page.locator("#lost")).to_be_visible(timeout=10_000)
    await line.defect(2)
    again = await line.dashboard(DashboardSettings(port=int(server.address.rpartition(":")[2])))
    await expect(page.locator(".card")).to_have_count(2, timeout=15_000)
    await expect(page.locator("#lost")).to_be_hidden()
    await again.stop()


async def test_parts_that_do_not_work_are_named(line: Line, chromium: Any) -> None:
    from playwright.async_api import expect

    page = await open_page(line, chromium)
    await expect(page.locator("#health")).to_have_text("ready")
    line.readiness.parts["tokens"] = False
    await expect(page.locator("#health")).to_have_text("not ready: tokens")


async def test_people_log_in_with_the_token(line: Line, chromium: Any) -> None:
    from playwright.async_api import expect

    server = await line.dashboard(DashboardSettings(port=0, token="open sesame"))
    event = await line.defect(1)
    page = await chromium.new_page()
    await page.goto(f"{server.address}/events/{event.event_id}")
    await page.fill("#token", "guess")
    await page.keyboard.press("Enter")
    await expect(page.locator("[role=alert]")).to_have_text("That is not the token.")
    await page.fill("#token", "open sesame")
    await page.keyboard.press("Enter")
    await expect(page.locator("#detail-title")).to_have_text("Scratch")
    await page.locator("#detail-title").click()
    await page.keyboard.press("a")
    await expect(page.locator("#decision")).to_contain_text("Acknowledged")
    await page.get_by_role("button", name="Log out").click()
    await expect(page.locator("#token")).to_be_visible()
