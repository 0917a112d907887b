"""Every exception of the database drivers has a meaning."""

import sqlite3
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.errors import lookup
from sqlalchemy import exc

from inspectd.database.failures import mapped, meaning
from inspectd.errors import Conflict, InspectdError, Misconfigured, Overloaded, Rejected, Unavailable

#: SQLAlchemy's errors that tell of a mistake in our own code and have to be seen as what they are.
OURS = (
    exc.InvalidRequestError,
    exc.CompileError,
    exc.CircularDependencyError,
    exc.UnmappedColumnError if hasattr(exc, "UnmappedColumnError") else exc.InvalidRequestError,
    exc.IdentifierError,
    exc.AwaitRequired,
    exc.MissingGreenlet,
    exc.StatementError,
    exc.SQLAlchemyError,
)


def subclasses(root: type[BaseException]) -> Iterator[type[BaseException]]:
    yield root
    for child in root.__subclasses__():
        yield from subclasses(child)


def wrapped(error: BaseException, base: type[BaseException]) -> exc.DBAPIError:
    """As SQLAlchemy wraps what a driver raises."""
    made = exc.DBAPIError.instance("SELECT 1", None, error, base)  # type: ignore[arg-type]
    assert isinstance(made, exc.DBAPIError)
    return made


@pytest.mark.parametrize("driver", [sqlite3, psycopg], ids=["sqlite3", "psycopg"])
def test_every_exception_class_of_the_drivers_is_mapped(driver: object) -> None:
    root = driver.Error  # type: ignore[attr-defined]
    found = set(subclasses(root))
    assert len(found) >= 9
    for kind in found:
        ours = meaning(wrapped(kind("detail"), root))
        assert isinstance(ours, InspectdError), kind


def test_every_exception_of_sqlalchemy_is_mapped_or_known_to_be_our_mistake() -> None:
    for kind in set(subclasses(exc.SQLAlchemyError)):
        if not kind.__module__.startswith("sqlalchemy.exc"):
            continue
        made = kind.__new__(kind)
        if isinstance(made, exc.DBAPIError):
            continue  # the test above
        made.args = ("detail",)
        assert isinstance(meaning(made), InspectdError) or issubclass(kind, OURS), kind


@pytest.mark.parametrize(
    ("sqlstate", "expected"),
    [
        ("08006", Unavailable),  # connection failure
        ("57P01", Unavailable),  # admin shutdown
        ("40001", Unavailable),  # serialization failure
        ("40P01", Unavailable),  # deadlock
        ("53300", Unavailable),  # too many connections
        ("53100", Unavailable),  # disk full
        ("55P03", Unavailable),  # lock timeout
        ("25006", Unavailable),  # read-only: a failover's old primary
        ("28P01", Misconfigured),  # wrong password
        ("3D000", Misconfigured),  # no such database
        ("42P01", Misconfigured),  # no such table
        ("42501", Misconfigured),  # no privilege
        ("22021", Rejected),  # bytes that are no text
        ("23505", Conflict),  # duplicate key
    ],
)
def test_postgresql_states_mean_what_a_caller_can_do(sqlstate: str, expected: type[InspectdError]) -> None:
    ours = meaning(wrapped(lookup(sqlstate)("detail"), psycopg.Error))
    assert type(ours) is expected


def test_a_busy_pool_is_overload_and_a_lost_connection_is_weather() -> None:
    assert type(meaning(exc.TimeoutError("pool"))) is Overloaded
    lost = exc.DBAPIError("SELECT 1", None, psycopg.ProgrammingError("x"), connection_invalidated=True)
    assert type(meaning(lost)) is Unavailable


def test_sqlite_tells_a_wrong_schema_from_a_busy_file() -> None:
    connection = sqlite3.connect(":memory:")
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("SELECT * FROM nothing")
    connection.close()
    assert type(meaning(wrapped(caught.value, sqlite3.Error))) is Misconfigured
    assert type(meaning(wrapped(sqlite3.OperationalError("database is locked"), sqlite3.Error))) is Unavailable


def test_a_mistake_of_ours_passes_through() -> None:
    with pytest.raises(exc.InvalidRequestError), mapped():
        raise exc.InvalidRequestError("ours")
    with pytest.raises(KeyError), mapped():
        raise KeyError("ours")
