"""The webhook against a small HTTP server, and the addresses that it refuses before anything is sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.conformance.samples import event

from inspectd.alerts.webhook import WebhookNotifier
from inspectd.errors import InspectdError, Misconfigured, Rejected, Unavailable


@asynccontextmanager
async def answering(status: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    """The address of a server that gives every request the same answer, and what it was asked."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


async def test_an_event_is_posted_with_an_id_that_tells_repetitions() -> None:
    async with answering("204 Taken") as (address, asked):
        notifier = WebhookNotifier(url=f"http://{address}/hook")
        await notifier.notify(event(1))
        await notifier.close()
    assert asked[0].startswith(b"POST /hook HTTP/1.1\r\n")
    assert f"ce-id: {event(1).etag}".encode() in asked[0]


@pytest.mark.parametrize(
    ("status", "kind"),
    [("503 Away", Unavailable), ("429 Later", Unavailable), ("404 None", Rejected), ("301 Elsewhere", Rejected)],
)
async def test_later_and_never_are_told_apart_without_the_address_s_secrets(
    status: str, kind: type[InspectdError]
) -> None:
    async with answering(status) as (address, _):
        notifier = WebhookNotifier(url=f"http://user:password@{address}/hook/key")
        with pytest.raises(kind, match=f"alerts.webhook_url at {address} answered {status[:3]}") as caught:
            await notifier.notify(event(1))
        await notifier.close()
    assert not any(secret in str(caught.value) for secret in ("user", "password", "key"))


async def test_a_server_that_is_away_means_later() -> None:
    notifier = WebhookNotifier(url="http://127.0.0.1:9/hook")
    with pytest.raises(Unavailable, match=r"alerts\.webhook_url at 127\.0\.0\.1:9: ConnectError"):
        await notifier.notify(event(1))
    await notifier.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://alerts.local:80a/hook",
        "http://127.0.0.1:99999/hook",
        "http://[zz]/hook",
        "http://xn--a/hook",
        "http:///hook",
        "alerts.local/hook",
        "ftp://alerts.local/hook",
        "http://alerts.local/hook\n",
    ],
)
def test_an_address_to_which_nothing_can_be_sent_ends_the_start(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"alerts\.webhook_url.*INSPECTD_ALERTS__WEBHOOK_URL"):
        WebhookNotifier(url=url)
