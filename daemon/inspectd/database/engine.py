"""Opens a database and runs work on it in threads of its own. Knows SQLite's and PostgreSQL's manners, and no table.

SQLite: write-ahead log, one writer thread, readers beside it. PostgreSQL: psycopg, a small pool.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import tenacity
from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url, text

from inspectd.database.failures import mapped
from inspectd.database.migrate import migrate
from inspectd.errors import InspectdError, Misconfigured, Unavailable, Unreachable

T = TypeVar("T")

#: How long a SQLite writer waits for another process's transaction, in milliseconds.
BUSY_TIMEOUT_MS = 15_000
#: libpq: seconds to connect; then a server that vanished without a word is noticed within about 20 s.
_LIBPQ = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3}
_TCP_USER_TIMEOUT_MS = 20_000
#: A statement that waits longer than this for a row that another daemon holds is given up and tried again.
_LOCK_TIMEOUT_MS = 15_000
#: The server's side of the same: the locks of a daemon whose machine has died are free again after about 20 s.
_SERVER_KEEPALIVES = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3"
#: SQLite's codes for a file that this user may not make or write; the rest may be the disk's or another process's.
_SQLITE_FORBIDDEN = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_READONLY_DIRECTORY)
#: PostgreSQL's words for a refused connection: libpq gives no SQLSTATE before there is one.
_POSTGRESQL_REFUSALS = (" does not exist", "authentication failed", "no pg_hba.conf entry", "not permitted to log in")
_FORMS = "Use sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"


class Database:
    """An open database of this version's schema. Work is a function of a connection; it runs in one transaction."""

    def __init__(self, *, engine: Engine) -> None:
        self.engine = engine
        writers = 1 if engine.dialect.name == "sqlite" else 4
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="database-write")
        self._readers = ThreadPoolExecutor(3, thread_name_prefix="database-read")
        self._closed = False

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Runs work that changes nothing. Raises Unavailable and what `database.failures` says."""
        return await self._run(self._readers, work, write=False)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Runs work that is committed when this returns. An exception of the work takes everything back."""
        return await self._run(self._writers, work, write=True)

    async def ready(self, timeout_s: float = 2.0) -> bool:
        """Whether the database answers a question in time."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self.read(lambda connection: connection.execute(text("SELECT 1")).scalar_one() == 1)
        except (InspectdError, TimeoutError):
            return False

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[Connection], T], *, write: bool) -> T:
        if self._closed:
            raise Unavailable("the database is closed")
        return await asyncio.get_running_loop().run_in_executor(threads, self._transact, work, write)

    def _transact(self, work: Callable[[Connection], T], write: bool) -> T:
        with mapped(), begin(self.engine, write=write) as connection:
            return work(connection)

    async def close(self) -> None:
        """Ends what is running, then disconnects. Idempotent."""
        self._closed = True
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self.engine.dispose()


def begin(engine: Engine, *, write: bool) -> AbstractContextManager[Connection]:
    """A transaction; a writer on SQLite takes the write lock at its start, so that it never has to give up half-way."""
    return engine.execution_options(inspectd_write=write).begin()


async def open_database(url: str, *, patience_s: float = 10.0) -> Database:
    """Connects, and brings the schema up to date.

    Waits up to `patience_s` for a server that is starting. Raises Misconfigured("database.url") for a URL that is none, a
    missing driver, a refused login, a newer schema and a file that may not be written, Unreachable("database.url") for a
    server that is still away.
    """
    address = _address(url)
    engine = await asyncio.to_thread(_engine, address)
    try:
        await asyncio.to_thread(_prepare, engine, patience_s)
    except Unavailable as error:
        engine.dispose()
        where = address.render_as_string(hide_password=True)
        kind = Misconfigured if _forbidden(error) else Unreachable
        mend = f"Start the database, or correct the URL. {_FORMS}"
        raise kind("database.url", f"{where} cannot be used ({error})", mend) from error
    except BaseException:
        engine.dispose()
        raise
    return Database(engine=engine)


def _forbidden(error: Unavailable) -> bool:
    """Whether waiting does not help: a file that this user may not use, or a server that answers and refuses us."""
    cause = getattr(error.__cause__, "orig", None)
    return getattr(cause, "sqlite_errorcode", None) in _SQLITE_FORBIDDEN or any(
        words in str(cause) for words in _POSTGRESQL_REFUSALS
    )


def _prepare(engine: Engine, patience_s: float) -> None:
    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Unavailable),
        wait=tenacity.wait_exponential(multiplier=0.1, max=1.0),
        stop=tenacity.stop_after_delay(patience_s),
        reraise=True,
    ):
        with attempt, mapped():
            if engine.dialect.name == "sqlite":
                with engine.connect() as connection:
                    # Outside a transaction, and once: the file remembers it.
                    connection.connection.driver_connection.execute("PRAGMA journal_mode = WAL")  # type: ignore[union-attr]
            with begin(engine, write=True) as connection:
                migrate(connection)


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except (exc.ArgumentError, ValueError) as error:
        # The URL itself stays out of the message: it may hold a password.
        raise Misconfigured("database.url", "the URL cannot be read", _FORMS) from error
    backend = address.get_backend_name()
    if backend == "sqlite":
        if address.database in (None, "", ":memory:"):
            raise Misconfigured("database.url", "a database in memory is lost with the process", _FORMS)
        return address.set(drivername="sqlite+pysqlite")
    if backend in ("postgresql", "postgres"):
        return address.set(drivername="postgresql+psycopg")
    raise Misconfigured("database.url", f"{backend} is not supported", _FORMS)


def _engine(address: URL) -> Engine:
    try:
        with mapped():
            return _sqlite(address) if address.get_backend_name() == "sqlite" else _postgresql(address)
    except ImportError as error:
        raise Misconfigured("database.url", f"no driver ({error})", "pip install 'inspectd[stack]'") from error


def _postgresql(address: URL) -> Engine:
    arguments: dict[str, Any] = dict(_LIBPQ)
    arguments["tcp_user_timeout"] = _TCP_USER_TIMEOUT_MS
    arguments["application_name"] = "inspectd"
    arguments["options"] = f"-c lock_timeout={_LOCK_TIMEOUT_MS} {_SERVER_KEEPALIVES}"
    for name in address.query:
        arguments.pop(name, None)  # what the URL says is stronger
    return create_engine(
        address,
        connect_args=arguments,
        pool_pre_ping=True,
        pool_size=4,
        max_overflow=4,
        pool_timeout=20,
        hide_parameters=True,
    )


def _sqlite(address: URL) -> Engine:
    folder = Path(str(address.database)).expanduser().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured("database.url", f"{folder} cannot be made ({error.strerror})", _FORMS) from error
    address = address.set(database=str(Path(str(address.database)).expanduser()))
    engine = create_engine(address, hide_parameters=True)
    event.listen(engine, "connect", _on_sqlite_connect)
    event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _on_sqlite_connect(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves; the driver's own would come too late
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA foreign_keys = ON")
    # FULL: a commit that we report is on the disk, also after a power cut.
    connection.execute("PRAGMA synchronous = FULL")


def _on_sqlite_begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("inspectd_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
