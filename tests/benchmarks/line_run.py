"""Real parts through the real stack: two cameras, Kafka, Triton, Redis, with or without kill -9 of the daemon.

    iad-unify train region-expert --data DIR --config tiny --minutes 8 --out CKPT
    python tests/benchmarks/line_run.py --data DIR --expert CKPT --out RUN
    python tests/benchmarks/line_run.py --data DIR --expert CKPT --out RUN2 --kills 20 --compare RUN/frames.json
    python tests/benchmarks/line_run.py --data DRAWN --expert models/weights/region_expert --groups SPLIT --out RUN3

Good parts of the split's `train` and `validation` groups set the cameras' thresholds; the frames are those of the `test`
groups, half of the groups on each camera. Prints one JSON object and writes it, the events and the frame ids under RUN.
It reads the topics with another Kafka client than ours.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import confluent_kafka
import numpy as np

from inspectd.v1 import defect_event_pb2, inspection_pb2

CAMERAS = ("tile-1", "tile-2")
BOOT = "line-run"
INSPECTD = [sys.executable, "-m", "inspectd"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--expert", type=Path, required=True)
    parser.add_argument("--groups", type=Path, help="split file; that of the expert's training when left out")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--explainer", type=Path, help="instead of the shipped one")
    parser.add_argument("--editor", type=Path, help="instead of the shipped one")
    parser.add_argument("--rate", type=float, default=20.0, help="frames per second of both cameras together")
    parser.add_argument("--false-alarm-rate", type=float, default=0.05)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--wait-s", type=float, default=120.0, help="for explanations, after the last verdict")
    parser.add_argument("--compare", type=Path, help="frames.json of a run without kills")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    truth = lay_out(options)
    stack = options.out / "stack"
    up = ["--state-dir", str(stack), "--ports", "free"]
    for role in ("expert", "explainer", "editor"):
        up += [f"--{role}-checkpoint", str(getattr(options, role))] if getattr(options, role) else []
    command([*INSPECTD, "stack", "up", *up])
    try:
        report = drive(options, stack / "stack.toml", truth)
    finally:
        command([*INSPECTD, "stack", "down", "--state-dir", str(stack)])
    print(json.dumps(report, indent=1))
    (options.out / "report.json").write_text(json.dumps(report, indent=1))


def lay_out(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Folders of good parts and of frames per camera; returns the truth by part id."""
    split = json.loads((options.groups or options.expert / "groups.json").read_text())
    entries = [json.loads(line) for line in (options.data / "manifest.jsonl").read_text().splitlines()]
    tested = sorted(split["test"])
    camera_of = {group: CAMERAS[index % 2] for index, group in enumerate(tested)}
    truth: dict[str, dict[str, Any]] = {}
    for camera in CAMERAS:
        shutil.rmtree(options.out / camera, ignore_errors=True)
        (options.out / camera / "good").mkdir(parents=True)
        (options.out / camera / "frames").mkdir()
    for number, entry in enumerate(entries):
        source = (options.data / entry["image"]).resolve()
        name = f"{number:05d}{source.suffix}"
        if entry["group"] in camera_of:
            (options.out / camera_of[entry["group"]] / "frames" / name).symlink_to(source)
            truth[f"{number:05d}"] = entry
        elif entry["defect_type"] is None:
            for camera in CAMERAS:
                (options.out / camera / "good" / name).symlink_to(source)
    return truth


def drive(options: argparse.Namespace, config: Path, truth: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Calibrates, publishes, kills, waits, counts."""
    environment = os.environ | {"INSPECTD_STATE_DIR": str(options.out / "state"), "INSPECTD_DASHBOARD__PORT": "0"}
    environment |= {"INSPECTD_API__PORT": "0", "INSPECTD_LOG_JSON": "true"}
    for camera in CAMERAS:
        good = str(options.out / camera / "good")
        rate = ["--false-alarm-rate", str(options.false_alarm_rate)]
        command(
            [*INSPECTD, "calibrate", "--config", str(config), "--camera", camera, "--good", good, "--no-memory", *rate],
            environment,
        )
    servers = bootstrap(config)
    daemon = Daemon([*INSPECTD, "run", "--config", str(config)], environment, options.out / "daemon.log")
    daemon.wait_running()
    publishers = [
        subprocess.Popen([
            *INSPECTD, "publish", "--config", str(config), "--source", f"folder:{options.out / camera / 'frames'}",
            "--camera", camera, "--rate", str(options.rate / 2), "--parts-from-names", "--boot", BOOT, "--json",
        ], stdout=subprocess.DEVNULL)
        for camera in CAMERAS
    ]  # fmt: skip
    try:
        kill_at = sorted(random.Random(options.seed).sample(range(1, len(truth) - 1), options.kills))
        topics = Topics(servers)
        killed = topics.follow(truth, daemon, kill_at, options.wait_s)
        for publisher in publishers:
            publisher.wait()
    finally:
        daemon.stop()
    return summarise(options, topics, truth, killed)


class Daemon:
    """The daemon's process, which a kill starts again."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self._arguments, self._environment, self._log = arguments, environment, log
        self._start()

    def wait_running(self) -> None:
        """Returns when the daemon says that it runs, so that its start is not taken for latency."""
        while '"event": "running"' not in self._log.read_text() and self._process.poll() is None:
            time.sleep(0.2)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._start()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._arguments, env=self._environment, stderr=log, stdout=log)


