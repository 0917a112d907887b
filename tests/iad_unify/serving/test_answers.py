"""Requests that wait in a bounded queue and are answered together."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from typing import Any

import numpy as np
import pytest

from iad_unify.catalog import ALERT_PRIORITY, QUESTION_PRIORITY
from iad_unify.serving.answers import Answers, Wanted, answer_together
from iad_unify.serving.deadlines import TooLate


class Asked:
    """A request that keeps what it is told."""

    def __init__(
        self, name: str, unwanted: bool = False, priority: int | None = None, deadline_ms: int | None = None
    ) -> None:
        self.tensors: dict[str, Any] = {"name": name}
        if deadline_ms is not None:
            self.tensors["DEADLINE"] = np.array([deadline_ms], np.int32)
        if priority is not None:
            self.tensors["PRIORITY"] = np.array([priority], np.int32)
        self.pieces: list[tuple[str, bool]] = []
        self.error: Exception | None = None
        self._unwanted = unwanted
        self._over = threading.Event()

    def send(self, text: str, final: bool) -> None:
        self.pieces.append((text, final))
        if final:
            self._over.set()

    def fail(self, error: Exception) -> None:
        self.error = error
        self._over.set()

    def cancelled(self) -> bool:
        return self._unwanted

    def wait(self) -> "Asked":
        assert self._over.wait(10)
        return self


class Parrot:
    """A model that says the request's name; it starts when the gate opens and breaks on the name `bad`."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.batches: list[list[str]] = []

    def generate(
        self,
        requests: Sequence[Mapping[str, Any]],
        emit: Callable[[int, str, bool], None],
        cancelled: Callable[[int], bool],
    ) -> None:
        self.gate.wait(10)
        names = [request["name"] for request in requests]
        self.batches.append(names)
        if "bad" in names:
            raise ValueError("no such tensor")
        for index, name in enumerate(names):
            emit(index, name, False)
            if name == "late":
                raise RuntimeError("out of memory")
        for index in range(len(names)):
            emit(index, "cancelled" if cancelled(index) else "!", True)


@pytest.fixture
def parrot():
    parrot = Parrot()
    yield parrot
    parrot.gate.set()


def ask(parrot: Parrot, *names: str, batch_size: int = 8, most_waiting: int = 100) -> tuple[Answers, list[Asked]]:
    answers = Answers(parrot.generate, batch_size=batch_size, most_waiting=most_waiting)
    first = Asked("first")
    answers.ask(first)
    deadline = time.monotonic() + 10
    while answers.waiting and time.monotonic() < deadline:  # the thread has taken it and waits at the gate
        time.sleep(0.005)
    asked = [Asked(name) for name in names]
    for one in asked:
        answers.ask(one)
    return answers, [first, *asked]


def test_what_waits_together_is_answered_together(parrot: Parrot) -> None:
    answers, asked = ask(parrot, "a", "b", "c")
    parrot.gate.set()
    assert [one.wait().pieces for one in asked[1:]] == [[(name, False), ("!", True)] for name in "abc"]
    assert parrot.batches == [["first"], ["a", "b", "c"]]
    answers.close()


def test_a_batch_is_never_larger_than_asked(parrot: Parrot) -> None:
    answers, asked = ask(parrot, *"abcde", batch_size=2)
    parrot.gate.set()
    for one in asked:
        one.wait()
    assert parrot.batches == [["first"], ["a", "b"], ["c", "d"], ["e"]]
    answers.close()


def test_alerts_go_before_questions_that_came_earlier(parrot: Parrot) -> None:
    answers, asked = ask(parrot, "a", "b", batch_size=2)
    late = [Asked("alert", priority=ALERT_PRIORITY), Asked("c", priority=QUESTION_PRIORITY)]
    for one in late:
        answers.ask(one)
    parrot.gate.set()
    for one in [*asked, *late]:
        one.wait()
    assert parrot.batches == [["first"], ["alert", "a"], ["b", "c"]]
    answers.close()


def test_one_too_many_is_refused_and_the_others_are_answered(parrot: Parrot) -> None:
    answers, asked = ask(parrot, "a", "b", most_waiting=2)
    with pytest.raises(queue.Full, match="exceeds maximum queue size of 2"):
        answers.ask(Asked("c"))
    parrot.gate.set()
    for one in asked:
        assert one.wait().error is None
    answers.close()


def test_a_bad_request_fails_alone(parrot: Parrot) -> None:
    answers, asked = ask(parrot, "a", "bad", "c")
    parrot.gate.set()
    errors = [one.wait().error for one in asked]
    assert [type(error) for error in errors] == [type(None), type(None), ValueError, type(None)]
    answers.close()


def test_a_failure_after_the_first_words_ends_the_whole_batch_once(parrot: Parrot) -> None:
    answers, asked = ask(parrot, "a", "late")
    parrot.gate.set()
    for one in asked[1:]:
        assert isinstance(one.wait().error, RuntimeError)
    assert asked[1].pieces == [("a", False)]
    answers.close()


def test_the_model_learns_who_has_lost_interest(parrot: Parrot) -> None:
    answers = Answers(parrot.generate, batch_size=8, most_waiting=8)
    parrot.gate.set()
    unwanted = Asked("a", unwanted=True)
    answers.ask(unwanted)
    assert unwanted.wait().pieces[-1] == ("cancelled", True)
    answers.close()


def test_closing_answers_what_waits(parrot: Parrot) -> None:
    answers, asked = ask(parrot, "a", "b")
    parrot.gate.set()
    answers.close()
    assert all(one.pieces[-1] == ("!", True) for one in asked)


