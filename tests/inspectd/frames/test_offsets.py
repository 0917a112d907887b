"""The offset book commits the contiguous prefix and nothing of a fenced generation."""

import random

from inspectd.frames.offsets import OffsetBook

PLACE, OTHER = ("frames", 0), ("frames", 1)


def opened(*offsets: int) -> tuple[OffsetBook, int]:
    book = OffsetBook()
    book.assign([PLACE, OTHER])
    generations = {book.hand_out(PLACE, offset) for offset in offsets} or {book.hand_out(OTHER, 0)}
    (generation,) = generations
    assert generation is not None
    return book, generation


def test_nothing_is_committable_at_first() -> None:
    book, _ = opened(5, 6)
    assert book.committable() == {}
    assert book.outstanding == 2


def test_only_the_prefix_is_committable() -> None:
    book, generation = opened(5, 6, 7)
    assert book.acknowledge(PLACE, 6, generation)
    assert book.committable() == {}
    assert book.acknowledge(PLACE, 5, generation)
    assert book.committable() == {PLACE: 7}
    book.committed({PLACE: 7})
    assert book.committable() == {}
    book.acknowledge(PLACE, 7, generation)
    assert book.committable() == {PLACE: 8}


def test_holes_in_the_offsets_are_not_waited_for() -> None:
    book, generation = opened(5, 9, 100)
    for offset in (9, 5):
        book.acknowledge(PLACE, offset, generation)
    assert book.committable() == {PLACE: 10}


def test_a_repeated_acknowledgement_counts_once() -> None:
    book, generation = opened(5)
    assert book.acknowledge(PLACE, 5, generation)
    assert not book.acknowledge(PLACE, 5, generation)
    assert not book.acknowledge(PLACE, 99, generation)
    assert book.outstanding == 0


def test_a_late_acknowledgement_moves_nothing_but_is_no_longer_outstanding() -> None:
    book, old = opened(5, 6)
    book.revoke([PLACE])
    assert book.hand_out(PLACE, 7) is None
    book.assign([PLACE])
    new = book.hand_out(PLACE, 5)
    assert new is not None
    assert new != old
    assert book.outstanding == 3
    assert not book.acknowledge(PLACE, 5, old)
    assert not book.acknowledge(PLACE, 6, old)
    assert book.committable() == {}
    assert book.outstanding == 1
    assert (book.is_current(PLACE, old), book.is_current(PLACE, new)) == (False, True)
    book.acknowledge(PLACE, 5, new)
    assert book.committable() == {PLACE: 6}


def test_partitions_do_not_wait_for_each_other() -> None:
    book, generation = opened(5)
    book.hand_out(OTHER, 3)
    book.acknowledge(OTHER, 3, generation)
    assert book.committable() == {OTHER: 4}


def test_what_the_broker_took_of_a_partition_that_is_gone_is_forgotten() -> None:
    book, _ = opened(5)
    book.revoke([PLACE])
    book.committed({PLACE: 6})
    assert book.committable() == {}


def test_a_commit_never_passes_an_unfinished_record_whatever_the_order() -> None:
    rng = random.Random(3)
    for _ in range(200):
        offsets = sorted(rng.sample(range(100), 20))
        book, generation = opened(*offsets)
        waiting = set(offsets)
        for offset in rng.sample(offsets, len(offsets)):
            book.acknowledge(PLACE, offset, generation)
            waiting.discard(offset)
            next_offset = book.committable().get(PLACE, 0)
            assert all(open_offset >= next_offset for open_offset in waiting)
        assert book.committable() == {PLACE: offsets[-1] + 1}
