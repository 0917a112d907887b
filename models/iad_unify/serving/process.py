"""One served model in a process of its own: `python -m iad_unify.serving.process ROLE FD …`, for machines without Triton.

Speaks pickled messages over an inherited socket. It batches what has arrived, like Triton's dynamic batcher, and knows
nothing of queues, retries or who asks. It ends when the socket closes, so it never outlives its parent.

In:  ("call", id, tensors) | ("cancel", id)
Out: ("ready", model version, None) | ("result", id, tensors) | ("piece", id, (text, final)) | ("error", id, text) | ("refused", None, text)
"""

import argparse
import logging
import signal
from collections.abc import Mapping, Sequence
from math import inf
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from iad_unify.checkpoint import CheckpointError
from iad_unify.serving.answers import Joining, Wanted, answer_together, priority_of
from iad_unify.serving.deadlines import TooLate, due, is_over

Tensors = Mapping[str, NDArray[Any]]
Call = tuple[int, Tensors]

log = logging.getLogger(__name__)


class Served(Protocol):
    """A loaded model that answers calls over a connection."""

    model_version: str

    def answer(self, calls: Sequence[Call], inbox: "Inbox") -> None:
        """Answers every call, each with its own result, pieces or error."""


class Inbox:
    """What has arrived: calls, until when each is wanted, and the ids that were cancelled."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._calls: list[Call] = []
        self._cancelled: set[int] = set()
        self._until: dict[int, float] = {}  # of calls with a deadline

    def next_batch(self, limit: int) -> list[Call]:
        """Waits for a call; returns the most urgent of those that are there. Raises EOFError when the parent is gone.

        What has waited past its deadline is answered with that error here.
        """
        while True:
            self._drain(wait=not self._calls)
            if wanted := self._most_urgent(limit):
                return wanted

    def more(self, limit: int) -> list[Call]:
        """As `next_batch`, without waiting for any."""
        try:
            self._drain(wait=False)
        except EOFError:  # the parent is gone, which the next batch finds out
            return []
        return self._most_urgent(limit)

    def until(self, call_id: int) -> float:
        """By `time.monotonic`, until when a call of the last batch is wanted; whoever answers it asks once."""
        return self._until.pop(call_id, inf)

    def cancelled(self, call_id: int) -> bool:
        """Whether the parent has lost interest in a call that is being answered."""
        self._drain(wait=False)
        return call_id in self._cancelled

    def send(self, kind: str, call_id: int | None, payload: Any) -> None:
        """One message to the parent."""
        self.connection.send((kind, call_id, payload))

    def _most_urgent(self, limit: int) -> list[Call]:
        self._calls.sort(key=lambda call: priority_of(call[1]))  # stable: equals stay in order of arrival
        batch, self._calls = self._calls[:limit], self._calls[limit:]
        return [call for call in batch if self._is_wanted(call[0])]

    def _is_wanted(self, call_id: int) -> bool:
        if call_id in self._cancelled:
            self._cancelled.discard(call_id)
            self._until.pop(call_id, None)
            return False
        if is_over(self._until.get(call_id, inf)):
            del self._until[call_id]
            _report(self, call_id, TooLate())
            return False
        return True

    def _drain(self, *, wait: bool) -> None:
        while wait or self.connection.poll(0):
            message = self.connection.recv()
            if message[0] == "call":
                self._calls.append((message[1], message[2]))
                if (until := due(message[2])) < inf:
                    self._until[message[1]] = until
                wait = False
            else:
                self._cancelled.add(message[1])


class ServedExpert:
    """The region expert: frames of equal shapes and inputs are one stacked batch."""

    def __init__(self, checkpoint: Path, threads: int, references: Path | None) -> None:
        from iad_unify.region_expert.export.runtimes import AUTO
        from iad_unify.serving.region_expert import RegionExpertService

        self._service = RegionExpertService(checkpoint, threads=threads, runtime=AUTO, references=references)
        self.model_version = self._service.model_version

    def answer(self, calls: Sequence[Call], inbox: Inbox) -> None:
        """See `Served`."""
        alike: dict[object, list[Call]] = {}
        for call in calls:
            shape = call[1]["IMAGE"].shape if "IMAGE" in call[1] else None
            alike.setdefault((shape, *sorted(call[1])), []).append(call)
        for some in alike.values():
            self._answer(some, inbox)

    def _answer(self, calls: Sequence[Call], inbox: Inbox) -> None:
        try:
            names = calls[0][1].keys()
            outputs = self._service.infer({name: np.stack([tensors[name] for _, tensors in calls]) for name in names})
        except Exception as error:  # a batch that broke tells nothing of the single frames: try each alone
            if len(calls) == 1:
                _report(inbox, calls[0][0], error)
                return
            for call in calls:
                self._answer([call], inbox)
            return
        for row, (call_id, _) in enumerate(calls):
            inbox.send("result", call_id, {name: values[row] for name, values in outputs.items()})


class ServedReferences:
    """Builds memories of good parts and golden templates: one call, one camera's reference."""

    def __init__(self, checkpoint: Path, references: Path, threads: int) -> None:
        from iad_unify.serving.references import ReferenceService

        self._service = ReferenceService(checkpoint, references, threads)
        self.model_version = self._service.model_version

    def answer(self, calls: Sequence[Call], inbox: Inbox) -> None:
        """See `Served`."""
        for call_id, tensors in calls:
            try:
                inbox.send("result", call_id, self._service.build(tensors))
            except Exception as error:  # reported to the caller
                _report(inbox, call_id, error)


