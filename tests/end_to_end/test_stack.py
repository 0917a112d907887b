"""Frames through real Kafka, Triton, Redis and PostgreSQL, with the daemon killed on the way: nothing lost, nothing doubled."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import confluent_kafka
import cv2
import numpy as np
import pytest
from tests.services import Services

from inspectd.events.kafka import EVENT_TYPE
from inspectd.records import event_id_of
from inspectd.settings import KafkaSettings
from inspectd.v1 import defect_event_pb2, inspection_pb2

pytestmark = [
    pytest.mark.service("kafka"),
    pytest.mark.service("redis"),
    pytest.mark.service("triton"),
    pytest.mark.service("postgres"),
]

FRAMES = 36
INSPECTD = [sys.executable, "-m", "inspectd"]


class Run:
    """One set of topics, one database, one state directory, and the daemon's process."""

    def __init__(self, stack: Services, folder: Path) -> None:
        self.kafka: KafkaSettings = stack.kafka_settings(partitions=2)
        self.log = folder / "daemon.log"
        kafka = {f"INSPECTD_KAFKA__{name.upper()}": str(value) for name, value in self._named().items()}
        self.environment = os.environ | kafka | {
            "INSPECTD_STATE_DIR": str(folder / "state"),
            "INSPECTD_DATABASE__URL": stack.postgres_database(),
            "INSPECTD_REDIS__URL": stack.redis,
            "INSPECTD_TRITON__URL": stack.triton,
            "INSPECTD_VISION__BACKEND": "triton",
            "INSPECTD_KAFKA__SESSION_TIMEOUT_S": "6",
            "INSPECTD_API__PORT": "0",
            "INSPECTD_DASHBOARD__PORT": "0",
        }  # fmt: skip

    def _named(self) -> dict[str, str]:
        names = [name for name in KafkaSettings.model_fields if name.endswith("_topic")]
        return {name: getattr(self.kafka, name) for name in ("bootstrap_servers", "group_id", *names)}

    @contextmanager
    def daemon(self) -> Iterator["subprocess.Popen[bytes]"]:
        with self.log.open("ab") as log:
            process = subprocess.Popen([*INSPECTD, "run"], env=self.environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def publish(self, source: str, camera: str, *more: str) -> dict[str, int]:
        arguments = ["publish", "--source", source, "--camera", camera, "--json", *more]
        done = subprocess.run([*INSPECTD, *arguments], env=self.environment, check=True, stdout=subprocess.PIPE)
        counts: dict[str, int] = json.loads(done.stdout)
        return counts

    def read(self, until: int, timeout_s: float = 240.0, *, explained: bool = False) -> "Announced":
        """What the daemon announced, once `until` distinct frames have a verdict (and every event its words)."""
        announced, ends = Announced(), time.monotonic() + timeout_s
        consumer = confluent_kafka.Consumer(
            {"bootstrap.servers": self.kafka.bootstrap_servers, "group.id": "reader", "auto.offset.reset": "earliest"}
        )
        consumer.subscribe([self.kafka.inspections_topic, self.kafka.events_topic])
        try:
            while time.monotonic() < ends and not (
                announced.complete(until) and (announced.explained or not explained)
            ):
                announced.take(consumer.poll(0.3), self.kafka)
        finally:
            consumer.close()
        assert announced.complete(until), f"{len(announced.verdicts)} of {until}: {self.log.read_text()[-3000:]}"
        return announced


class Announced:
    """Verdicts and events by id."""

    def __init__(self) -> None:
        self.verdicts: dict[str, inspection_pb2.Inspection] = {}
        self.events: dict[str, defect_event_pb2.DefectEvent] = {}
        self.types: Counter[str] = Counter()

    def take(self, message: confluent_kafka.Message | None, kafka: KafkaSettings) -> None:
        if message is None or message.error():
            return
        self.types[dict(message.headers())["ce_type"].decode()] += 1
        if message.topic() == kafka.inspections_topic:
            verdict = inspection_pb2.Inspection.FromString(message.value())
            self.verdicts[verdict.frame_id] = verdict
        else:
            event = defect_event_pb2.DefectEvent.FromString(message.value())
            if event.event_id not in self.events or event.revision >= self.events[event.event_id].revision:
                self.events[event.event_id] = event

    def complete(self, until: int) -> bool:
        named = {verdict.event_id for verdict in self.verdicts.values() if verdict.event_id}
        return len(self.verdicts) >= until and named <= set(self.events)

    @property
    def explained(self) -> bool:
        pending = defect_event_pb2.Explanation.PENDING
        return all(event.explanation.state != pending for event in self.events.values())


@pytest.fixture
def run(stack: Services, tmp_path: Path) -> Run:
    return Run(stack, tmp_path)


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A folder with drawn parts, two of them broken files."""
    from iad_unify.procedural import draw_random

    folder = tmp_path / "parts"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(FRAMES - 2):
        drawing = draw_random(rng, 192, good_share=0.4)
        cv2.imwrite(str(folder / f"p{number:03d}.jpg"), cv2.cvtColor(drawing.image, cv2.COLOR_RGB2BGR))
    whole = (folder / "p000.jpg").read_bytes()
    (folder / "q-truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "q-damaged.jpg").write_bytes(whole[:64] + bytes(len(whole)))
    return folder


def test_killed_again_and_again_the_daemon_loses_no_frame_and_doubles_no_event(run: Run, parts: Path) -> None:
    published = run.publish(f"folder:{parts}", "press-1", "--boot", "b1", "--parts-from-names", "--lot", "L7")
    assert published["published"] == FRAMES
    rng = np.random.default_rng(1)
    for _ in range(3):
        with run.daemon() as process:
            time.sleep(float(rng.uniform(3.0, 9.0)))
            process.kill()
            process.wait()
    with run.daemon():
        announced = run.read(FRAMES, explained=True)
    verdicts = announced.verdicts.values()
    assert {verdict.frame_id.rsplit("/", 1)[0] for verdict in verdicts} == {"press-1/b1"}
    assert {verdict.part_id for verdict in verdicts} == {path.stem for path in parts.iterdir()}
    refused = {v.part_id: v.reason for v in verdicts if v.outcome == inspection_pb2.Inspection.REJECTED}
    assert refused == {"q-truncated": "truncated", "q-damaged": "corrupt"}
    defective = {v.frame_id: v.event_id for v in verdicts if v.outcome == inspection_pb2.Inspection.DEFECT}
    assert set(announced.events) == set(defective.values()) == {event_id_of(frame_id) for frame_id in defective}
    assert announced.explained
    assert announced.types[EVENT_TYPE] >= len(announced.events)


def test_a_bare_jpeg_of_another_client_is_inspected(run: Run, parts: Path) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": run.kafka.bootstrap_servers})
    producer.produce(run.kafka.frames_topic, key=b"gateway-9", value=(parts / "p001.jpg").read_bytes())
    producer.produce(run.kafka.frames_topic, key=b"gateway-9", value=b"no picture at all")
    assert producer.flush(20) == 0
    with run.daemon():
        announced = run.read(2)
    outcomes = Counter(verdict.outcome for verdict in announced.verdicts.values())
    assert outcomes[inspection_pb2.Inspection.REJECTED] == 1
    assert all(verdict.camera_id == "gateway-9" for verdict in announced.verdicts.values())
    listed = subprocess.run(
        [*INSPECTD, "dead-letters", "list"], env=run.environment, check=True, stdout=subprocess.PIPE, text=True
    )
    assert "unsupported_format" in listed.stdout


@pytest.mark.parametrize(
    ("variable", "value", "setting", "code"),
    [
        ("INSPECTD_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:9", "kafka.bootstrap_servers", 1),
        ("INSPECTD_TRITON__URL", "127.0.0.1:9", "triton.url", 1),
        ("INSPECTD_REDIS__URL", "redis://127.0.0.1:9/0", "redis.url", 1),
        ("INSPECTD_DATABASE__URL", "postgresql://u@127.0.0.1:9/d", "database.url", 1),
        ("INSPECTD_FRAMES__MAX_IN_FLIGHT", "none", "frames.max_in_flight", 2),
    ],
)
def test_a_server_that_is_away_is_worth_another_start_and_a_wrong_setting_is_not(
    run: Run, variable: str, value: str, setting: str, code: int
) -> None:
    done = subprocess.run(
        [*INSPECTD, "run"],
        env=run.environment | {variable: value},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == code, done.stderr[-2000:]
    assert last.startswith(f"inspectd: {setting}:")
