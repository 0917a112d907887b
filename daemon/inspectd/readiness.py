"""Ready is not live: ready says that a frame would get its verdict now, live says that the loops turn.

Parts are probed in the background, so that a health check answers at once and never waits for a server.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from inspectd.errors import InspectdError
from inspectd.metrics import Metrics

#: Time between two probes of every part, in seconds.
PROBE_EVERY_S = 2.0
#: A probe that takes longer means that the part is not ready, in seconds.
PROBE_TIMEOUT_S = 3.0
#: A loop that has not turned for so long is stuck.
STUCK_AFTER = timedelta(seconds=30)

Probe = Callable[[], Awaitable[bool]]


class Readiness:
    """What works now, part by part."""

    def __init__(self, *, probes: Mapping[str, Probe], metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self._probes, self._metrics, self._clock = probes, metrics, clock
        self._report = dict.fromkeys(probes, False)
        self._ticked = clock()

    def report(self) -> Mapping[str, bool]:
        """Every part by name, and whether it works now."""
        return dict(self._report)

    @property
    def ready(self) -> bool:
        """Whether every part works."""
        return all(self._report.values())

    def live(self) -> bool:
        """Whether the daemon's event loop has turned lately."""
        return self._clock() - self._ticked < STUCK_AFTER

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.probe()
            await asyncio.sleep(PROBE_EVERY_S)

    async def probe(self) -> None:
        """Asks every part once, side by side."""
        answers = await asyncio.gather(*(_ask(probe) for probe in self._probes.values()))
        self._report = dict(zip(self._probes, answers, strict=True))
        self._ticked = self._clock()
        for part, answer in self._report.items():
            self._metrics.ready.labels(part).set(answer)


async def _ask(probe: Probe) -> bool:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            return await probe()
    except (InspectdError, TimeoutError):
        return False
