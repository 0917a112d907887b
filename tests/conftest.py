"""The servers that tests ask for, and what happens when one cannot be had."""

import gc
import os
import shutil
import warnings

import pytest
from tests.services import Services

from inspectd.errors import InspectdError

_SERVICES = pytest.StashKey[Services]()

#: Programs that a test may ask for as a service without our starting them.
PROGRAMS = {"chromium": ("chromium", "chromium-browser", "google-chrome")}


#: Warnings of drivers at import, none of ours.
THIRD_PARTY_WARNINGS = (
    "ignore:(read|open)_text is deprecated:DeprecationWarning",  # kafka-python reads its schemas so
    "ignore::DeprecationWarning:tritonclient.*",
    # kafka-python leaves the socket of a refused or lost connection (no raddr) to the collector, in whichever test that runs
    r"ignore:Exception ignored in. <socket.socket [^>]*laddr=.'(0.0.0.0|127.0.0.1)', \d+.>:pytest.PytestUnraisableExceptionWarning",
)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_SERVICES] = Services()
    for message in THIRD_PARTY_WARNINGS:
        config.addinivalue_line("filterwarnings", message)


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_SERVICES].close()
    with warnings.catch_warnings():  # the same sockets once more: pytest's last look does not know the filters above
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A service that cannot be had skips the test on a developer's machine and fails it in CI."""
    for marker in item.iter_markers("service"):
        for name in marker.args:
            missing = _missing(item.config.stash[_SERVICES], name)
            if missing and os.environ.get("CI") == "true":
                pytest.fail(f"{name} is needed in CI: {missing}", pytrace=False)
            if missing:
                pytest.skip(f"{name} cannot be had: {missing}")


def _missing(services: Services, name: str) -> str:
    if name in PROGRAMS:
        return "" if any(shutil.which(program) for program in PROGRAMS[name]) else f"install {PROGRAMS[name][0]}"
    try:
        services.start(name)
    except InspectdError as error:
        return str(error)
    return ""


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Services:
    """The services of the session; each is started when a test first asks for it."""
    return request.config.stash[_SERVICES]
