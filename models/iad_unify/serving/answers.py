"""Answers in batches: requests wait in a bounded queue, one thread answers those that are there together.

The most urgent go first, and among equals who came first. It knows no server: an `Asker` says whether
the request is still wanted and takes the pieces.
"""

import itertools
import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from iad_unify.catalog import QUESTION_PRIORITY

log = logging.getLogger(__name__)


class Asker(Protocol):
    """One waiting request."""

    tensors: Mapping[str, NDArray[Any]]

    def send(self, text: str, final: bool) -> None:
        """The next piece of the answer."""

    def fail(self, error: Exception) -> None:
        """There will be no more pieces."""

    def cancelled(self) -> bool:
        """Whether nobody wants the answer any more."""


#: As `ExplainerService.generate`.
Generate = Callable[
    [Sequence[Mapping[str, NDArray[Any]]], Callable[[int, str, bool], None], Callable[[int], bool]], None
]


def priority_of(tensors: Mapping[str, NDArray[Any]]) -> int:
    """The request's PRIORITY; what says none is a question."""
    given = np.asarray(tensors.get("PRIORITY", QUESTION_PRIORITY)).reshape(-1)
    return int(given[0]) if given.size else QUESTION_PRIORITY


class Answers:
    """Takes requests at once and answers them in the background, up to `batch_size` in one call of the model.

    `workers` calls are under way at a time; more than one is for a model that batches by itself.
    """

    def __init__(self, generate: Generate, *, batch_size: int, most_waiting: int, workers: int = 1) -> None:
        self._generate = generate
        self._batch_size = batch_size
        # by priority, then by number; the numbers differ, so that askers are never compared
        self._waiting: queue.PriorityQueue[tuple[float, int, Asker | None]] = queue.PriorityQueue(most_waiting)
        self._numbers = itertools.count()
        self._threads = [threading.Thread(target=self._run, name="answers", daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def ask(self, asker: Asker) -> None:
        """Puts a request in line. Raises queue.Full when as many wait as may wait."""
        try:
            self._waiting.put_nowait((priority_of(asker.tensors), next(self._numbers), asker))
        except queue.Full:
            raise queue.Full(f"exceeds maximum queue size of {self._waiting.maxsize}") from None

    @property
    def waiting(self) -> int:
        """Requests that no batch has taken yet."""
        return self._waiting.qsize()

    def close(self, timeout_s: float = 10.0) -> None:
        """Answers what waits, then ends; gives up after the time."""
        try:
            for _ in self._threads:
                self._waiting.put((float("inf"), next(self._numbers), None), timeout=timeout_s)
        except queue.Full:
            log.warning("requests were left unanswered at the end")
        for thread in self._threads:
            thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            batch, ended = self._next_batch()
            if batch:
                self._answer(batch)
            if ended:
                return

    def _next_batch(self) -> tuple[list[Asker], bool]:
        """Waits for a request; returns the most urgent of those that are there, and whether this is the last batch."""
        batch: list[Asker] = []
        asker = self._waiting.get()[2]
        while asker is not None:
            batch.append(asker)
            if len(batch) == self._batch_size:
                return batch, False
            try:
                asker = self._waiting.get_nowait()[2]
            except queue.Empty:
                return batch, False
        return batch, True

    def _answer(self, batch: list[Asker]) -> None:
        open_ones = set(range(len(batch)))
        begun: set[int] = set()

        def emit(index: int, text: str, final: bool) -> None:
            begun.add(index)
            if final:
                open_ones.discard(index)
            batch[index].send(text, final)

        try:
            self._generate([asker.tensors for asker in batch], emit, lambda index: batch[index].cancelled())
        except Exception as error:  # a model may raise anything; it is reported to each asker and the thread goes on
            if len(batch) > 1 and not begun:  # one bad request must not take the others of its batch along
                for asker in batch:
                    self._answer([asker])
                return
            for index in open_ones:
                batch[index].fail(error)
