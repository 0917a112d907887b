"""Whose turn it is to publish the outbox, when several daemons share one database.

One at a time, so that an older revision of an event is not announced after a newer one. The lock dies with its holder: on
PostgreSQL it is the session's advisory lock, on SQLite a lock on a file beside the database.
"""

import asyncio
import fcntl
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO, Protocol

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from inspectd.database.engine import Database
from inspectd.database.failures import mapped
from inspectd.errors import Unavailable

#: Key of PostgreSQL's advisory lock: "outbox" in ASCII.
_LOCK = int.from_bytes(b"outbox", "big")


class OutboxTurn(Protocol):
    """Held until it is given up or its holder dies."""

    async def mine(self) -> bool:
        """Takes the turn when it is free; whether it is this daemon's now. Raises Unavailable."""

    async def close(self) -> None:
        """Gives the turn up."""


class SqlOutboxTurn:
    """The turn of one database."""

    def __init__(self, *, database: Database) -> None:
        self._engine = database.engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outbox-turn")
        self._connection: Connection | None = None
        self._file: IO[bytes] | None = None

    async def mine(self) -> bool:
        """See the port."""
        take = self._take_session if self._engine.dialect.name == "postgresql" else self._take_file
        return await asyncio.get_running_loop().run_in_executor(self._thread, take)

    async def close(self) -> None:
        """See the port. Idempotent; to be called before the database closes."""
        await asyncio.to_thread(self._close)

    def _take_session(self) -> bool:
        with mapped():
            if self._connection is not None:
                try:
                    self._connection.execute(text("SELECT 1"))  # the lock lives as long as the session
                    return True
                except BaseException:
                    self._drop()
                    raise
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            try:
                taken = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}).scalar_one()
            except BaseException:
                connection.invalidate()
                connection.close()
                raise
            if taken:
                self._connection = connection
            else:
                connection.close()
            return bool(taken)

    def _take_file(self) -> bool:
        if self._file is not None:
            return True
        file = None
        try:
            file = open(f"{self._engine.url.database}.outbox", "ab")  # noqa: SIM115 - held as long as the turn
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if file is None:
                raise Unavailable(f"the outbox lock cannot be opened: {error}") from error
            file.close()
            return False
        self._file = file
        return True

    def _drop(self) -> None:
        """Closes the session rather than giving it back to the pool, where the lock would live on."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def _close(self) -> None:
        self._thread.shutdown(wait=True)
        if self._connection is not None:
            with suppress(SQLAlchemyError):  # a session that is gone has given it up
                self._connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
        self._drop()
        if self._file is not None:
            self._file.close()
            self._file = None
