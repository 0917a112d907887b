"""How values of the API look in a terminal."""

import time
from collections.abc import Iterator

import pytest

from inspectd.cli import show
from inspectd.v1.augmentation_service_pb2 import AugmentationJob


@pytest.fixture
def korea(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine nine hours before UTC."""
    with monkeypatch.context() as here:
        here.setenv("TZ", "KST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("korea")
def test_a_time_is_shown_in_this_machine_s_zone() -> None:
    job = AugmentationJob()
    job.create_time.FromJsonString("2025-03-01T20:30:00Z")
    assert show.clock(job, "create_time") == "2025-03-02 05:30:00"
    assert show.clock(job, "update_time") == "–"
