import asyncio

import pytest
from tests.conformance.samples import inspection

from inspectd.errors import Unavailable
from inspectd.inspections.fanout import FanoutSink
from inspectd.records import Inspection


class Sink:
    def __init__(self, *, away: bool = False, delay_s: float = 0.0) -> None:
        self.recorded: list[Inspection] = []
        self.closed = False
        self.away, self.delay_s = away, delay_s

    async def record(self, inspection: Inspection) -> None:
        await asyncio.sleep(self.delay_s)
        if self.away:
            raise Unavailable("away")
        self.recorded.append(inspection)

    async def close(self) -> None:
        self.closed = True
        if self.away:
            raise Unavailable("away")


async def test_every_sink_has_the_verdict_when_record_returns() -> None:
    sinks = [Sink(), Sink(delay_s=0.02)]
    await FanoutSink(sinks=sinks).record(inspection(1))
    assert [sink.recorded for sink in sinks] == [[inspection(1)], [inspection(1)]]


async def test_a_sink_that_is_away_is_reported_after_the_others_are_done() -> None:
    sinks = [Sink(away=True), Sink(delay_s=0.02)]
    with pytest.raises(Unavailable):
        await FanoutSink(sinks=sinks).record(inspection(1))
    assert sinks[1].recorded == [inspection(1)]


async def test_closing_closes_all_of_them() -> None:
    sinks = [Sink(away=True), Sink()]
    with pytest.raises(Unavailable):
        await FanoutSink(sinks=sinks).close()
    assert all(sink.closed for sink in sinks)
