"""Brings a database to the schema of this version. One daemon at a time: the others wait, and find it done.

A new migration is a file `migrations/versions/rNNNN_what.py` beside a change of `tables`; it is never changed once released.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import Connection, text

from inspectd.errors import Misconfigured

#: Key of PostgreSQL's advisory lock: "inspectd" in ASCII.
_LOCK = int.from_bytes(b"inspectd", "big")


def migrate(connection: Connection) -> None:
    """Runs inside the caller's transaction, which on SQLite holds the write lock already.

    Raises Misconfigured when the schema is newer than this version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except (CommandError, ResolutionError) as error:
        raise Misconfigured(
            "database.url",
            f"the schema is not one that this version knows ({error})",
            "Update inspectd on this machine",
        ) from error
