"""Batches come in an order of their own, whoever makes them."""

import multiprocessing
import signal
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from iad_unify.region_expert.squares import Batch, Labelled
from iad_unify.region_expert.training.feeding import Course, batches

COURSE = Course(
    batch=2, seed=3, start=0, steps=8, size=128, crop=64, crop_share=0.5, visibility=0.0, workers=0, rank=0, ranks=1
)


class Noise:
    """A source whose squares depend on chance alone."""

    def next(self, rng: np.random.Generator) -> Labelled:
        rgb = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
        return Labelled(rgb, np.zeros((128, 128), np.uint8), np.ones((128, 128), bool))


def taken(course: Course, count: int) -> Sequence[Batch]:
    supply = batches(Noise(), course, lambda: 0.0)
    try:
        return list(islice(supply, count))
    finally:
        supply.close()


def test_crops_come_first_then_whole_squares() -> None:
    assert [batch.pictures.shape[1] for batch in taken(COURSE, 8)] == [64] * 4 + [128] * 4


def test_a_training_goes_on_with_the_batches_that_it_has_not_seen() -> None:
    whole, rest = taken(COURSE, 6), taken(replace(COURSE, start=4), 2)
    for ours, theirs in zip(whole[4:], rest, strict=True):
        assert torch.equal(ours.pictures, theirs.pictures)


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_make_the_same_batches_in_the_same_order(workers: int) -> None:
    for ours, theirs in zip(taken(COURSE, 5), taken(replace(COURSE, workers=workers), 5), strict=True):
        assert torch.equal(ours.pictures, theirs.pictures)


def test_processes_that_train_together_see_different_batches() -> None:
    first, second = (taken(replace(COURSE, rank=rank, ranks=2), 3) for rank in range(2))
    assert not any(torch.equal(ours.pictures, theirs.pictures) for ours in first for theirs in second)


def test_where_time_is_the_limit_the_clock_says_when_crops_end() -> None:
    supply = batches(Noise(), replace(COURSE, steps=None), lambda: 0.6)
    assert next(supply).pictures.shape[1] == 128
    supply.close()


def test_processes_do_not_abort_whatever_they_are_about_to_send() -> None:
    supply = batches(Noise(), replace(COURSE, workers=2, batch=64, size=512, crop_share=0.0), lambda: 0.0)
    next(supply)
    making = multiprocessing.active_children()
    supply.close()
    assert len(making) == 2
    assert -signal.SIGABRT not in [process.exitcode for process in making]
