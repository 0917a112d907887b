"""Pictures by reference: only from allowed places, only as large and as hashed as the record says."""

import hashlib
import os
from pathlib import Path

import fsspec
import pytest

from inspectd.errors import Misconfigured, Rejected, Unavailable
from inspectd.frames.blobs import AllowedBlobs

DATA = b"picture"
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "frames" / "inner").mkdir(parents=True)
    for name in ("frames/1.jpg", "frames/inner/2.jpg", "frames-evil.jpg", "secret.jpg"):
        (tmp_path / name).write_bytes(DATA)
    return tmp_path


@pytest.fixture
def blobs(place: Path) -> AllowedBlobs:
    return AllowedBlobs(allow_list=[f"file://{place}/frames"], max_bytes=100)


def reason(blobs: AllowedBlobs, uri: str, size: int = len(DATA), digest: str = DIGEST) -> str:
    with pytest.raises(Rejected) as caught:
        blobs.fetch(uri, size, digest)
    return caught.value.reason


@pytest.mark.parametrize("name", ["frames/1.jpg", "frames/inner/2.jpg", "frames//1.jpg"])
def test_an_allowed_picture_is_fetched(blobs: AllowedBlobs, place: Path, name: str) -> None:
    assert blobs.fetch(f"file://{place}/{name}", len(DATA), DIGEST) == DATA


def test_a_store_that_is_not_a_disk_is_fetched_too() -> None:
    with fsspec.open("memory://bucket/frames/1.jpg", "wb") as file:
        file.write(DATA)
    assert (
        AllowedBlobs(allow_list=["memory://bucket/frames"], max_bytes=100).fetch(
            "memory://bucket/frames/1.jpg", len(DATA), DIGEST
        )
        == DATA
    )


@pytest.mark.parametrize(
    "uri",
    [
        "file://{0}/secret.jpg",
        "file://{0}/frames-evil.jpg",
        "file://{0}/frames",
        "file://{0}/frames/",
        "file://{0}/frames/../secret.jpg",
        "file://{0}/frames/./1.jpg",
        "file://{0}/frames/.../1.jpg",
        "file://{0}/frames/%2e%2e/secret.jpg",
        "file://{0}/frames/..\\secret.jpg",
        "file://{0}/frames/1.jpg?x=1",
        "file://{0}/frames/1.jpg#x",
        "file://{0}/frames/1.jpg\n",
        "file://{0}/frames/1.jpg\x00",
        "file://host{0}/frames/1.jpg",
        "FILE://{0}/frames/1.jpg",
        "local://{0}/frames/1.jpg",
        "simplecache::file://{0}/frames/1.jpg",
        "file://{0}/frames/1.jpg::file:///etc/passwd",
        "http://user@{0}/frames/1.jpg",
        "{0}/frames/1.jpg",
        "",
        "file://{0}/frames/" + "x" * 3000,
    ],
)
def test_every_way_out_is_refused(blobs: AllowedBlobs, place: Path, uri: str) -> None:
    assert reason(blobs, uri.format(place)) == "blob_not_allowed"


def test_a_link_that_leads_out_is_refused(blobs: AllowedBlobs, place: Path) -> None:
    (place / "frames" / "link.jpg").symlink_to(place / "secret.jpg")
    (place / "frames" / "door").symlink_to(place)
    assert reason(blobs, f"file://{place}/frames/link.jpg") == "blob_not_allowed"
    assert reason(blobs, f"file://{place}/frames/door/secret.jpg") == "blob_not_allowed"


def test_an_empty_allow_list_allows_nothing(place: Path) -> None:
    assert reason(AllowedBlobs(allow_list=[], max_bytes=100), f"file://{place}/frames/1.jpg") == "blob_not_allowed"


def test_what_is_not_as_the_record_says_is_refused(blobs: AllowedBlobs, place: Path) -> None:
    uri = f"file://{place}/frames/1.jpg"
    assert reason(blobs, uri, size=8) == "size_mismatch"
    assert reason(blobs, uri, size=0) == "size_mismatch"
    assert reason(blobs, uri, size=-5) == "size_mismatch"
    assert reason(blobs, uri, size=101) == "too_large"
    assert reason(blobs, uri, digest="0" * 64) == "digest_mismatch"
    assert reason(blobs, uri, digest=DIGEST.upper()) == "bad_digest"
    assert reason(blobs, uri, digest="") == "bad_digest"


def test_what_is_not_there_or_no_file_is_unknown(blobs: AllowedBlobs, place: Path) -> None:
    os.mkfifo(place / "frames" / "pipe")
    assert reason(blobs, f"file://{place}/frames/9.jpg") == "unknown_blob"
    assert reason(blobs, f"file://{place}/frames/inner") == "unknown_blob"
    assert reason(blobs, f"file://{place}/frames/pipe") == "unknown_blob"


def test_a_store_that_is_away_is_no_fault_of_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*ignored: object, **also: object) -> None:
        raise ConnectionResetError("away")

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.info", broken)
    with pytest.raises(Unavailable, match="memory://bucket"):
        AllowedBlobs(allow_list=["memory://bucket"], max_bytes=9).fetch("memory://bucket/1.jpg", 7, DIGEST)


@pytest.mark.parametrize("entry", ["/var/frames", "file:///", "nonsense://x/y", "file:///a/../b", ""])
def test_an_allow_list_that_means_nothing_is_told_at_the_start(entry: str) -> None:
    with pytest.raises(Misconfigured, match=r"frames\.blob_allow_list"):
        AllowedBlobs(allow_list=[entry], max_bytes=9)
