"""The parent's end of a model process: starts it, sends calls, hands out answers, starts it again when it died.

Knows messages and processes, not what the tensors mean; `iad_unify.serving.process` is the other end.
"""

import asyncio
import contextlib
import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import structlog
from numpy.typing import NDArray

from inspectd.errors import InspectdError, Misconfigured, ModelFailed, TooLate, Unavailable

Tensors = Mapping[str, NDArray[Any]]

log = structlog.get_logger(__name__)

#: How long a model may take to load, in seconds; torch alone takes several on a cold disk.
LOAD_TIMEOUT_S = 180.0
#: How long a process may take to end after its socket has closed, in seconds.
END_TIMEOUT_S = 5.0


class ModelProcess:
    """One model in a process of its own. Starts at the first call; a process that died is started anew at the next."""

    def __init__(
        self,
        *,
        role: str,
        checkpoint: Path,
        setting: str,
        explainer: Path | None = None,
        references: Path | None = None,
        threads: int = 1,
        max_batch_size: int = 8,
    ) -> None:
        self._role, self._setting, self._threads, self._max_batch_size = role, setting, threads, max_batch_size
        self._checkpoint, self._explainer, self._references = checkpoint, explainer, references
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Queue[tuple[str, Any]]] = {}
        self._starting = asyncio.Lock()
        self._sending = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._connection: Connection | None = None
        self._model_version = ""

    async def start(self) -> str:
        """Makes sure that the process runs; returns the model's version.

        Raises Misconfigured when the model cannot be loaded, and Unavailable when its process is killed while it loads. A
        model that was loaded before proves the settings right: whatever keeps it from loading again is Unavailable.
        """
        async with self._starting:
            if self._connection is None:
                await asyncio.to_thread(self._spawn, asyncio.get_running_loop())
            return self._model_version

    async def alive(self) -> bool:
        """Whether the process runs; one that died starts again at the next call."""
        return self._connection is not None

    async def call(self, tensors: Tensors) -> Tensors:
        """One call, one result. Raises ModelFailed, Unavailable."""
        async for kind, payload in self.stream(tensors):
            if kind == "result":
                result: Tensors = payload
                return result
        raise ModelFailed(f"{self._role} ended without a result")

    async def stream(self, tensors: Tensors, until: float | None = None) -> AsyncGenerator[tuple[str, Any], None]:
        """The messages of one call until its last; closing the iterator cancels the call, and so does `until`.

        That is by `time.monotonic`. Raises TooLate after it, ModelFailed, Unavailable.
        """
        await self.start()
        call_id = next(self._ids)
        inbox = self._waiting[call_id] = asyncio.Queue()
        finished = False
        try:
            await asyncio.to_thread(self._send, ("call", call_id, tensors))
            while not finished:
                kind, payload = await self._next(inbox, until)
                if kind in ("error", "lost"):
                    finished = True
                    raise ModelFailed(str(payload)) if kind == "error" else Unavailable(str(payload))
                finished = kind == "result" or bool(payload[1])
                yield kind, payload
        finally:
            self._waiting.pop(call_id, None)
            if not finished and self._connection is not None:
                self._send(("cancel", call_id, None))

    async def _next(self, inbox: "asyncio.Queue[tuple[str, Any]]", until: float | None) -> tuple[str, Any]:
        try:
            async with asyncio.timeout(None if until is None else until - time.monotonic()):
                return await inbox.get()
        except TimeoutError as error:
            raise TooLate(f"{self._role} did not answer in the time that was left") from error

    async def close(self) -> None:
        """Ends the process; calls in flight raise Unavailable."""
        process, ours, self._connection = self._process, self._socket, None
        if ours is not None:
            self._socket = None
            with contextlib.suppress(OSError):  # the other end may have gone first
                ours.shutdown(socket.SHUT_RDWR)  # the reader sees the end and closes its own descriptor
            ours.close()
        if process is not None:
            await asyncio.to_thread(_reap, process)

    def _spawn(self, loop: asyncio.AbstractEventLoop) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "iad_unify.serving.process", self._role, str(theirs.fileno())]
        command += ["--checkpoint", str(self._checkpoint), "--threads", str(self._threads)]
        command += ["--max-batch-size", str(self._max_batch_size)]
        command += ["--explainer", str(self._explainer)] if self._explainer else []
        command += ["--references", str(self._references)] if self._references else []
        with theirs:
            process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        connection = Connection(os.dup(ours.fileno()))
        try:
            self._model_version = self._handshake(connection, process)
        except InspectdError as error:
            connection.close()
            ours.close()
            process.kill()
            process.wait()
            if self._model_version and isinstance(error, Misconfigured):
                raise Unavailable(f"{self._role} cannot be loaded again: {error}") from error
            raise
        self._process, self._socket, self._connection = process, ours, connection
        arguments = (connection, process, loop)
        reader = threading.Thread(target=self._read, args=arguments, name=f"{self._role}-reader", daemon=True)
        reader.start()

    def _handshake(self, connection: Connection, process: "subprocess.Popen[bytes]") -> str:
        try:
            if not connection.poll(LOAD_TIMEOUT_S):
                raise Unavailable(f"{self._role} did not load within {LOAD_TIMEOUT_S:.0f} s")
            kind, _, payload = connection.recv()
        except (EOFError, OSError) as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_TIMEOUT_S)
            if (process.returncode or 0) < 0:  # by a signal: the kernel's when memory is short
                raise Unavailable(f"{self._role} was killed while it loaded (signal {-process.returncode})") from error
            raise Misconfigured(
                self._setting,
                f"the {self._role} process ended at start; its own message is above",
                "pip install 'inspectd[models]'",
            ) from error
        if kind == "refused":
            raise Misconfigured(
                self._setting, str(payload), "Name a checkpoint folder that iad-unify train has written"
            )
        return str(payload)

    def _send(self, message: tuple[str, int, Any]) -> None:
        connection = self._connection
        if connection is None:
            raise Unavailable(f"the {self._role} process has ended")
        try:
            with self._sending:
                connection.send(message)
        except OSError as error:
            raise Unavailable(f"the {self._role} process has ended") from error

    def _read(
        self, connection: Connection, process: "subprocess.Popen[bytes]", loop: asyncio.AbstractEventLoop
    ) -> None:
        with connection, contextlib.suppress(EOFError, OSError):
            while True:
                kind, call_id, payload = connection.recv()
                loop.call_soon_threadsafe(self._deliver, call_id, kind, payload)
        _reap(process)
        with contextlib.suppress(RuntimeError):  # the loop may be closed at the very end
            loop.call_soon_threadsafe(self._lose, connection)

    def _deliver(self, call_id: int, kind: str, payload: Any) -> None:
        inbox = self._waiting.get(call_id)
        if inbox is not None:  # a cancelled call's late answer has nobody waiting
            inbox.put_nowait((kind, payload))

    def _lose(self, connection: Connection) -> None:
        if self._connection is connection:
            self._connection = None
            if self._socket is not None:
                self._socket.close()
                self._socket = None
            log.warning("model process ended; it is started again at the next call", role=self._role)
        for inbox in self._waiting.values():
            inbox.put_nowait(("lost", f"the {self._role} process has ended"))


def _reap(process: "subprocess.Popen[bytes]") -> None:
    """Takes the exit status of a process whose socket has closed, so that no zombie stays."""
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
