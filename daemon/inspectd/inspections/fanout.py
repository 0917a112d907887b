"""One sink made of several: a verdict is safe when all of them have it."""

import asyncio
from collections.abc import Sequence

from inspectd.inspections.ledger import InspectionSink
from inspectd.records import Inspection


class FanoutSink:
    """Writes to every sink side by side. After a failure the caller repeats all of them: each is idempotent."""

    def __init__(self, *, sinks: Sequence[InspectionSink]) -> None:
        self._sinks = tuple(sinks)

    async def record(self, inspection: Inspection) -> None:
        """Returns when every sink has returned. Raises the first sink's error, after the others are done."""
        _raise_first(await asyncio.gather(*[sink.record(inspection) for sink in self._sinks], return_exceptions=True))

    async def close(self) -> None:
        """Closes every sink, also when one of them fails."""
        _raise_first(await asyncio.gather(*[sink.close() for sink in self._sinks], return_exceptions=True))


def _raise_first(results: Sequence[BaseException | None]) -> None:
    for result in results:
        if result is not None:
            raise result
