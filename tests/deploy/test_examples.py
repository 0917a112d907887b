"""The examples of the users' pages, run as files against real servers."""

import asyncio
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import confluent_kafka
import pytest
from tests.deploy.artefacts import DEPLOY
from tests.line import BAD, open_line
from tests.services import Services

from inspectd.frames.blobs import AllowedBlobs
from inspectd.frames.codec import read_record
from inspectd.frames.source import FrameRecord
from inspectd.records import Frame
from inspectd.settings import FrameSettings
from inspectd.v1 import inspection_pb2

EXAMPLES = DEPLOY / "docs" / "examples"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "part.png"
    file.write_bytes(BAD)
    return file


async def started(name: str, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / name), *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


def published(servers: str, topic: str) -> Frame:
    """The one frame in a topic, as the daemon reads it."""
    group = f"test-{uuid.uuid4().hex}"
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": servers, "group.id": group, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    message = consumer.poll(60)
    consumer.close()
    assert message is not None
    assert message.error() is None
    record = FrameRecord(
        topic=topic,
        partition=message.partition(),
        offset=message.offset(),
        key=message.key(),
        value=message.value(),
        headers=tuple((name, value) for name, value in message.headers() or ()),
        timestamp=datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
    )
    return read_record(record, FrameSettings(), AllowedBlobs(allow_list=(), max_bytes=1))


@pytest.mark.service("kafka")
def test_publish_part(stack: Services, picture: Path) -> None:
    topic = stack.kafka_settings().frames_topic
    words = [EXAMPLES / "publish_part.py", stack.kafka, "press-1", "P-0815", picture, topic]
    said = subprocess.run([sys.executable, *words], check=True, capture_output=True, text=True).stdout.strip()
    frame = published(stack.kafka, topic)
    assert (frame.frame_id, frame.camera_id, frame.part_id) == (said, "press-1", "P-0815")
    assert frame.data == BAD


@pytest.mark.service("kafka")
def test_publish_bare(stack: Services, picture: Path) -> None:
    topic = stack.kafka_settings().frames_topic
    words = [EXAMPLES / "publish_bare.py", stack.kafka, "press-1", picture, topic]
    subprocess.run([sys.executable, *words], check=True)
    frame = published(stack.kafka, topic)
    assert (frame.camera_id, frame.data) == ("press-1", BAD)
    assert frame.frame_id.startswith(f"press-1/{topic}-")


@pytest.mark.service("kafka")
async def test_read_verdicts(stack: Services) -> None:
    topic = stack.kafka_settings().inspections_topic
    verdict = inspection_pb2.Inspection(
        frame_id="press-1/a/1", camera_id="press-1", part_id="P-0815", outcome=inspection_pb2.Inspection.DEFECT
    )
    producer = confluent_kafka.Producer({"bootstrap.servers": stack.kafka})
    for _ in range(2):
        producer.produce(topic, verdict.SerializeToString(), key=b"press-1")
    assert producer.flush(30) == 0
    process = await started("read_verdicts.py", stack.kafka, topic)
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        assert line.decode().split() == ["press-1", "P-0815", "DEFECT"]
        with pytest.raises(TimeoutError):  # the repetition is not told again
            await asyncio.wait_for(process.stdout.readline(), 2)
    finally:
        process.kill()
        await process.communicate()


async def test_inspect_image(tmp_path: Path, picture: Path) -> None:
    async with open_line(tmp_path) as line:
        server = await line.api()
        process = await started("inspect_image.py", server.address, str(picture))
        said, trouble = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, trouble.decode()
    first, region = said.decode().splitlines()
    assert first.startswith("DEFECT ")
    assert "top_left" in region


async def test_watch_events(tmp_path: Path) -> None:
    async with open_line(tmp_path) as line:
        server = await line.api()
        process = await started("watch_events.py", server.address)
        try:
            assert process.stdout is not None
            reading, raised = asyncio.create_task(process.stdout.readline()), set()
            for number in range(1, 120):  # it watches from some moment on
                raised.add((await line.defect(number)).event_id)
                if (await asyncio.wait({reading}, timeout=1))[0]:
                    break
            event_id, revision, camera, *_ = (await reading).decode().split()
            assert event_id in raised
            assert (revision, camera) == ("1", "cam-1")
        finally:
            process.kill()
            await process.communicate()


def test_every_example_is_tested_and_shown_in_a_page() -> None:
    pages = "".join(page.read_text() for page in (DEPLOY / "docs").glob("*.md"))
    here = Path(__file__).read_text()
    for example in EXAMPLES.glob("*.py"):
        assert f"examples/{example.name}" in pages, f"no page speaks of {example.name}"
        assert f"def test_{example.stem}(" in here, f"no test runs {example.name}"
