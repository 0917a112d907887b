"""How long an event waits for its words: the daemon's narrator with the shipped models, checks and second drafts included.

    python tests/benchmarks/explanation_latency.py
    python tests/benchmarks/explanation_latency.py --events 20 --languages en,de --concurrent 1,8,32
    python tests/benchmarks/explanation_latency.py --expert CKPT --explainer CKPT --threads 2 --json latency.json

Drawn parts are inspected as the daemon inspects them, in its embedded mode: each model in a process of its own, state in a
directory that is removed. Every event is then described in every language, by so many askers at a time as the daemon's writer
has (`explanations.batch_size`), each with its next event as soon as one is told. Wall time is from asking the narrator to the
checked sentence, with region tokens from the cache; a second draft is part of it. Processor time is that of the daemon's
process and the explainer's together; the share of a single event is known only where one is asked at a time, else it is the
mean. The first event of a run warms up and is not counted.
"""

import argparse
import asyncio
import json
import logging
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import structlog
from rich.console import Console
from rich.progress import track
from rich.table import Table

from iad_unify import resources
from iad_unify.language.speech import LANGUAGES
from iad_unify.procedural.drawing import draw_random
from inspectd.confirmed.recall import ConfirmedRecall
from inspectd.evidence.goodframes import GoodFrameKeeper
from inspectd.explanations.narrator import Narrator
from inspectd.metrics import Metrics
from inspectd.pipeline import Inspector
from inspectd.records import DefectEvent, Frame, Origin
from inspectd.settings import Settings
from inspectd.thresholds.decision import Thresholds
from inspectd.wiring.models import open_models, open_sight, open_tokens
from inspectd.wiring.state import now, open_state
from inspectd.wiring.streams import NoOutbox

#: Seed of the drawings, and how many may pass as good before the benchmark gives up.
SEED, MOST_DRAWINGS = 4242, 4000