class Topics:
    """Everything that the daemon announced, record by record."""

    def __init__(self, servers: str) -> None:
        self._consumer = confluent_kafka.Consumer({
            "bootstrap.servers": servers, "group.id": "line-run", "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        })  # fmt: skip
        self._consumer.subscribe(["inspectd.inspections", "inspectd.events"])
        self.verdicts: dict[str, Any] = {}
        self.verdict_records = 0
        self.events: dict[str, Any] = {}
        self.event_records: Counter[str] = Counter()
        self.frames_of_events: dict[str, set[str]] = {}

    def follow(self, truth: dict[str, Any], daemon: Daemon, kill_at: list[int], wait_s: float) -> list[int]:
        """Until every frame has its verdict and every event its words, or the time is up.

        Kills the daemon whenever so many frames have their verdicts, so that every kill meets it at work.
        """
        settled, killed = time.monotonic(), []
        while True:
            now = time.monotonic()
            if kill_at and len(self.verdicts) >= kill_at[0]:
                killed.append(len(self.verdicts))
                kill_at = [count for count in kill_at[1:] if count > len(self.verdicts)]
                daemon.kill()
            if self._take():
                settled = now
            complete = len(self.verdicts) >= len(truth) and not kill_at
            waiting = [e for e in self.events.values() if e.explanation.state == defect_event_pb2.Explanation.PENDING]
            if (complete and not waiting and now - settled > 5) or now - settled > wait_s:
                return killed

    def _take(self) -> bool:
        message = self._consumer.poll(0.2)
        if message is None or message.error():
            return False
        if message.topic() == "inspectd.inspections":
            verdict = inspection_pb2.Inspection.FromString(message.value())
            self.verdicts[verdict.frame_id] = verdict
            self.verdict_records += 1
        else:
            event = defect_event_pb2.DefectEvent.FromString(message.value())
            self.event_records[f"{event.event_id}/{event.revision}"] += 1
            self.frames_of_events.setdefault(event.frame_id, set()).add(event.event_id)
            if event.event_id not in self.events or self.events[event.event_id].revision < event.revision:
                self.events[event.event_id] = event
        return True


def summarise(
    options: argparse.Namespace, topics: Topics, truth: dict[str, dict[str, Any]], killed: list[int]
) -> dict[str, Any]:
    outcome = inspection_pb2.Inspection.Outcome
    defective = {frame for frame, verdict in topics.verdicts.items() if verdict.outcome == outcome.DEFECT}
    bad = {part for part, entry in truth.items() if entry["defect_type"] is not None}
    found = {topics.verdicts[frame].part_id for frame in defective}
    latencies = [
        (event.raise_time.ToMicroseconds() - event.capture_time.ToMicroseconds()) / 1000
        for event in topics.events.values()
    ]
    states, origins = defect_event_pb2.Explanation.State, defect_event_pb2.Explanation.Origin
    report = {
        "frames_published": len(truth),
        "inspections_distinct": len(topics.verdicts),
        "inspection_records": topics.verdict_records,
        "outcomes": dict(Counter(outcome.Name(verdict.outcome) for verdict in topics.verdicts.values())),
        "events_distinct": len(topics.events),
        "event_records_repeated": sum(count - 1 for count in topics.event_records.values()),
        "frames_with_two_events": sum(len(ids) > 1 for ids in topics.frames_of_events.values()),
        "detection_rate": rate(len(found & bad), len(bad)),
        "false_alarm_rate": rate(len(found - bad), len(truth) - len(bad)),
        "detection_by_type": {
            kind: rate(len(found & parts), len(parts)) for kind, parts in sorted(by_type(truth).items())
        },
        "capture_to_event_ms": {"p50": percentile(latencies, 50), "p99": percentile(latencies, 99)},
        "explanations": dict(Counter(states.Name(event.explanation.state) for event in topics.events.values())),
        "origins": dict(Counter(origins.Name(event.explanation.origin) for event in topics.events.values())),
        "killed_after_verdicts": killed,
    }
    frames = {"frames": sorted(topics.verdicts), "events": sorted(topics.events)}
    (options.out / "frames.json").write_text(json.dumps(frames))
    with (options.out / "events.bin").open("wb") as file:  # length-prefixed, for check_claims.py
        for event in topics.events.values():
            data = event.SerializeToString()
            file.write(len(data).to_bytes(4, "big") + data)
    (options.out / "truth.json").write_text(json.dumps(truth))
    if options.compare:
        other = json.loads(options.compare.read_text())
        report["frames_lost"] = len(set(other["frames"]) - set(frames["frames"]))
        report["events_that_differ"] = len(set(other["events"]) ^ set(frames["events"]))
    return report


def by_type(truth: dict[str, dict[str, Any]]) -> dict[str, set[str]]:
    kinds: dict[str, set[str]] = {}
    for part, entry in truth.items():
        if entry["defect_type"]:
            kinds.setdefault(entry["defect_type"], set()).add(part)
    return kinds


def rate(hits: int, count: int) -> float | None:
    return round(hits / count, 4) if count else None


def percentile(values: list[float], percent: float) -> float | None:
    return round(float(np.percentile(values, percent)), 1) if values else None


def bootstrap(config: Path) -> str:
    import tomllib

    return str(tomllib.loads(config.read_text())["kafka"]["bootstrap_servers"])


def command(arguments: list[str], environment: dict[str, str] | None = None) -> None:
    print("$", " ".join(arguments[2:]), file=sys.stderr)
    subprocess.run(arguments, check=True, env=environment, stdout=sys.stderr)


if __name__ == "__main__":
    main()
