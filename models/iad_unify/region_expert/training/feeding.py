"""The order of batches: how large, how marked, from which seed; made between the steps or by processes beside them.

The chance in batch number i comes from the plan's seed and i, so a training that was interrupted does not repeat what it
has learnt. It knows no model and no loss.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from iad_unify.catalog import EXPERT_SIZE
from iad_unify.region_expert.squares import Batch
from iad_unify.region_expert.training.sampling import Source, make_batch

_FADED_AT = 0.85  # share of the training after which defects are as faint as they come
_AHEAD = 4  # batches that each process makes in advance


@dataclass(frozen=True, slots=True)
class Course:
    """What a training asks for as it goes on."""

    batch: int  # squares a step
    seed: int
    start: int  # step that it goes on from
    steps: int | None  # at its end, where that is known
    size: int  # side of whole squares, pixels
    crop: int  # side of crops, pixels
    crop_share: float  # of the training, on crops
    visibility: float  # at the start; see variation.emphasise
    workers: int  # processes
    rank: int  # of this process among those that train together
    ranks: int

    def side(self, share: float) -> int:
        """Crops first, because a step on them costs half; then whole squares, as in service."""
        return self.crop if share < self.crop_share else self.size

    def count(self, side: int) -> int:
        """Squares a step: fewer of large ones, so that a step takes the same memory and about the same time."""
        return max(2, round(self.batch * min(1.0, (EXPERT_SIZE / side) ** 2)))

    def marked(self, share: float) -> float:
        """How marked defects are at least, grey levels: from the plan's value down to 0 over most of the training."""
        return self.visibility * max(0.0, 1.0 - share / _FADED_AT)

    def make(self, source: Source, index: int, share: float) -> Batch:
        """Batch number `index`."""
        rng = np.random.default_rng([self.seed, index * self.ranks + self.rank])
        side = self.side(share)
        return make_batch(source, self.count(side), rng, side, self.marked(share))


def batches(source: Source, course: Course, clock: Callable[[], float]) -> Generator[Batch, None, None]:
    """Batch after batch, until it is closed. `clock` tells the share of the training that is done, where time is the limit."""
    if not course.workers:
        index = course.start
        while True:
            yield course.make(source, index, max(clock(), _by_steps(course, index)))
            index += 1
    shared = torch.zeros(2).share_memory_()  # the share of the training that is done; whether it is over
    loader: DataLoader[Any] = DataLoader(
        _Batches(source, course, shared),
        batch_size=None,
        num_workers=course.workers,
        prefetch_factor=_AHEAD,
        worker_init_fn=_alone,
        # a forked process would wait for OpenCV's threads, which are not forked with it
        multiprocessing_context="spawn",
    )
    running = iter(loader)
    try:
        for batch in running:
            shared[0] = clock()
            yield batch
    finally:
        _end(running, shared)


def _end(running: Iterator[Batch], shared: torch.Tensor) -> None:
    """Let the processes finish by themselves, and take what they have made.

    A process that is ended while a thread of it still sends a batch may abort: torch cannot be unwound from there.
    """
    shared[1] = 1
    with suppress(RuntimeError):  # one that has died, as on Ctrl-C, sends nothing any more
        deque(running, maxlen=0)


def _by_steps(course: Course, index: int) -> float:
    return index / course.steps if course.steps else 0.0


def _alone(worker: int) -> None:
    """The processes share the cores by themselves."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


class _Batches(IterableDataset[Batch]):
    """What one process makes: every n-th batch, until the training is over.

    `shared` is written by the training, as it cannot be asked from here.
    """

    def __init__(self, source: Source, course: Course, shared: torch.Tensor) -> None:
        self._source, self._course, self._shared = source, course, shared

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        first, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        index = self._course.start + first
        while not self._shared[1]:
            share = max(float(self._shared[0]), _by_steps(self._course, index))
            yield self._course.make(self._source, index, share)
            index += stride
