"""The port of the explainer: a question about region tokens in, text out in pieces. It checks nothing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inspectd.records import RegionTokens


@dataclass(frozen=True, slots=True)
class Question:
    """A question about some regions."""

    text: str
    tokens: RegionTokens
    temperature: float = 0.0  # 0 is greedy
    seed: int = 0
    max_tokens: int = 48
    choices: tuple[str, ...] = ()  # the answer is one of these; none: it is free
    is_alert: bool = False  # an event's own sentence goes before what people ask
    crop: NDArray[np.uint8] | None = None  # RGB [h, w, 3], the frame, for an explainer that was trained with crops


@dataclass(frozen=True, slots=True)
class Piece:
    """The next piece of an answer."""

    text: str
    model_version: str


class Explainer(Protocol):
    """Questions asked side by side are answered in one batch."""

    def answer(self, question: Question) -> AsyncIterator[Piece]:
        """The answer in pieces; closing the iterator cancels it. Raises Unavailable, Overloaded, ModelFailed."""

    async def close(self) -> None:
        """Lets go of the server or the process."""
