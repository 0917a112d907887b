"""What is particular to pictures in a directory; the promises of every store are in tests/conformance."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from inspectd.errors import Misconfigured, NotFound, Unavailable
from inspectd.evidence import atomic
from inspectd.evidence.files import FileEvidenceStore
from inspectd.records import Frame
from inspectd.settings import EvidenceSettings

DATA = b"a picture" * 100
SHA256 = Frame.digest(DATA)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FileEvidenceStore]:
    store = FileEvidenceStore(uri=str(tmp_path / "kept"), settings=EvidenceSettings())
    await store.open()
    yield store
    await store.close()


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_pictures_lie_in_two_levels_of_folders_with_a_name_that_people_can_open(
    store: FileEvidenceStore, tmp_path: Path
) -> None:
    await store.put(DATA, SHA256, "image/jpeg")
    assert files(tmp_path / "kept") == [f"pictures/{SHA256[:2]}/{SHA256[2:4]}/{SHA256}.jpg"]


async def test_a_write_that_fails_leaves_nothing_behind(
    store: FileEvidenceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fsync", full)
        with pytest.raises(Unavailable, match="No space left"):
            await store.put(DATA, SHA256, "image/jpeg")
    assert files(tmp_path / "kept") == []
    with pytest.raises(NotFound):
        await store.get(SHA256)


async def test_the_file_and_every_new_folder_are_on_the_disk_when_put_returns(
    store: FileEvidenceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def noting(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(atomic.os, "fsync", noting)
    await store.put(DATA, SHA256, "image/jpeg")
    folder = tmp_path / "kept" / "pictures"
    assert atomic.TEMPORARY in synced[0]
    assert synced[1:] == [str(folder / SHA256[:2] / SHA256[2:4]), str(folder / SHA256[:2]), str(folder)]


async def test_a_damaged_picture_is_not_handed_out_and_a_shorter_one_is_mended(
    store: FileEvidenceStore, tmp_path: Path
) -> None:
    await store.put(DATA, SHA256, "image/jpeg")
    (name,) = files(tmp_path / "kept")
    (tmp_path / "kept" / name).write_bytes(DATA[:-1])
    with pytest.raises(NotFound):
        await store.get(SHA256)
    await store.put(DATA, SHA256, "image/jpeg")
    assert await store.get(SHA256) == DATA


async def test_a_picture_that_is_put_again_is_young_again(store: FileEvidenceStore, tmp_path: Path) -> None:
    await store.put(DATA, SHA256, "image/jpeg")
    (name,) = files(tmp_path / "kept")
    os.utime(tmp_path / "kept" / name, (0, 0))
    await store.put(DATA, SHA256, "image/jpeg")
    assert await store.sweep(datetime.now(UTC)) == 0


async def test_what_a_crash_has_left_goes_after_an_hour_and_is_no_picture(
    store: FileEvidenceStore, tmp_path: Path
) -> None:
    folder = tmp_path / "kept" / "good" / "press-1"
    folder.mkdir(parents=True)
    leftover = folder / f"{atomic.TEMPORARY}0123"
    leftover.write_bytes(b"half")
    assert await store.good_frames("press-1") == ()
    assert await store.sweep(datetime.now(UTC)) == 0
    assert leftover.exists()
    assert await store.sweep(datetime.now(UTC) + timedelta(hours=2)) == 0
    assert not leftover.exists()


async def test_a_folder_that_cannot_be_written_is_misconfigured_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = FileEvidenceStore(uri=str(tmp_path / "file"), settings=EvidenceSettings())
    with pytest.raises(Misconfigured) as caught:
        await store.open()
    assert caught.value.setting == "evidence.uri"
    await store.close()


@pytest.mark.parametrize("uri", ["nosuchprotocol://x", "s3://bucket/x"])
def test_a_missing_driver_is_misconfigured(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(Misconfigured) as caught:
        FileEvidenceStore(uri=uri, settings=EvidenceSettings())
    assert caught.value.setting == "evidence.uri"


class StrangeError(Exception):
    """As botocore's: no OSError."""


class BrokenFileSystem(MemoryFileSystem):
    protocol = "broken"

    def cat_file(self, path: str, **kwargs: Any) -> bytes:
        raise StrangeError("the endpoint is gone")

    def exists(self, path: str, **kwargs: Any) -> bool:
        raise ConnectionResetError("reset")


async def test_a_remote_drivers_exceptions_are_weather() -> None:
    fsspec.register_implementation("broken", BrokenFileSystem, clobber=True)
    store = FileEvidenceStore(uri="broken://bucket/x", settings=EvidenceSettings())
    with pytest.raises(Unavailable, match="the endpoint is gone"):
        await store.get(SHA256)
    with pytest.raises(Unavailable, match="reset"):
        await store.put(DATA, SHA256, "image/jpeg")
    await store.close()


async def test_a_folder_with_a_strange_name_is_a_folder(tmp_path: Path) -> None:
    store = FileEvidenceStore(uri=str(tmp_path / "a [b] *"), settings=EvidenceSettings())
    await store.keep_good("press-1", DATA, SHA256, "image/png")
    assert await store.get(SHA256) == DATA
    assert await store.sweep(datetime.now(UTC) + timedelta(days=999)) == 0
    await store.close()


async def test_keeping_no_good_frames_is_possible(tmp_path: Path) -> None:
    store = FileEvidenceStore(uri=f"file://{tmp_path}", settings=EvidenceSettings(good_frames_per_camera=0))
    await store.keep_good("press-1", DATA, SHA256, "image/png")
    assert await store.good_frames("press-1") == ()
    await store.close()
