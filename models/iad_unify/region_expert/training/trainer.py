"""The training loop: steps, moving average, schedule, validation, state on disk. It knows no data set."""

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor, nn

from iad_unify.catalog import EXPERT_SIZE
from iad_unify.checkpoint import CheckpointError
from iad_unify.region_expert.model import RegionExpert
from iad_unify.region_expert.training import validation
from iad_unify.region_expert.training.losses import anomaly_loss, region_losses
from iad_unify.region_expert.training.sampling import Source, make_batch

_WARM_UP_STEPS = 100
_SAVE_EVERY_S = 120.0
_TYPE_GAIN = 0.5
_EXTENT_GAIN = 0.5
_FADED_AT = 0.85  # share of the training after which defects are as faint as they come


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
    bf16: bool = True  # autocast; twice as fast on processors with AVX512-BF16 or AMX


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
        self.model, self.plan, self.source, self.held_out, self.console = model, plan, source, held_out, console
        self.averaged = copy.deepcopy(model).eval()
        self.done = Progressed()
        trained = [value for value in model.parameters() if value.requires_grad]
        matrices, vectors = [v for v in trained if v.ndim > 1], [v for v in trained if v.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": plan.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
            lr=plan.learning_rate,
        )

    def share_done(self) -> float:
        """0 at the start, 1 when a limit is reached."""
        by_steps = self.done.step / self.plan.steps if self.plan.steps else 0.0
        by_time = self.done.seconds / (self.plan.minutes * 60) if self.plan.minutes else 0.0
        return min(1.0, max(by_steps, by_time))

    def run(self) -> None:
        """Train to the end of the plan. On Ctrl-C the state is saved before KeyboardInterrupt goes on."""
        rng = np.random.default_rng([self.plan.seed, self.done.step])
        torch.manual_seed(self.plan.seed + self.done.step)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task("training", total=1.0, completed=0)
            try:
                self._steps(rng, progress, task)
            finally:
                self.save_state()

    def _steps(self, rng: np.random.Generator, progress: Progress, task: TaskID) -> None:
        saved = checked = self.done.seconds
        while self.share_done() < 1.0:
            started = time.monotonic()
            losses = self._step(rng)
            self.done.seconds += time.monotonic() - started
            if self.done.step % 10 == 0:
                self.done.losses.append((self.done.step, *losses))
            rate = self.done.step / max(self.done.seconds, 1e-9)
            text = f"step {self.done.step} loss {losses[0]:.3f} type {losses[1]:.2f} {rate:.1f}/s"
            progress.update(task, completed=self.share_done(), description=text)
            if self.done.seconds - checked > self.plan.validate_every_s:
                self._check(text)
                checked = self.done.seconds
            if self.done.seconds - saved > _SAVE_EVERY_S:
                self.save_state()
                saved = self.done.seconds

    def _step(self, rng: np.random.Generator) -> tuple[float, float, float]:
        self.model.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self._learning_rate()
        side = self._side()
        batch = make_batch(self.source, self._count(side), rng, side, self._visibility())
        with torch.autocast("cpu", torch.bfloat16, enabled=self.plan.bf16):
            output = self.model(batch.pictures, batch.templates, batch.has_template)
        anomaly = anomaly_loss(output.logits, batch)
        regions = region_losses(self.model, output, batch, rng)
        self.optimiser.zero_grad(set_to_none=True)
        (anomaly + _TYPE_GAIN * regions.kind + _EXTENT_GAIN * regions.extent).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
        self.optimiser.step()
        self.done.step += 1
        self._average()
        return float(anomaly.detach()), float(regions.kind.detach()), regions.accuracy

    def _side(self) -> int:
        """Crops of half the side first, because a step on them costs half; then whole squares, as in service."""
        size = self.model.config.size
        crop = self.plan.crop or size // 2
        return crop if self.share_done() < self.plan.crop_share else size

    def _count(self, side: int) -> int:
        """Squares a step: fewer of large ones, so that a step takes the same memory and about the same time."""
        return max(2, round(self.plan.batch * min(1.0, (EXPERT_SIZE / side) ** 2)))

    def _visibility(self) -> float:
        """How marked defects are at least, grey levels: from the plan's value down to 0 over most of the training."""
        return self.plan.visibility * max(0.0, 1.0 - self.share_done() / _FADED_AT)

    def _learning_rate(self) -> float:
        warm = min(1.0, (self.done.step + 1) / _WARM_UP_STEPS)
        return self.plan.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * self.share_done())))

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(0.998, (1 + self.done.step) / (10 + self.done.step))
        source: dict[str, Tensor] = self.model.state_dict()
        for name, value in self.averaged.state_dict().items():
            if name.startswith("backbone."):
                continue
            if value.is_floating_point():
                value.lerp_(source[name], 1 - decay)
            else:
                value.copy_(source[name])

    def _check(self, text: str) -> None:
        started = time.monotonic()
        found = validation.check(self.averaged, self.held_out[:80])
        self.done.checks.append((self.done.step, found.image_auroc, found.pixel_ap))
        self.done.seconds += time.monotonic() - started
        self.console.print(f"{text}; validation image AUROC {found.image_auroc:.3f}, pixel AP {found.pixel_ap:.3f}")

    def save_state(self) -> None:
        """Write the resumable state, whole or not at all."""
        self.plan.state.mkdir(parents=True, exist_ok=True)
        draft = self.plan.state / "state.pt.part"
        values: dict[str, Any] = {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
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
            values = torch.load(path, weights_only=True)
            self.model.load_state_dict(values["model"])
            self.averaged.load_state_dict(values["averaged"])
            self.optimiser.load_state_dict(values["optimiser"])
        except (RuntimeError, KeyError, ValueError, EOFError) as error:
            raise CheckpointError(
                path, "start without --resume, or with the same options as before", str(error)
            ) from error
        self.done = Progressed(values["step"], values["seconds"], list(values["losses"]), list(values["checks"]))
        return True
