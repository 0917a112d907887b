"""One suite per port, run over every adapter. Servers come from the session's stack."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from inspectd.database.engine import Database, open_database

DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.service("postgres"))]


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'inspectd.db'}"
    return request.getfixturevalue("stack").postgres_database()


@pytest.fixture
async def opened(database_url: str) -> AsyncIterator[Callable[[], Awaitable[Database]]]:
    """Opens the database as one more daemon would; all are closed at the end."""
    databases = []

    async def another() -> Database:
        databases.append(await open_database(database_url))
        return databases[-1]

    yield another
    for database in databases:
        await database.close()


@pytest.fixture
async def database(opened: Callable[[], Awaitable[Database]]) -> Database:
    return await opened()