class ServedExplainer:
    """The explainer: pieces as they come; calls that arrive meanwhile join those that are being answered."""

    def __init__(self, checkpoint: Path, threads: int, at_once: int) -> None:
        from iad_unify.serving.explainer import ExplainerService

        self._service, self._at_once = ExplainerService(checkpoint, threads=threads), at_once
        self.model_version = self._service.model_version

    def answer(self, calls: Sequence[Call], inbox: Inbox) -> None:
        """See `Served`."""

        def wanted(some: Sequence[Call]) -> list[Wanted]:
            return [Wanted(_Asked(inbox, call_id, tensors), inbox.until(call_id)) for call_id, tensors in some]

        joining = Joining(lambda room: wanted(inbox.more(room)), self._service.check, self._at_once)
        answer_together(self._service.generate, wanted(calls), joining)


class _Asked:
    """A call as `answer_together` knows requests."""

    def __init__(self, inbox: Inbox, call_id: int, tensors: Tensors) -> None:
        self.tensors, self._inbox, self._id = tensors, inbox, call_id

    def send(self, text: str, final: bool) -> None:
        self._inbox.send("piece", self._id, (text, final))

    def fail(self, error: Exception) -> None:
        _report(self._inbox, self._id, error)

    def cancelled(self) -> bool:
        try:
            return self._inbox.cancelled(self._id)
        except EOFError:  # the parent is gone, which the next batch finds out
            return True


class ServedEditor:
    """The defect editor: one edit at a time, since frames differ in size."""

    def __init__(self, checkpoint: Path, explainer: Path, threads: int) -> None:
        from iad_unify.serving.defect_editor import DefectEditorService

        self._service = DefectEditorService(checkpoint, explainer, threads=threads)
        self.model_version = self._service.model_version

    def answer(self, calls: Sequence[Call], inbox: Inbox) -> None:
        """See `Served`."""
        for call_id, tensors in calls:
            try:
                inbox.send("result", call_id, self._service.infer(tensors))
            except Exception as error:  # reported to the caller, who decides whether to try again
                _report(inbox, call_id, error)


def load(
    role: str, checkpoint: Path, explainer: Path | None, references: Path | None, threads: int, at_once: int
) -> Served:
    """The model of a role; `at_once` bounds the calls that it answers together. Raises CheckpointError."""
    if role == "region_expert":
        return ServedExpert(checkpoint, threads, references)
    if role == "references" and references is not None:
        return ServedReferences(checkpoint, references, threads)
    if role == "explainer":
        return ServedExplainer(checkpoint, threads, at_once)
    if role == "defect_editor" and explainer is not None:
        return ServedEditor(checkpoint, explainer, threads)
    raise ValueError(f"no such role: {role}")


def _report(inbox: Inbox, call_id: int, error: Exception) -> None:
    if isinstance(error, TooLate):  # no failure: the one who asked said so beforehand
        log.info("call %d: %s", call_id, error)
    else:
        log.warning("call %d failed", call_id, exc_info=error)
    inbox.send("error", call_id, f"{type(error).__name__}: {error}")


def main() -> None:
    """Loads the model, says so, and answers until the parent closes the socket."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("role")
    parser.add_argument("fd", type=int)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--explainer", type=Path)
    parser.add_argument("--references", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--max-batch-size", type=int, default=8)
    arguments = parser.parse_args()
    # Ctrl-C reaches the whole terminal group; the parent ends this process by closing the socket, after its own drain.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    inbox = Inbox(Connection(arguments.fd))
    try:
        served = load(
            arguments.role,
            arguments.checkpoint,
            arguments.explainer,
            arguments.references,
            arguments.threads,
            arguments.max_batch_size,
        )
    except (CheckpointError, OSError, ValueError) as error:
        inbox.send("refused", None, str(error))
        return
    inbox.send("ready", None, served.model_version)
    try:
        while True:
            served.answer(inbox.next_batch(arguments.max_batch_size), inbox)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone


if __name__ == "__main__":
    main()
