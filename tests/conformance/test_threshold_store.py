"""Every threshold store keeps the promises of `thresholds.store`."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.conformance.samples import START

from inspectd.database.engine import Database
from inspectd.errors import NotFound
from inspectd.thresholds.sketch import ScoreSketch
from inspectd.thresholds.sql import SqlThresholdStore
from inspectd.thresholds.store import Calibration, ReviewedWindow, Source


@pytest.fixture
def store(database: Database) -> SqlThresholdStore:
    return SqlThresholdStore(database=database)


def calibration(camera: str = "press-1", model: str = "aaaaaaaaaaaa", threshold: float = 0.1 + 0.2) -> Calibration:
    return Calibration(camera, model, threshold, 0.01, 120, START)


async def test_the_newest_threshold_of_the_camera_and_model_is_found(store: SqlThresholdStore) -> None:
    await store.put(calibration(threshold=0.9))
    newest = await store.put(calibration())
    await store.put(calibration(camera="press-2", threshold=0.4))
    await store.put(calibration(model="bbbbbbbbbbbb", threshold=0.5))
    assert newest.value == 0.1 + 0.2
    assert newest.version.startswith("calibrated/")
    assert await store.find("press-1", "aaaaaaaaaaaa") == newest


async def test_a_camera_without_a_threshold_has_none(store: SqlThresholdStore) -> None:
    assert await store.find("press-1", "aaaaaaaaaaaa") is None
    assert await store.cameras() == ()


async def test_every_write_has_a_version_of_its_own(store: SqlThresholdStore) -> None:
    written = [await store.put(calibration()) for _ in range(3)]
    assert len({threshold.version for threshold in written}) == 3


async def test_cameras_are_listed_by_id_once(store: SqlThresholdStore) -> None:
    for camera in ("b", "a", "Z", "b"):
        await store.put(calibration(camera))
    assert await store.cameras() == ("Z", "a", "b")


async def test_another_daemon_sees_a_threshold_at_once(
    store: SqlThresholdStore, opened: Callable[[], Awaitable[Database]]
) -> None:
    put = await store.put(calibration())
    assert await SqlThresholdStore(database=await opened()).find("press-1", "aaaaaaaaaaaa") == put


REVIEWED = replace(
    calibration(),
    source=Source.REVIEWS,
    window=ReviewedWindow(START - timedelta(days=7), START, 117, 3, 5, 2, 1),
    scores=ScoreSketch.of([0.1 + index / 1000 for index in range(120)]),
)


async def test_a_calibration_comes_back_exactly_with_what_it_replaces(store: SqlThresholdStore) -> None:
    first = await store.put(calibration())
    second = await store.put(REVIEWED)
    third = await store.put(replace(calibration(), source=Source.RESTORED, restores=first.version))
    await store.put(calibration(model="bbbbbbbbbbbb"))
    stored = [await store.get(threshold.version) for threshold in (first, second, third)]
    assert [item.calibration for item in stored] == [
        calibration(), REVIEWED, replace(calibration(), source=Source.RESTORED, restores=first.version)
    ]  # fmt: skip
    assert [item.replaces for item in stored] == ["default/aaaaaaaaaaaa", first.version, second.version]
    assert await store.newest("press-1", "aaaaaaaaaaaa") == stored[2]
    assert await store.newest("press-9", "aaaaaaaaaaaa") is None


async def test_a_camera_s_versions_are_listed_newest_first(store: SqlThresholdStore) -> None:
    versions = [
        (await store.put(calibration(camera, model))).version
        for camera, model in (("press-1", "aaaaaaaaaaaa"), ("press-2", "aaaaaaaaaaaa"), ("press-1", "bbbbbbbbbbbb"))
    ]
    assert [item.version for item in await store.history("press-1")] == [versions[2], versions[0]]
    assert await store.history("press-9") == ()


@pytest.mark.parametrize("version", ["", "calibrated/", "calibrated/99", "default/1", "calibrated/-1", "calibrated/١"])
async def test_a_version_that_is_none_is_not_found(store: SqlThresholdStore, version: str) -> None:
    with pytest.raises(NotFound):
        await store.get(version)
