"""Findings of a picture, from the cache or from the expert. The one place that knows what the cache key is made of."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from iad_unify.catalog import EXPERT_SIZE
from inspectd.errors import CalibrateAgain, ModelChanged
from inspectd.frames.decode import decode_image
from inspectd.metrics import Metrics
from inspectd.records import Findings, Image
from inspectd.tokens.cache import TokenCache, TokenKey
from inspectd.vision.expert import ExpertCard, RegionExpert

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sighting:
    """Findings, and whether they came from the cache."""

    findings: Findings
    cached: bool


class Sight:
    """Looks at a picture once: the same bytes under the same model, square, proposal and reference come from the cache.

    `square_of` tells the side of the square that a camera's frames are brought to, pixels. With `describe_reference` findings
    hold what a good part looks like at their regions, where there is one.
    """

    def __init__(
        self,
        *,
        expert: RegionExpert,
        tokens: TokenCache,
        max_pixels: int,
        metrics: Metrics,
        square_of: Callable[[str], int] = lambda camera_id: EXPERT_SIZE,
        describe_reference: bool = False,
    ) -> None:
        self._expert, self._tokens, self._max_pixels, self._metrics = expert, tokens, max_pixels, metrics
        self._square_of, self._describe_reference = square_of, describe_reference
        self._cards: dict[int, ExpertCard] = {}  # by the side of the square

    async def card(self, camera_id: str) -> ExpertCard:
        """What the served expert says of itself for a camera's frames, asked once per model version and square.

        Raises Unavailable, ModelFailed (it takes no square of that side).
        """
        side = self._square_of(camera_id)
        card = self._cards.get(side)
        if card is None:
            card = self._cards[side] = await self._expert.describe(side)
        return card

    async def with_card(self, camera_id: str, attempt: Callable[[ExpertCard], Awaitable[T]]) -> T:
        """What `attempt` makes of the card of a camera's frames; it looks with the threshold and reference of that card.

        When another model is served than the card says, there is a second attempt with the new card. Raises what `attempt`
        raises, Unavailable, ModelFailed.
        """
        card = await self.card(camera_id)
        try:
            return await attempt(card)
        except ModelChanged:
            newer = await self.card(camera_id)
        except CalibrateAgain:
            newer = await self.card(camera_id)
            if newer.model_version == card.model_version:
                raise
        return await attempt(newer)

    async def decode(self, data: bytes, camera_id: str) -> Image:
        """A camera's encoded picture as the expert takes it. Raises Rejected."""
        return await asyncio.to_thread(decode_image, data, self._max_pixels, self._square_of(camera_id))

    async def look(
        self,
        data: bytes,
        sha256: str,
        camera_id: str,
        threshold: float | None = None,
        reference: str = "",
        *,
        card: ExpertCard | None = None,
    ) -> Sighting:
        """Findings of a camera's encoded picture; `threshold` is the decision's, so that all it needs is proposed.

        `reference` names the memory of good parts, the golden template or both to compare it with, `card` the model that
        they and the threshold belong to. Raises Rejected (a bad picture), CalibrateAgain (they cannot be used), ModelChanged
        (`card` is another model's), Unavailable, ModelFailed.
        """
        expected = card or await self.card(camera_id)
        key = self._key(sha256, expected, threshold, reference)
        findings = await self._recall(key)
        if findings is not None:
            return Sighting(findings, cached=True)
        image = await self.decode(data, camera_id)
        try:
            with self._metrics.inference.time():
                findings = await self._expert.find_regions(
                    image, key.proposal, reference, describe_reference=self._describe_reference
                )
        except CalibrateAgain:
            self._cards.clear()  # another version may be served now, for which the camera has another threshold
            raise
        await self._tokens.put(replace(key, model_version=findings.model_version), findings)
        if findings.model_version != expected.model_version:
            self._cards.clear()  # another version is served now: ask it for its defaults before the next look
            if card is not None:
                raise ModelChanged(f"model {findings.model_version} is served, and no longer {card.model_version}")
        return Sighting(findings, cached=False)

    async def recall(
        self, sha256: str, camera_id: str, threshold: float | None = None, reference: str = ""
    ) -> Findings | None:
        """Cached findings of a camera's picture under the served model, without the picture. Raises Unavailable."""
        return await self._recall(self._key(sha256, await self.card(camera_id), threshold, reference))

    async def _recall(self, key: TokenKey) -> Findings | None:
        findings = await self._tokens.get(key)
        self._metrics.cache.labels("miss" if findings is None else "hit").inc()
        return findings

    def _key(self, sha256: str, card: ExpertCard, threshold: float | None, reference: str) -> TokenKey:
        # The card's version names the square too.
        # Fewer proposals than the card's would hide what people want to see; a lower decision threshold needs more of them.
        proposal = card.proposal_threshold if threshold is None else min(card.proposal_threshold, threshold)
        described = self._describe_reference and bool(reference)  # without one the findings are the same
        return TokenKey(sha256, card.model_version, proposal, reference, described)
