"""The training loop: steps, moving average, schedule, validation, state on disk. It knows no data set.

It runs where accelerate puts it: the processor, a GPU, or several (`accelerate launch`), each of which learns from batches
of its own while the gradients are averaged.
"""

import copy
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor, nn

from iad_unify.checkpoint import CheckpointError
from iad_unify.optimiser import Optimiser
from iad_unify.region_expert.model import RegionExpert
from iad_unify.region_expert.squares import Batch
from iad_unify.region_expert.training import validation
from iad_unify.region_expert.training.feeding import Course, batches
from iad_unify.region_expert.training.losses import anomaly_loss, probe_of, region_losses
from iad_unify.region_expert.training.sampling import Source

_WARM_UP_STEPS = 100
_SAVE_EVERY_S = 120.0
_TYPE_GAIN = 0.5
_EXTENT_GAIN = 0.5
#: Layers that read pixels or the backbone, and those that write an answer: not hidden ones, see `optimiser`.
ENDS = (
    *("detail.stem.1.", "detail.template_stem.1.", "close_look.layers.0.", "decoder.gated.project."),
    *("decoder.anomaly.", "type_head.layers.3.", "type_head.connected.", "extent_head.layers.2.", "probe."),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast. Training ends at `steps` or after `minutes` of wall time, whichever comes first."""

    state: Path  # folder of the resumable state
    minutes: float | None = 25.0
    steps: int | None = None
    batch: int = 8
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    seed: int = 0
    validate_every_s: float = 120.0
    crop: int = 0  # side of crops, pixels; 0 is half of the square
    crop_share: float = 0.5  # of the training, on crops
    visibility: float = 90.0  # at the start; see sampling.emphasise
    bf16: bool = True  # mixed precision; twice as fast on processors with AVX512-BF16 or AMX
    workers: int = 0  # processes that make batches; 0 makes them between the steps
    on_cpu: bool = False  # even where there is a GPU


@dataclass
class Progressed:
    """How far a training came; saved with the state."""

    step: int = 0
    seconds: float = 0.0
    losses: list[tuple[int, float, float, float]] = field(default_factory=list)  # step, anomaly, type, type accuracy
    checks: list[tuple[int, float, float]] = field(default_factory=list)  # step, image AUROC, pixel AP


class Trainer:
    """Trains the heads of an expert and keeps a moving average of its weights, which is what is saved and measured."""

    def __init__(
        self,
        model: RegionExpert,
        source: Source,
        held_out: Sequence[validation.Held],
        plan: Plan,
        console: Console,
    ) -> None:
        self.accelerator = Accelerator(cpu=plan.on_cpu)
        self.plan, self.source, self.held_out, self.console = plan, source, held_out, console
        self.model = model.to(self.accelerator.device)
        self.averaged = copy.deepcopy(self.model).eval()
        self.done = Progressed()
        self._share = 0.0  # of the training that is done, the same in all processes
        self.probe = probe_of(model)
        if self.probe is not None:
            self.probe.to(self.accelerator.device)
        learners = {"": model} if self.probe is None else {"": model, "probe.": self.probe}
        trained = {
            name + key: value
            for name, one in learners.items()
            for key, value in one.named_parameters()
            if value.requires_grad
        }
        self._trained = list(trained.values())
        hidden = [name for name, value in trained.items() if value.ndim > 1 and not name.startswith(ENDS)]
        self.optimiser = Optimiser(trained, hidden, decay=plan.weight_decay)

    def share_done(self) -> float:
        """0 at the start, 1 when a limit is reached."""
        by_steps = self.done.step / self.plan.steps if self.plan.steps else 0.0
        by_time = self.done.seconds / (self.plan.minutes * 60) if self.plan.minutes else 0.0
        return min(1.0, max(by_steps, by_time))

    def run(self) -> None:
        """Train to the end of the plan. On Ctrl-C the state is saved before KeyboardInterrupt goes on."""
        rank = self.accelerator.process_index
        rng = np.random.default_rng([self.plan.seed, self.done.step, rank])
        torch.manual_seed(self.plan.seed + self.done.step)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.console, disable=not self.accelerator.is_main_process) as progress:
            task = progress.add_task("training", total=1.0, completed=0)
            try:
                self._steps(rng, progress, task)
            finally:
                self.save_state()

    def _steps(self, rng: np.random.Generator, progress: Progress, task: TaskID) -> None:
        with closing(batches(self.source, self._course(), lambda: self._share)) as supply:
            self._learn(supply, rng, progress, task)

    def _learn(self, supply: Iterator[Batch], rng: np.random.Generator, progress: Progress, task: TaskID) -> None:
        saved = checked = self.done.seconds
        while (share := self._share_done_everywhere()) < 1.0:
            self._share = share
            started = time.monotonic()
            losses = self._step(next(supply), rng)
            self.done.seconds += time.monotonic() - started
            if self.done.step % 10 == 0:
                self.done.losses.append((self.done.step, *losses))
            rate = self.done.step / max(self.done.seconds, 1e-9)
            text = f"step {self.done.step} loss {losses[0]:.3f} type {losses[1]:.2f} {rate:.1f}/s"
            progress.update(task, completed=self.share_done(), description=text)
            if self.done.seconds - checked > self.plan.validate_every_s and self.accelerator.is_main_process:
                self._check(text)
                checked = self.done.seconds
            if self.done.seconds - saved > _SAVE_EVERY_S:
                self.save_state()
                saved = self.done.seconds

    def _course(self) -> Course:
        plan, size = self.plan, self.model.config.size
        rank, ranks = self.accelerator.process_index, self.accelerator.num_processes
        return Course(
            plan.batch, plan.seed, self.done.step, plan.steps, size, plan.crop or size // 2, plan.crop_share,
            plan.visibility, plan.workers, rank, ranks,
        )  # fmt: skip

    def _share_done_everywhere(self) -> float:
        """`share_done` of the main process: all must learn at one rate and end at the same step, and their clocks differ."""
        share = self.share_done()
        if self.accelerator.num_processes == 1 or self.plan.minutes is None:
            return share
        shares: Tensor = self.accelerator.gather(torch.tensor([share], device=self.accelerator.device))
        return float(shares[0])

    def _step(self, batch: Batch, rng: np.random.Generator) -> tuple[float, float, float]:
        self.model.train()
        there = batch.to(self.accelerator.device)
        with torch.autocast(there.pictures.device.type, torch.bfloat16, enabled=self.plan.bf16):
            output = self.model(there.pictures, there.templates, there.has_template)
            regions = region_losses(self.model, output, batch, rng, self.probe)
        anomaly = anomaly_loss(output.logits, there)
        self.optimiser.zero_grad()
        (anomaly + _TYPE_GAIN * regions.kind + _EXTENT_GAIN * regions.extent).backward()
        self._average_gradients()
        nn.utils.clip_grad_norm_(self._trained, 2.0)
        self.optimiser.step(self._learning_rate())
        self.done.step += 1
        self._average()
        return float(anomaly.detach()), float(regions.kind.detach()), regions.accuracy

    def _average_gradients(self) -> None:
        """The mean over the processes, as one message; a head that saw no region here counts as 0."""
        if self.accelerator.num_processes == 1:
            return
        flat = torch.cat([(torch.zeros_like(v) if v.grad is None else v.grad).flatten() for v in self._trained])
        mean: Tensor = self.accelerator.reduce(flat, "mean")
        for value, part in zip(self._trained, mean.split([v.numel() for v in self._trained]), strict=True):
            value.grad = part.view_as(value)

    def _learning_rate(self) -> float:
        warm = min(1.0, (self.done.step + 1) / _WARM_UP_STEPS)
        return self.plan.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * self._share)))

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(0.998, (1 + self.done.step) / (10 + self.done.step))
        pairs = zip(self.averaged.parameters(), self.model.parameters(), strict=True)
        # only what is trained moves: the backbone is frozen, and group norm keeps no statistics
        kept, current = zip(*((old, new) for old, new in pairs if new.requires_grad), strict=True)
        torch._foreach_lerp_(list(kept), list(current), 1 - decay)

    def _check(self, text: str) -> None:
        started = time.monotonic()
        found = validation.check(self.averaged, self.held_out[:80], boxes=False)
        self.done.checks.append((self.done.step, found.image_auroc, found.pixel_ap))
        self.done.seconds += time.monotonic() - started
        self.console.print(f"{text}; validation image AUROC {found.image_auroc:.3f}, pixel AP {found.pixel_ap:.3f}")

    def save_state(self) -> None:
        """Write the resumable state, whole or not at all; only the main process does."""
        if not self.accelerator.is_main_process:
            return
        self.plan.state.mkdir(parents=True, exist_ok=True)
        draft = self.plan.state / "state.pt.part"
        values: dict[str, Any] = {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "probe": None if self.probe is None else self.probe.state_dict(),
            "step": self.done.step,
            "seconds": self.done.seconds,
            "losses": self.done.losses,
            "checks": self.done.checks,
        }
        torch.save(values, draft)
        draft.replace(self.plan.state / "state.pt")

    def resume(self) -> bool:
        """Continue from the saved state; False when there is none. Raises CheckpointError when it does not fit."""
        path = self.plan.state / "state.pt"
        if not path.is_file():
            return False
        try:
            values = torch.load(path, weights_only=True, map_location=self.accelerator.device)
            self.model.load_state_dict(values["model"])
            self.averaged.load_state_dict(values["averaged"])
            self.optimiser.load_state_dict(values["optimiser"])
            if self.probe is not None:
                self.probe.load_state_dict(values["probe"])
        except (RuntimeError, KeyError, ValueError, EOFError) as error:
            raise CheckpointError(
                path, "start without --resume, or with the same options as before", str(error)
            ) from error
        self.done = Progressed(values["step"], values["seconds"], list(values["losses"]), list(values["checks"]))
        return True
