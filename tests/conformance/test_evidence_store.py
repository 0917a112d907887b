"""Every evidence store keeps the promises of `evidence.store`."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inspectd.errors import NotFound
from inspectd.evidence.files import FileEvidenceStore
from inspectd.records import Frame
from inspectd.settings import EvidenceSettings

NOW = datetime.now(UTC)


@pytest.fixture(params=["directory", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FileEvidenceStore]:
    """`memory` is fsspec's object store in this process: it has no rename and no fsync, as S3 has none."""
    uri = str(tmp_path / "kept") if request.param == "directory" else f"memory://{uuid.uuid4().hex}/kept"
    ticks = itertools.count()
    store = FileEvidenceStore(
        uri=uri,
        settings=EvidenceSettings(retention_days=30, retention_bytes=2500, good_frames_per_camera=3),
        clock=lambda: NOW + timedelta(seconds=next(ticks)),
    )
    await store.open()
    yield store
    await store.close()


def picture(index: int) -> bytes:
    return bytes([index]) * 1000


async def put(store: FileEvidenceStore, data: bytes) -> str:
    sha256 = Frame.digest(data)
    await store.put(data, sha256, "image/jpeg")
    return sha256


async def keep(store: FileEvidenceStore, camera: str, data: bytes) -> str:
    sha256 = Frame.digest(data)
    await store.keep_good(camera, data, sha256, "image/png")
    return sha256


async def kept(store: FileEvidenceStore, sha256: str) -> bool:
    try:
        await store.get(sha256)
    except NotFound:
        return False
    return True


async def test_a_picture_comes_back(store: FileEvidenceStore) -> None:
    sha256 = await put(store, picture(1))
    assert await put(store, picture(1)) == sha256
    assert await store.get(sha256) == picture(1)


@pytest.mark.parametrize("sha256", ["0" * 64, "", "../../etc/passwd", "*" * 64, "?"])
async def test_what_was_never_put_is_not_found(store: FileEvidenceStore, sha256: str) -> None:
    await put(store, picture(1))
    with pytest.raises(NotFound):
        await store.get(sha256)


async def test_the_last_good_frames_of_each_camera_are_kept(store: FileEvidenceStore) -> None:
    keys = [await keep(store, "press-1", picture(index)) for index in range(5)]
    other = await keep(store, "press-2", picture(9))
    frames = await store.good_frames("press-1")
    assert [frame.sha256 for frame in frames] == keys[:1:-1]
    assert {(frame.camera_id, frame.media_type) for frame in frames} == {("press-1", "image/png")}
    assert frames[0].keep_time > frames[1].keep_time > frames[2].keep_time
    assert [frame.sha256 for frame in await store.good_frames("press-2")] == [other]
    assert await store.get(keys[4]) == picture(4)
    assert not await kept(store, keys[0])


async def test_a_good_frame_that_comes_again_takes_no_second_place(store: FileEvidenceStore) -> None:
    for index in (1, 2, 1, 1):
        await keep(store, "press-1", picture(index))
    assert len(await store.good_frames("press-1")) == 2


@pytest.mark.parametrize("camera", ["..", ".", "a/b", "../x", "*", "Kamera 3", "ümlaut", "%2E", "a%2Fb"])
async def test_any_camera_id_is_a_folder_of_its_own(store: FileEvidenceStore, camera: str) -> None:
    sha256 = await keep(store, camera, picture(1))
    assert [(frame.camera_id, frame.sha256) for frame in await store.good_frames(camera)] == [(camera, sha256)]
    assert await store.good_frames("other") == ()
    assert await store.get(sha256) == picture(1)


async def test_a_camera_without_good_frames_has_none(store: FileEvidenceStore) -> None:
    assert await store.good_frames("press-1") == ()


async def test_retention_by_age_takes_pictures_and_never_good_frames(store: FileEvidenceStore) -> None:
    event_picture = await put(store, picture(1))
    good = await keep(store, "press-1", picture(2))
    assert await store.sweep(NOW + timedelta(days=29)) == 0
    assert await store.sweep(NOW + timedelta(days=31)) == 1
    assert not await kept(store, event_picture)
    assert await kept(store, good)
    assert await store.sweep(NOW + timedelta(days=31)) == 0


async def test_retention_by_bytes_takes_the_oldest_first(store: FileEvidenceStore) -> None:
    keys = []
    for index in range(4):
        keys.append(await put(store, picture(index)))
        await keep(store, "press-1", picture(100 + index))
        await asyncio.sleep(0.02)
    assert await store.sweep(datetime.now(UTC)) == 2
    assert [await kept(store, sha256) for sha256 in keys] == [False, False, True, True]
    assert len(await store.good_frames("press-1")) == 3


async def test_a_picture_that_is_also_a_good_frame_outlives_retention(store: FileEvidenceStore) -> None:
    sha256 = await put(store, picture(1))
    await keep(store, "press-1", picture(1))
    await store.sweep(NOW + timedelta(days=99))
    assert await store.get(sha256) == picture(1)


async def test_sweeping_an_empty_store_is_fine(store: FileEvidenceStore) -> None:
    assert await store.sweep(NOW) == 0
