"""What a database's exceptions mean to a caller. The one table for every SQL adapter; knows no statement and no table.

SQLAlchemy's errors that are not listed here (a wrong argument, a missing column in a result) are mistakes of ours: they
pass through as they are, so that they are seen.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from inspectd.errors import Conflict, InspectdError, Misconfigured, Overloaded, Rejected, Unavailable

#: PostgreSQL's SQLSTATE classes that no retry mends: 28 is a refused login, 3D a database that is not there.
_LOGIN_CLASSES = ("28", "3D")
#: SQLite's code for a statement that does not fit the schema; its other operational errors pass with time.
_SQLITE_WRONG_STATEMENT = sqlite3.SQLITE_ERROR

_SCHEMA_MEND = "Give the daemon a database of its own, or one that this version or an older one has written"


def meaning(error: exc.SQLAlchemyError) -> InspectdError | None:
    """Our error for a driver's, or None for a mistake of ours."""
    if isinstance(error, exc.TimeoutError):
        return Overloaded(f"every database connection is busy: {error}")
    if isinstance(error, exc.NoSuchModuleError | exc.ArgumentError):
        return Misconfigured("database.url", str(error), "Use sqlite:///FILE or postgresql://USER@HOST/NAME")
    if isinstance(error, exc.DisconnectionError):
        return Unavailable(f"the database connection is gone: {error}")
    if isinstance(error, exc.DBAPIError):
        return _meaning_of_driver(error)
    return None


def _meaning_of_driver(error: exc.DBAPIError) -> InspectdError:
    detail = str(error.orig).strip().replace("\n", " ")
    if error.connection_invalidated:
        return Unavailable(f"the database connection is gone: {detail}")
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state[:2] in _LOGIN_CLASSES:
        return Misconfigured("database.url", detail, "Correct the user, the password or the database name")
    if getattr(error.orig, "sqlite_errorcode", None) == _SQLITE_WRONG_STATEMENT:
        return Misconfigured("database.url", f"the schema does not fit: {detail}", _SCHEMA_MEND)
    match error:
        case exc.OperationalError() | exc.InterfaceError() | exc.InternalError():
            return Unavailable(f"the database does not answer: {detail}")
        case exc.DataError():
            return Rejected("unstorable", f"the database cannot keep this value: {detail}")
        case exc.IntegrityError():
            return Conflict(f"the database refuses a contradiction: {detail}")
        case exc.ProgrammingError() | exc.NotSupportedError() | exc.DatabaseError():
            return Misconfigured("database.url", f"the schema does not fit: {detail}", _SCHEMA_MEND)
    return Unavailable(f"the database driver failed: {detail}")


@contextmanager
def mapped() -> Iterator[None]:
    """Turns a driver's exception into ours."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        ours = meaning(error)
        if ours is None:
            raise
        raise ours from error
    except UnicodeError as error:
        # A lone surrogate, as Python makes it of a file name that is no UTF-8; the drivers let it through unwrapped.
        raise Rejected("unstorable", f"this text cannot be kept: {error}") from error
