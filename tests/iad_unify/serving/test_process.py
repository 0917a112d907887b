"""What has arrived at a model's process: in which order it is answered, and what nobody waits for any more."""

import time
from multiprocessing import Pipe

import numpy as np
import pytest

from iad_unify.catalog import ALERT_PRIORITY, QUESTION_PRIORITY, TOO_LATE
from iad_unify.serving.process import Inbox


def call(number: int, priority: int | None = None) -> tuple[str, int, dict[str, np.ndarray]]:
    return "call", number, {} if priority is None else {"PRIORITY": np.array([priority], np.int32)}


def test_the_most_urgent_calls_are_taken_first_and_equals_in_order() -> None:
    theirs, ours = Pipe()
    inbox = Inbox(ours)
    for message in (call(1), call(2, QUESTION_PRIORITY), call(3, ALERT_PRIORITY), call(4, ALERT_PRIORITY), call(5)):
        theirs.send(message)
    taken = [[number for number, _ in inbox.next_batch(2)] for _ in range(3)]
    assert taken == [[3, 4], [1, 2], [5]]


def test_more_calls_are_taken_without_waiting_for_any() -> None:
    theirs, ours = Pipe()
    inbox = Inbox(ours)
    assert inbox.more(8) == []
    for message in (call(1), call(2, ALERT_PRIORITY), call(3), ("cancel", 1, None)):
        theirs.send(message)
    assert [number for number, _ in inbox.more(2)] == [2]
    assert [number for number, _ in inbox.more(2)] == [3]
    theirs.close()
    assert inbox.more(8) == []  # the parent is gone, which the next batch says
    with pytest.raises(EOFError):
        inbox.next_batch(8)


def test_a_call_that_was_cancelled_while_it_waited_is_not_answered() -> None:
    theirs, ours = Pipe()
    inbox = Inbox(ours)
    for message in (call(1), call(2), ("cancel", 1, None)):
        theirs.send(message)
    assert [number for number, _ in inbox.next_batch(8)] == [2]


def test_a_call_is_cancelled_while_it_is_answered_and_the_parent_may_go() -> None:
    theirs, ours = Pipe()
    inbox = Inbox(ours)
    theirs.send(call(7))
    assert [number for number, _ in inbox.next_batch(8)] == [7]
    assert not inbox.cancelled(7)
    theirs.send(("cancel", 7, None))
    assert inbox.cancelled(7)
    theirs.close()
    with pytest.raises(EOFError):
        inbox.next_batch(8)


def test_a_call_that_waited_past_its_deadline_is_told_so_once_and_not_answered() -> None:
    theirs, ours = Pipe()
    inbox = Inbox(ours)
    theirs.send(("call", 1, {"DEADLINE": np.array([1], np.int32)}))
    theirs.send(("call", 2, {"DEADLINE": np.array([1], np.int32)}))
    theirs.send(("call", 3, {"DEADLINE": np.array([60_000], np.int32)}))
    theirs.send(("cancel", 2, None))  # nobody waits for an error either
    assert not inbox.cancelled(3)  # which takes in what has arrived
    time.sleep(0.01)
    begin = time.monotonic()
    assert [number for number, _ in inbox.next_batch(8)] == [3]
    assert begin < inbox.until(3) < begin + 60
    kind, number, text = theirs.recv()
    assert (kind, number) == ("error", 1)
    assert TOO_LATE in text
    assert not theirs.poll(0)
