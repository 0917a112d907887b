"""The publisher against a sender that fails as the test says."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.inspectd.frames.pictures import folder_of
from tests.inspectd.frames.streams import until

from inspectd.errors import Misconfigured, Rejected, Unavailable
from inspectd.frames.direct import DirectFrameSource, open_direct_source
from inspectd.frames.publisher import Counts, FramePublisher
from inspectd.settings import FrameSettings


class Sender:
    """Keeps what it is sent; `fail` says what the n-th call raises, `gate` holds calls back."""

    def __init__(self, fail: dict[int, Exception] | None = None) -> None:
        self.sent: list[bytes] = []
        self.calls, self.most, self._now = 0, 0, 0
        self._fail = fail or {}
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> tuple[int, int]:
        number, self.calls = self.calls, self.calls + 1
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await self.gate.wait()
            if number in self._fail:
                raise self._fail[number]
            self.sent.append(dict(headers)["ce_id"])
            return 0, number
        finally:
            self._now -= 1


def publisher(source: DirectFrameSource, sender: Sender, **options: Any) -> FramePublisher:
    limits = FrameSettings(max_frame_bytes=5000)
    return FramePublisher(source=source, sender=sender, topic="t", limits=limits, **options)  # type: ignore[arg-type]


async def run(folder: Path, sender: Sender, **options: Any) -> Counts:
    source = open_direct_source(FrameSettings(source=f"folder:{folder}", max_in_flight=4))
    await source.open()
    try:
        return await asyncio.wait_for(publisher(source, sender, **options).run(), 20)
    finally:
        await source.close()


async def test_a_folder_is_published_in_order_and_counted(tmp_path: Path) -> None:
    sender = Sender()
    counts = await run(folder_of(tmp_path, 20), sender)
    assert (counts.published, counts.unacknowledged, counts.refused, counts.skip_next_time) == (20, 0, {}, 20)
    assert sender.sent == sorted(sender.sent)
    assert sender.most <= 4


async def test_what_the_daemon_would_refuse_is_not_sent_and_is_named(tmp_path: Path) -> None:
    folder_of(tmp_path, 3)
    (tmp_path / "part-1.jpg").write_bytes(b"hello")
    (tmp_path / "part-2.jpg").write_bytes(b"\xff\xd8\xff" + b"x" * 6000)
    told = list[str]()
    counts = await run(tmp_path, Sender(), on_trouble=told.append)
    assert counts.refused == {"unsupported_format": 1, "too_large": 1}
    assert (counts.published, counts.skip_next_time) == (1, 3)
    assert "part-1.jpg" in told[0]
    assert "5000" in told[1]


async def test_a_broker_that_is_away_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspectd.frames.publisher._PAUSES_S", (0.01,))
    told = list[str]()
    sender = Sender({number: Unavailable("away") for number in (2, 3, 5)})
    counts = await run(folder_of(tmp_path, 6), sender, on_trouble=told.append)
    assert counts.published == 6
    assert len(set(sender.sent)) == 6
    assert told == ["away"] * 3


async def test_a_record_that_the_broker_refuses_is_counted(tmp_path: Path) -> None:
    counts = await run(folder_of(tmp_path, 4), Sender({1: Rejected("too_large", "for the topic")}))
    assert (counts.published, counts.refused, counts.skip_next_time) == (3, {"too_large": 1}, 4)


async def test_a_broker_that_refuses_us_for_good_ends_it(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no right"):
        await run(folder_of(tmp_path, 30), Sender({2: Misconfigured("kafka.sasl_username", "no right", "Ask")}))


async def test_stopping_takes_nothing_more_and_waits_for_what_is_on_its_way(tmp_path: Path) -> None:
    source = open_direct_source(FrameSettings(source=f"folder:{folder_of(tmp_path, 20)}", max_in_flight=4))
    await source.open()
    sender = Sender()
    sender.gate.clear()
    publishing = publisher(source, sender)
    task = asyncio.create_task(publishing.run())
    await until(lambda: sender.calls == 4)
    publishing.stop()
    await asyncio.sleep(0.1)
    assert not task.done()
    sender.gate.set()
    counts = await asyncio.wait_for(task, 5)
    assert (counts.published, counts.unacknowledged, counts.skip_next_time) == (4, 0, 4)
    await source.close()


async def test_stopping_while_the_broker_is_away_says_what_may_be_missing(tmp_path: Path) -> None:
    source = open_direct_source(FrameSettings(source=f"folder:{folder_of(tmp_path, 20)}", max_in_flight=4))
    await source.open()
    publishing = publisher(source, Sender({number: Unavailable("away") for number in range(1, 99)}))
    task = asyncio.create_task(publishing.run())
    await asyncio.sleep(0.3)
    publishing.stop()
    counts = await asyncio.wait_for(task, 5)
    assert (counts.published, counts.unacknowledged, counts.skip_next_time) == (1, 4, 1)
    await source.close()
