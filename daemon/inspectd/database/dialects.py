"""What SQLite and PostgreSQL both have, and SQLAlchemy's common language lacks."""

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(connection: Connection, table: Table) -> Any:
    """An INSERT with `on_conflict_do_nothing` and `on_conflict_do_update`, the same on both."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
