"""What a run has seen so far, as numbers and as a terminal view. Knows verdicts and events, not where they come from."""

import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from inspectd.pipeline import Verdict
from inspectd.records import DefectEvent, ExplanationState, Frame, Origin, Outcome

#: Frames of the last seconds that the rate is taken over.
RATE_WINDOW_S = 5.0
#: Latencies kept for the percentiles; the newest of a long run.
LATENCIES_KEPT = 100_000


class Tally:
    """Counts of one run."""

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.by_camera: dict[str, Counter[Outcome]] = {}
        self.explained: dict[str, Origin] = {}
        self.ended: Counter[ExplanationState] = Counter()
        self.event_ids: set[str] = set()
        self.newest: deque[DefectEvent] = deque(maxlen=5)
        self._latencies_s: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self._arrivals: deque[float] = deque()

    def on_verdict(self, frame: Frame | None, verdict: Verdict) -> None:
        """A frame has its verdict, and all its traces are safe."""
        inspection = verdict.inspection
        self.outcomes[inspection.outcome] += 1
        self.by_camera.setdefault(inspection.camera_id, Counter())[inspection.outcome] += 1
        if verdict.event is not None:
            self.event_ids.add(verdict.event.event_id)
        self._latencies_s.append(max(0.0, time.time() - inspection.capture_time.timestamp()))
        self._arrivals.append(time.monotonic())

    def on_event(self, event: DefectEvent) -> None:
        """An event was raised or revised."""
        state = event.explanation.state
        if state is ExplanationState.PENDING:
            return
        self.ended[state] += 1
        if event.explanation.text:
            self.explained[event.event_id] = event.explanation.origin
            self.newest.appendleft(event)

    @property
    def frames(self) -> int:
        """Frames that have a verdict."""
        return self.outcomes.total()

    def rate(self) -> float:
        """Frames per second over the last seconds."""
        limit = time.monotonic() - RATE_WINDOW_S
        while self._arrivals and self._arrivals[0] < limit:
            self._arrivals.popleft()
        return len(self._arrivals) / RATE_WINDOW_S

    def percentile_ms(self, percent: float) -> float | None:
        """From capture to the recorded verdict, in milliseconds; None before the first frame."""
        return round(float(np.percentile(self._latencies_s, percent)) * 1000, 1) if self._latencies_s else None

    def summary(self) -> dict[str, Any]:
        """The last line of `inspectd demo --json`."""
        return {
            "frames": self.frames,
            "events": len(self.event_ids),
            "explained": len(self.explained),
            "verified": sum(origin is Origin.MODEL_VERIFIED for origin in self.explained.values()),
            "outcomes": {outcome.value: self.outcomes[outcome] for outcome in Outcome},
            "p50_ms": self.percentile_ms(50),
            "p99_ms": self.percentile_ms(99),
        }


def render(tally: Tally, addresses: Mapping[str, str]) -> Group:
    """The whole view, drawn anew several times a second."""
    summary = tally.summary()
    cameras = Table(expand=True, box=None, header_style="bold")
    for heading in ("camera", "frames", "defects", "refused"):
        cameras.add_column(heading, justify="left" if heading == "camera" else "right")
    for camera, counts in sorted(tally.by_camera.items()):
        cells = (counts.total(), counts[Outcome.DEFECT], counts[Outcome.REJECTED])
        cameras.add_row(camera, *(str(cell) for cell in cells))
    line = Text.assemble(
        (f"{tally.rate():5.1f} frames/s", "bold"),
        f"   {summary['frames']} frames   {summary['events']} events   ",
        f"{summary['explained']} explained, {summary['verified']} in the model's own words   ",
        f"p50 {summary['p50_ms'] or 0:.0f} ms   p99 {summary['p99_ms'] or 0:.0f} ms",
    )
    words = Table.grid(padding=(0, 1))
    for event in tally.newest:
        mark = "✓" if event.explanation.origin is Origin.MODEL_VERIFIED else "▪"
        words.add_row(mark, f"{event.camera_id}", f"{event.regions[0].score:.2f}", Text(event.explanation.text))
    where = Text("   ".join(f"{name} {address}" for name, address in addresses.items()), style="dim")
    return Group(
        Panel(Group(line, cameras), title="inspectd", title_align="left"),
        Panel(words, title="newest explanations (✓ the model's words, verified; ▪ template)", title_align="left"),
        where,
    )
