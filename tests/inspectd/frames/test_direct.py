"""Frames without Kafka: files wait and end, cameras drop the oldest and say so."""

import asyncio
import os
import threading
from pathlib import Path

import pytest
from tests.inspectd.frames.pictures import folder_of, jpeg
from tests.inspectd.frames.streams import until

from inspectd.errors import InspectdError, Rejected
from inspectd.frames.codec import read_record
from inspectd.frames.direct import DirectFrameSource, open_direct_source
from inspectd.frames.feeds import Feed
from inspectd.frames.folder import FolderShots
from inspectd.frames.labels import Label, Labels
from inspectd.frames.shot import Shot
from inspectd.frames.source import FrameRecord
from inspectd.settings import FrameSettings


class Camera:
    """A live camera that gives a picture whenever the test says so."""

    live = True

    def __init__(self, boot: str = "b") -> None:
        self.boot, self.number, self._go, self._closed = boot, 0, threading.Semaphore(0), False

    @property
    def connected(self) -> bool:
        return self.number > 0

    def shoot(self, count: int) -> None:
        self._go.release(count)

    def take(self) -> Shot | None:
        self._go.acquire()
        if self._closed:
            return None
        self.number += 1
        return Shot(jpeg(), "image/jpeg", f"{self.number}")

    def close(self) -> None:
        self._closed = True
        self._go.release()


async def everything(source: DirectFrameSource) -> list[FrameRecord]:
    found = []
    while (delivery := await source.receive()) is not None:
        found.append(delivery.record)
        source.acknowledge(delivery)
    return found


async def test_a_folder_is_read_to_its_end_and_the_same_again_after_a_restart(tmp_path: Path) -> None:
    runs = []
    for _ in range(2):
        source = open_direct_source(FrameSettings(source=f"folder:{folder_of(tmp_path, 40)}", max_in_flight=4))
        await source.open()
        records = await everything(source)
        runs.append([read_record(record, FrameSettings(), None).frame_id for record in records])  # type: ignore[arg-type]
        assert source.ready
        await source.close()
        assert not source.ready
    assert len(set(runs[0])) == 40
    assert runs[0] == runs[1]


async def test_a_picture_is_inspected_whatever_its_file_is_called(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    deep = folder / Path(*["a-rather-long-name-of-a-folder"] * 10)
    deep.mkdir(parents=True)
    for file in (folder / os.fsdecode(b"n\xe4chste.jpg"), folder / "two\nlines.jpg", deep / "part.jpg"):
        file.write_bytes(jpeg())
    shots = FolderShots(folder=folder)
    source = DirectFrameSource(feeds=[Feed("cam", shots, labels=Labels(parts_from_names=True))])
    await source.open()
    frames = [read_record(record, FrameSettings(), None) for record in await everything(source)]  # type: ignore[arg-type]
    await source.close()
    assert {frame.part_id for frame in frames} == {"n\\xe4chste", "two\\x0alines", "part"}
    assert frames[0].attributes["file"].endswith("a-rather-long-name-of-a-folder/part.jpg")


async def test_a_file_waits_for_acknowledgements_and_drops_nothing(tmp_path: Path) -> None:
    source = open_direct_source(FrameSettings(source=f"folder:{folder_of(tmp_path, 10)}", max_in_flight=3))
    await source.open()
    held = [await source.receive() for _ in range(3)]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(source.receive(), 0.3)
    for delivery in held:
        assert delivery is not None
        source.acknowledge(delivery)
        source.acknowledge(delivery)
    assert len(await everything(source)) == 7
    assert source.dropped == {}
    await source.close()


async def test_a_camera_drops_its_oldest_waiting_frame_and_tells(tmp_path: Path) -> None:
    camera, told = Camera(), list[tuple[int, str]]()
    source = DirectFrameSource(
        feeds=[Feed("cam", camera)],
        max_in_flight=4,
        on_drop=lambda record, reason: told.append((record.offset, reason)),
    )
    await source.open()
    assert not source.ready
    camera.shoot(10)
    await until(lambda: len(told) == 6)
    assert source.ready
    assert told == [(offset, "behind") for offset in range(6)]
    assert source.dropped == {"behind": 6}
    found = [await source.receive() for _ in range(4)]
    assert [delivery.record.offset for delivery in found if delivery] == [6, 7, 8, 9]
    await source.close()
    assert await source.receive() is None


async def test_a_fast_camera_does_not_push_out_a_slow_one(tmp_path: Path) -> None:
    slow, fast = Camera(), Camera()
    source = DirectFrameSource(feeds=[Feed("slow", slow), Feed("fast", fast)], max_in_flight=4)
    await source.open()
    slow.shoot(1)
    await until(lambda: slow.number == 1)
    fast.shoot(50)
    await until(lambda: source.dropped.get("behind") == 48)
    keys = [delivery.record.key for delivery in [await source.receive() for _ in range(3)] if delivery]
    assert sorted(keys) == [b"fast", b"fast", b"slow"]
    await source.close()


async def test_the_limit_counts_the_frames_of_all_feeds(tmp_path: Path) -> None:
    source = open_direct_source(FrameSettings(source="simulated", limit=7))
    await source.open()
    assert len(await everything(source)) == 7
    await source.close()


async def test_skipped_frames_keep_their_numbers(tmp_path: Path) -> None:
    folder_of(tmp_path, 6)

    async def ids(skip: int, limit: int = 0) -> list[tuple[int, bytes]]:
        source = DirectFrameSource(feeds=[Feed("cam", FolderShots(folder=tmp_path))], skip=skip, limit=limit)
        await source.open()
        found = [(record.offset, dict(record.headers)["ce_id"]) for record in await everything(source)]
        await source.close()
        return found

    whole = await ids(0)
    assert await ids(4) == whole[4:]
    assert await ids(2, limit=3) == whole[2:5]
    assert await ids(9) == []


async def test_labels_reach_the_frame(tmp_path: Path) -> None:
    labels = Labels(fixed=Label(lot="L"), parts_from_names=True)
    source = DirectFrameSource(feeds=[Feed("cam", FolderShots(folder=folder_of(tmp_path, 1)), 0.0, labels)])
    await source.open()
    (record,) = await everything(source)
    await source.close()
    frame = read_record(record, FrameSettings(), None)  # type: ignore[arg-type]
    assert (frame.part_id, frame.lot, frame.attributes["file"]) == ("part-0", "L", "part-0.jpg")


async def test_a_feed_that_breaks_is_heard_of(tmp_path: Path) -> None:
    class Broken(Camera):
        def take(self) -> Shot | None:
            raise OSError("no such device")

    source = DirectFrameSource(feeds=[Feed("cam", Broken())])
    await source.open()
    with pytest.raises(InspectdError, match="no such device"):
        await source.receive()
    assert not source.ready
    await source.close()


def test_a_camera_id_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="bad_camera_id"):
        DirectFrameSource(feeds=[Feed("a b", Camera())])


async def test_closing_ends_a_feed_that_waits_for_room(tmp_path: Path) -> None:
    source = open_direct_source(FrameSettings(source=f"folder:{folder_of(tmp_path, 5)}", max_in_flight=1))
    await source.open()
    assert await source.receive() is not None
    await asyncio.wait_for(source.close(), 2)
    assert await source.receive() is None
