import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.conformance.samples import record

from inspectd.deadletters.files import FileDeadLetterStore, encode
from inspectd.errors import Misconfigured, Unavailable
from inspectd.evidence import atomic
from inspectd.settings import DeadLetterSettings

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)


async def test_files_that_are_no_letters_are_passed_over(tmp_path: Path) -> None:
    store = FileDeadLetterStore(folder=tmp_path)
    await store.put(record(), "truncated", "x")
    (tmp_path / "README").write_text("not ours")
    (tmp_path / f"{atomic.TEMPORARY}01").write_bytes(b"half")
    for number, content in enumerate([b"", b"{}", b"[]\n", b"{\n", b"\xff\xfe\n", b'{"empty": 1}\nx']):
        (tmp_path / f"0{number}.letter").write_bytes(content)
    assert [letter.record async for letter in store.read()] == [record()]


async def test_a_full_disk_is_unavailable_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    store = FileDeadLetterStore(folder=tmp_path)
    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        await store.put(record(), "truncated", "x")
    assert os.listdir(tmp_path) == []


async def test_a_folder_that_cannot_be_made_is_misconfigured_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = FileDeadLetterStore(folder=tmp_path / "file" / "letters")
    with pytest.raises(Misconfigured):
        await store.open()
    with pytest.raises(Unavailable):
        await store.put(record(), "truncated", "x")
    with pytest.raises(Unavailable):
        [letter async for letter in store.read()]
    await store.close()


async def test_the_position_is_the_files_name(tmp_path: Path) -> None:
    store = FileDeadLetterStore(folder=tmp_path)
    await store.put(record(), "truncated", "x")
    (letter,) = [letter async for letter in store.read()]
    assert (tmp_path / letter.position).is_file()


async def filled(folder: Path, settings: DeadLetterSettings) -> FileDeadLetterStore:
    """A letter of a day for five days before NOW, the newest of that moment, and a file that is no letter."""
    days = iter(range(4, -1, -1))
    store = FileDeadLetterStore(folder=folder, settings=settings, clock=lambda: NOW - timedelta(days=next(days)))
    for offset in range(5):
        await store.put(record(offset=offset, value=bytes(1000)), "truncated", "x")
    (folder / "00.letter").write_bytes(bytes(5000))
    return store


async def test_retention_removes_letters_by_age_oldest_first_and_nothing_else(tmp_path: Path) -> None:
    store = await filled(tmp_path, DeadLetterSettings(retention_days=2.5))
    assert await store.sweep(NOW) == 2
    assert [letter.record.offset async for letter in store.read()] == [2, 3, 4]
    assert await store.sweep(NOW) == 0
    assert (tmp_path / "00.letter").exists()


async def test_retention_removes_letters_by_bytes_oldest_first(tmp_path: Path) -> None:
    store = await filled(tmp_path, DeadLetterSettings())
    size = max([len(encode(letter)) async for letter in store.read()])
    fitting = FileDeadLetterStore(folder=tmp_path, settings=DeadLetterSettings(retention_bytes=2 * size))
    assert await fitting.sweep(NOW) == 3
    assert [letter.record.offset async for letter in store.read()] == [3, 4]
