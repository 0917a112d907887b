"""A small line with its dashboard, and browsers of two kinds: one that only speaks HTTP, and Chromium."""

from collections.abc import AsyncIterator
from pathlib import Path
from shutil import which

import httpx
import pytest
from tests.line import Line, open_line

#: Chromium inside a container, without graphics and without talking to anybody.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    async with open_line(tmp_path) as line:
        yield line


@pytest.fixture
async def http(line: Line) -> AsyncIterator[httpx.AsyncClient]:
    server = await line.dashboard()
    async with httpx.AsyncClient(base_url=server.address, trust_env=False) as client:
        yield client


@pytest.fixture
async def chromium() -> AsyncIterator[object]:
    """A fresh browser."""
    from playwright.async_api import async_playwright

    program = which("chromium") or which("chromium-browser") or which("google-chrome")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        await browser.close()
