"""A small line with its gRPC server, and a client."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.line import Line, open_line

from inspectd.client import Client


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    async with open_line(tmp_path) as line:
        yield line


@pytest.fixture
async def client(line: Line) -> AsyncIterator[Client]:
    server = await line.api()
    async with Client(address=server.address) as client:
        yield client