@dataclass(frozen=True, slots=True)
class Told:
    """One event that got its words."""

    wall_ms: float
    processor_ms: float | None  # None: others were asked at the same time
    drafts: int
    by_template: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One language with so many askers."""

    language: str
    concurrent: int
    told: tuple[Told, ...]
    processor_ms: float  # mean of an event

    def figures(self) -> dict[str, object]:
        """What is printed and written."""
        walls = [one.wall_ms for one in self.told]
        processor = [one.processor_ms for one in self.told if one.processor_ms is not None]
        return {
            "language": self.language,
            "concurrent": self.concurrent,
            "events": len(self.told),
            "wall_ms": percentiles(walls),
            "processor_ms": percentiles(processor) if processor else None,
            "processor_ms_mean": round(self.processor_ms, 1),
            "second_drafts": sum(one.drafts > 1 for one in self.told),
            "by_template": sum(one.by_template for one in self.told),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100, help="defective drawings, each told in every language")
    parser.add_argument("--languages", default=",".join(LANGUAGES))
    parser.add_argument("--concurrent", default="1,8", help="askers at a time, a row for each")
    parser.add_argument("--expert", type=Path, default=resources.weights("region_expert"))
    parser.add_argument("--explainer", type=Path, default=resources.weights("explainer"))
    parser.add_argument("--threads", type=int, default=1, help="of each model")
    parser.add_argument("--json", type=Path, help="the figures and every single event, written there")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(measure(options, Path(folder)))
    show(rows)
    if options.json:
        written = [{**row.figures(), "told": [asdict(one) for one in row.told]} for row in rows]
        options.json.write_text(json.dumps(written, indent=1) + "\n")


async def measure(options: argparse.Namespace, folder: Path) -> list[Row]:
    """Every language with every number of askers."""
    settings = Settings.model_validate({
        "state_dir": str(folder),
        "vision": {
            "expert_checkpoint": str(options.expert),
            "explainer_checkpoint": str(options.explainer),
            "threads": options.threads,
        },
    })  # fmt: skip
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        state, models = await open_state(settings, stack), await open_models(settings, stack)
        sight = open_sight(settings, models, await open_tokens(settings, stack, metrics), metrics)
        thresholds = Thresholds(store=state.thresholds)
        inspector = Inspector(
            sight=sight, thresholds=thresholds, evidence=state.evidence, events=state.events, outbox=NoOutbox(),
            ledger=state.ledger, good_frames=GoodFrameKeeper(evidence=state.evidence, settings=settings.evidence),
            on_event=lambda event: None, clock=now,
        )  # fmt: skip
        events = await raised(inspector, options.events + 1)
        recall = ConfirmedRecall(store=state.confirmed, settings=settings.confirmed, least_confidence=0.0)
        narrators = {
            language: Narrator(
                explainer=models.explainer, sight=sight, thresholds=thresholds, evidence=state.evidence,
                events=state.events, recall=recall, language=language,
            )
            for language in options.languages.split(",")
        }  # fmt: skip
        levels = [int(level) for level in options.concurrent.split(",")]
        return [
            await described(narrator, language, events, level)
            for level in levels
            for language, narrator in narrators.items()
        ]


async def raised(inspector: Inspector, count: int) -> list[DefectEvent]:
    """Events of drawn parts, inspected one after the other."""
    events: list[DefectEvent] = []
    for index in range(MOST_DRAWINGS):
        drawing = draw_random(np.random.default_rng([SEED, index]), good_share=0.0)
        data = bytes(cv2.imencode(".png", cv2.cvtColor(drawing.image, cv2.COLOR_RGB2BGR))[1])
        frame = Frame(f"drawn/boot/{index}", "drawn", data, "image/png", Frame.digest(data), now(), "", "")
        event = (await inspector.inspect(frame, record=True)).event
        events += [event] if event is not None else []
        if len(events) == count:
            return events
    raise SystemExit(f"only {len(events)} of {MOST_DRAWINGS} drawings were found defective")


async def described(narrator: Narrator, language: str, events: Sequence[DefectEvent], level: int) -> Row:
    """Every event but the first told by `level` askers."""
    await narrator.describe(events[0])
    waiting, told = iter(track(events[1:], description=f"{language}, {level} at a time", transient=True)), list[Told]()

    async def ask() -> None:
        for event in waiting:  # shared: each asker takes the next
            worked, began = processor_s(), time.perf_counter()
            explanation = await narrator.describe(event)
            wall_ms, spent_ms = 1000 * (time.perf_counter() - began), 1000 * (processor_s() - worked)
            by_template = explanation.origin is Origin.TEMPLATE
            told.append(Told(wall_ms, spent_ms if level == 1 else None, explanation.attempts, by_template))

    worked = processor_s()
    await asyncio.gather(*(ask() for _ in range(level)))
    return Row(language, level, tuple(told), 1000 * (processor_s() - worked) / len(told))


def processor_s() -> float:
    """Of this process and the processes of its models; those that wait take none."""
    tasks = Path("/proc/self/task").iterdir()
    children = set[int]()
    for task in tasks:
        with suppress(FileNotFoundError):  # a thread that has ended meanwhile
            children |= {int(pid) for pid in (task / "children").read_text().split()}
    return time.process_time() + sum(time.clock_gettime(clock_of(pid)) for pid in children)


def clock_of(pid: int) -> int:
    """Linux's clock of another process's processor time, as clock_getcpuclockid(3) gives it."""
    return (~pid << 3) | 2


def percentiles(values: Sequence[float]) -> dict[str, float]:
    return {f"p{percent}": round(float(np.percentile(values, percent)), 1) for percent in (50, 90, 99)}


def show(rows: Sequence[Row]) -> None:
    columns = ("language", "at a time", "events", "wall ms p50 / p90 / p99", "processor ms p50 / p90 / p99", "mean")
    title = f"event to checked words, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    table = Table(*columns, "second drafts", "by template", title=title)
    merged = {
        level: Row(
            "all", level, tuple(one for row in rows if row.concurrent == level for one in row.told), mean(rows, level)
        )
        for level in dict.fromkeys(row.concurrent for row in rows)
    }
    for row in (*rows, *merged.values()):
        figures = row.figures()
        cells = [spread(figures["wall_ms"]), spread(figures["processor_ms"]), f"{row.processor_ms:.0f}"]
        counts = (f"{figures[name]}" for name in ("second_drafts", "by_template"))
        table.add_row(row.language, f"{row.concurrent}", f"{len(row.told)}", *cells, *counts)
    Console(width=130).print(table)


def mean(rows: Sequence[Row], level: int) -> float:
    own = [row for row in rows if row.concurrent == level]
    return sum(row.processor_ms * len(row.told) for row in own) / sum(len(row.told) for row in own)


def spread(values: object) -> str:
    return " / ".join(f"{value:.0f}" for value in values.values()) if isinstance(values, dict) else "-"


if __name__ == "__main__":
    main()
