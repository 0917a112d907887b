"""For each region of an event the confirmed regions that are like it, and what they and the expert say together."""

from collections.abc import Sequence

from inspectd.confirmed.embedding import embed
from inspectd.confirmed.store import ConfirmedStore
from inspectd.confirmed.vote import Vote, vote
from inspectd.records import Region, RegionTokens
from inspectd.settings import ConfirmedSettings


class ConfirmedRecall:
    """Asks the store and lets vote; it writes nothing. Without a store the expert votes alone."""

    def __init__(self, *, store: ConfirmedStore | None, settings: ConfirmedSettings, least_confidence: float) -> None:
        self._store, self._settings, self._least_confidence = store, settings, least_confidence

    async def votes(
        self, event_id: str, camera_id: str, model_version: str, regions: Sequence[Region], tokens: RegionTokens
    ) -> tuple[Vote, ...]:
        """One of each row of the tokens; `regions` begin with those that they are of. Raises Unavailable."""
        seen = regions[: len(tokens.appearance)]
        if self._store is None or not seen:
            return tuple(vote(region.type_probabilities, (), self._least_confidence) for region in seen)
        found = await self._store.search(
            model_version,
            embed(tokens.appearance),
            self._settings.neighbours,
            camera_id if self._settings.same_camera else "",
            leave_out=event_id,
        )
        least = self._settings.least_similarity
        near = [[one for one in some if one.similarity >= least] for some in found]
        return tuple(
            vote(region.type_probabilities, some, self._least_confidence)
            for region, some in zip(seen, near, strict=True)
        )
