import os
from pathlib import Path

import pytest
from tests.conformance.samples import record

from inspectd.deadletters.files import FileDeadLetterStore
from inspectd.errors import Misconfigured, Unavailable
from inspectd.evidence import atomic


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
