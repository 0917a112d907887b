"""The commands against a real server in this process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import typer
from click.testing import Result
from tests.line import Line, open_line
from typer.testing import CliRunner

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def app() -> typer.Typer:
    """The whole command line."""
    from inspectd.cli import app

    return app


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    async with open_line(tmp_path) as line:
        yield line


@pytest.fixture
async def run(line: Line, app: typer.Typer) -> Run:
    """Runs a command in a thread, with the server's address."""
    address = (await line.api()).address

    async def run(*words: str) -> Result:
        arguments = [*words, "--address", address]
        return await asyncio.to_thread(CliRunner().invoke, app, arguments)

    return run
