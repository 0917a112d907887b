"""Answers in batches: requests wait in a bounded queue, one thread answers those that are there together.

The most urgent go first, and among equals who came first. What comes while others are answered joins them, where the model
can take it in. A request past its deadline is failed instead of answered. It knows no server: an `Asker` says whether the
request is still wanted and takes the pieces.
"""

import heapq
import itertools
import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from iad_unify.catalog import QUESTION_PRIORITY
from iad_unify.serving.deadlines import TooLate, due, is_over

log = logging.getLogger(__name__)


Request = Mapping[str, NDArray[Any]]


class Asker(Protocol):
    """One waiting request."""

    tensors: Request

    def send(self, text: str, final: bool) -> None:
        """The next piece of the answer."""

    def fail(self, error: Exception) -> None:
        """There will be no more pieces."""

    def cancelled(self) -> bool:
        """Whether nobody wants the answer any more."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request, and by `time.monotonic` until when its answer is wanted."""

    asker: Asker
    until: float

    @property
    def is_late(self) -> bool:
        """Whether nobody waits for the answer any more, because its time is over."""
        return is_over(self.until)


#: As `ExplainerService.generate`: a request that is found unwanted ends with its next message. A model that takes in
#: newcomers has a fourth argument for them; it is handed over only where there is a `Joining`.
Generate = Callable[..., None]
#: Raises what is wrong with a request.
Check = Callable[[Request], None]


@dataclass(frozen=True, slots=True)
class Joining:
    """How requests come in while others are answered: `more(room)` takes up to so many of those that wait."""

    more: Callable[[int], Sequence[Wanted]]
    check: Check
    at_once: int  # under way at a time


def priority_of(tensors: Request) -> int:
    """The request's PRIORITY; what says none is a question."""
    given = np.asarray(tensors.get("PRIORITY", QUESTION_PRIORITY)).reshape(-1)
    return int(given[0]) if given.size else QUESTION_PRIORITY


class Answers:
    """Takes requests at once and answers them in the background, up to `batch_size` at a time in one call of the model.

    With the model's `check` of a request, those that come while others are answered join that call. `workers` calls are
    under way at a time; more than one is for a model that batches by itself.
    """

    def __init__(
        self, generate: Generate, *, batch_size: int, most_waiting: int, workers: int = 1, check: Check | None = None
    ) -> None:
        self._generate = generate
        self._batch_size = batch_size
        self._joining = None if check is None else Joining(self._more, check, batch_size)
        # by priority, then by number; the numbers differ, so that requests are never compared
        self._waiting: queue.PriorityQueue[tuple[float, int, Wanted | None]] = queue.PriorityQueue(most_waiting)
        self._numbers = itertools.count()
        self._threads = [threading.Thread(target=self._run, name="answers", daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def ask(self, asker: Asker) -> None:
        """Puts a request in line. Raises queue.Full when as many wait as may wait, all of them still wanted."""
        wanted = Wanted(asker, due(asker.tensors))
        if self._waiting.full():
            self._dismiss_late()
        try:
            self._waiting.put_nowait((priority_of(asker.tensors), next(self._numbers), wanted))
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
                answer_together(self._generate, batch, self._joining)
            if ended:
                return

    def _next_batch(self) -> tuple[list[Wanted], bool]:
        """Waits for a request; returns the most urgent of those that are there, and whether this is the last batch."""
        batch: list[Wanted] = []
        wanted = self._waiting.get()[2]
        while wanted is not None:
            if wanted.is_late:
                wanted.asker.fail(TooLate())
            else:
                batch.append(wanted)
            if len(batch) == self._batch_size:
                return batch, False
            try:
                wanted = self._waiting.get_nowait()[2]
            except queue.Empty:
                return batch, False
        return batch, True

    def _more(self, room: int) -> list[Wanted]:
        """The most urgent of those that wait, without waiting for any; the sign to end stays where it is."""
        found: list[Wanted] = []
        while len(found) < room:
            with self._waiting.mutex:
                if not self._waiting.queue or self._waiting.queue[0][2] is None:
                    break
            wanted = self._waiting.get_nowait()[2]
            if wanted is not None:
                found.append(wanted)
        return found

    def _dismiss_late(self) -> None:
        """Frees the places of those that wait for nothing any more."""
        line = self._waiting.queue
        with self._waiting.mutex:
            late = [entry for entry in line if entry[2] is not None and entry[2].is_late]
            for entry in late:
                line.remove(entry)
            heapq.heapify(line)
            self._waiting.not_full.notify(len(late))
        for _, _, wanted in late:
            if wanted is not None:
                wanted.asker.fail(TooLate())


def answer_together(generate: Generate, batch: Sequence[Wanted], joining: Joining | None = None) -> None:
    """Answers requests in one call of the model. Each asker gets one end: its last piece, or one `fail`.

    What the model raises before it has said anything may be one bad request's fault: then each is answered alone, so that
    the others are not taken along.
    """
    batch = list(batch)
    open_ones = set(range(len(batch)))
    begun: set[int] = set()
    late: set[int] = set()

    def unwanted(index: int) -> bool:
        if batch[index].is_late:
            late.add(index)
        return index in late or batch[index].asker.cancelled()

    def emit(index: int, text: str, final: bool) -> None:
        begun.add(index)
        if final:
            open_ones.discard(index)
        if index not in late:
            batch[index].asker.send(text, final)
        elif final:
            batch[index].asker.fail(TooLate())

    def join(more: Joining) -> list[Request]:
        newcomers = [one for one in more.more(more.at_once - len(open_ones)) if _admitted(one, more.check)]
        open_ones.update(range(len(batch), len(batch) + len(newcomers)))
        batch.extend(newcomers)
        return [wanted.asker.tensors for wanted in newcomers]

    told = () if joining is None else (partial(join, joining),)
    try:
        generate([wanted.asker.tensors for wanted in batch], emit, unwanted, *told)
    except Exception as error:  # a model may raise anything; it is reported to each asker and the thread goes on
        if len(batch) > 1 and not begun:
            for wanted in batch:
                answer_together(generate, [wanted])
            return
        for index in open_ones:
            batch[index].asker.fail(error)


def _admitted(wanted: Wanted, check: Check) -> bool:
    """Whether a newcomer may join; one that may not is told why."""
    if wanted.is_late:
        wanted.asker.fail(TooLate())
        return False
    try:
        check(wanted.asker.tensors)
    except Exception as error:  # as above: it must not take the others along
        wanted.asker.fail(error)
        return False
    return True