def test_what_waited_past_its_deadline_is_failed_and_never_reaches_the_model(parrot: Parrot) -> None:
    answers, asked = ask(parrot, "a", batch_size=2)
    late, patient, other = Asked("late", deadline_ms=1), Asked("b", deadline_ms=60_000), Asked("c")
    for one in (late, patient, other):
        answers.ask(one)
    time.sleep(0.01)
    parrot.gate.set()
    for one in [*asked, late, patient, other]:
        one.wait()
    assert isinstance(late.error, TooLate)
    assert late.pieces == []
    assert parrot.batches == [["first"], ["a", "b"], ["c"]]
    assert [one.error for one in (patient, other)] == [None, None]
    answers.close()


@pytest.mark.parametrize("breaks", [False, True])
def test_a_deadline_that_comes_between_two_words_ends_one_answer_once_and_the_others_go_on(breaks: bool) -> None:
    def generate(
        requests: Sequence[Mapping[str, Any]],
        emit: Callable[[int, str, bool], None],
        cancelled: Callable[[int], bool],
    ) -> None:
        for index, request in enumerate(requests):
            emit(index, request["name"], False)
        while not cancelled(1):
            time.sleep(0.002)
        emit(1, "held back", True)
        if breaks:
            raise RuntimeError("out of memory")
        for index in (0, 2):
            emit(index, "cancelled" if cancelled(index) else "!", True)

    asked = [Asked(name) for name in "abc"]
    until = (inf, time.monotonic() + 0.02, time.monotonic() + 60)
    answer_together(generate, [Wanted(one, time_s) for one, time_s in zip(asked, until, strict=True)])
    assert isinstance(asked[1].error, TooLate)
    assert asked[1].pieces == [("b", False)]
    for one in (asked[0], asked[2]):
        assert isinstance(one.error, RuntimeError) == breaks
        assert (one.pieces[-1] == ("!", True)) != breaks


def test_those_that_are_late_give_up_their_places_in_a_full_line(parrot: Parrot) -> None:
    answers, asked = ask(parrot, most_waiting=2)
    late, other, third = Asked("late", deadline_ms=1), Asked("a"), Asked("b")
    answers.ask(late)
    answers.ask(other)
    time.sleep(0.01)
    answers.ask(third)
    assert isinstance(late.wait().error, TooLate)  # at once, while the model is still busy
    with pytest.raises(queue.Full):
        answers.ask(Asked("c"))
    parrot.gate.set()
    for one in (*asked, other, third):
        one.wait()
    assert parrot.batches == [["first"], ["a", "b"]]
    answers.close()


class Talker:
    """A model that says one letter of each request's name at a turn, and takes newcomers in between two turns."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.calls = 0
        self.together: list[int] = []  # how many speak at each turn

    def check(self, request: Mapping[str, Any]) -> None:
        if request["name"] == "bad":
            raise ValueError("no such tensor")

    def generate(
        self,
        requests: Sequence[Mapping[str, Any]],
        emit: Callable[[int, str, bool], None],
        cancelled: Callable[[int], bool],
        join: Callable[[], Sequence[Mapping[str, Any]]],
    ) -> None:
        self.calls += 1
        self.gate.wait(10)
        left = dict(enumerate(str(request["name"]) for request in requests))
        number = len(left)
        while left:
            self.together.append(len(left))
            for index, letters in list(left.items()):
                emit(index, letters[0], len(letters) == 1)
                left[index] = letters[1:]
                if not left[index]:
                    del left[index]
            for request in join():
                left[number] = str(request["name"])
                number += 1


@pytest.fixture
def talker() -> Iterator[Talker]:
    talker = Talker()
    yield talker
    talker.gate.set()


def joined(talker: Talker, first: Asked, others: Sequence[Asked], batch_size: int) -> Answers:
    """`first` is under way when the others come."""
    answers = Answers(talker.generate, batch_size=batch_size, most_waiting=100, check=talker.check)
    answers.ask(first)
    deadline = time.monotonic() + 10
    while answers.waiting and time.monotonic() < deadline:
        time.sleep(0.005)
    for one in others:
        answers.ask(one)
    return answers


def said(one: Asked) -> str:
    return "".join(text for text, _ in one.pieces)


def test_newcomers_join_those_that_are_being_answered_the_most_urgent_first(talker: Talker) -> None:
    names = ("first", "question", "alert", "b")
    asked = [Asked(names[0]), Asked(names[1]), Asked(names[2], priority=ALERT_PRIORITY), Asked(names[3])]
    answers = joined(talker, asked[0], asked[1:], batch_size=2)
    talker.gate.set()
    assert [said(one.wait()) for one in asked] == list(names)
    assert talker.calls == 1
    assert max(talker.together) == 2
    assert talker.together[:6] == [1, 2, 2, 2, 2, 2]  # the alert joins `first`, then a question takes its place
    answers.close()


def test_a_newcomer_that_is_bad_or_late_fails_alone(talker: Talker) -> None:
    first, bad, late, good = Asked("first"), Asked("bad"), Asked("late", deadline_ms=1), Asked("good")
    answers = joined(talker, first, (bad, late, good), batch_size=8)
    time.sleep(0.01)
    talker.gate.set()
    assert [said(one.wait()) for one in (first, good)] == ["first", "good"]
    assert isinstance(bad.wait().error, ValueError)
    assert isinstance(late.wait().error, TooLate)
    assert talker.calls == 1
    answers.close()


def test_closing_answers_what_would_have_joined(talker: Talker) -> None:
    first, other = Asked("first"), Asked("other")
    answers = joined(talker, first, (other,), batch_size=8)
    closing = threading.Thread(target=answers.close)
    closing.start()
    talker.gate.set()
    closing.join(10)
    assert not closing.is_alive()
    assert [said(one.wait()) for one in (first, other)] == ["first", "other"]
