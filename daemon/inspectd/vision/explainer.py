"""The port of the explainer: a question about region tokens in, text out in pieces. It checks nothing."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inspectd.errors import TooLate
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
    confirmed: tuple[str, ...] = ()  # of each region the types that regions like it were confirmed as, with commas
    crop: NDArray[np.uint8] | None = None  # RGB [h, w, 3], the frame, for an explainer that was trained with crops
    #: Seconds, by `time.monotonic`: nobody waits for the answer after it; None: it may take any time.
    deadline: float | None = None

    @property
    def is_late(self) -> bool:
        """Whether the deadline is over."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def left_s(self) -> float | None:
        """Seconds until the deadline, above 0; None without one. Raises TooLate when it is over."""
        if self.deadline is None:
            return None
        left_s = self.deadline - time.monotonic()
        if left_s <= 0:
            raise TooLate("the time for the answer was over before the explainer was asked")
        return left_s


@dataclass(frozen=True, slots=True)
class Piece:
    """The next piece of an answer."""

    text: str
    model_version: str


class Explainer(Protocol):
    """Questions asked side by side are answered together, token by token."""

    def answer(self, question: Question) -> AsyncIterator[Piece]:
        """The answer in pieces; closing the iterator cancels it. Raises Unavailable, Overloaded, TooLate, ModelFailed."""

    async def close(self) -> None:
        """Lets go of the server or the process."""
