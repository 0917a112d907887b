"""The loop of a pretraining: steps, schedule, checks for collapse, state on disk. It knows no data set and no file but its own.

The chance of a step comes from the seed and the step's number alone, so an interrupted training that goes on ends where
an uninterrupted one of as many steps would.
"""

import math
import pickle
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from iad_unify.checkpoint import CheckpointError
from iad_unify.region_expert.pretraining import collapse, views
from iad_unify.region_expert.pretraining.frames import Frames
from iad_unify.region_expert.pretraining.objective import Distillation

_SAVE_EVERY_S = 120.0
_LOG_EVERY_STEPS = 10
#: Checks for collapse in a training, evenly over it.
_CHECKS = 12
#: Features of a new network are alike too: it may have this many steps before a check ends the training.
_GRACE_STEPS = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast. Training ends at `steps` or after `minutes` of wall time, whichever comes first."""

    minutes: float | None = 15.0
    steps: int | None = None
    batch: int = 16  # pictures a step; each gives two views
    view: int = 128  # side of a view, pixels; a multiple of the patch
    learning_rate: float = 1e-3
    weight_decay: float = 0.04
    warm_up: float = 0.05  # share of the training in which the learning rate rises
    momentum: float = 0.99  # of the teacher at the start; 1 at the end
    seed: int = 0
    bf16: bool = True  # autocast; faster on processors with AVX512-BF16 or AMX, and on GPUs
    device: str = "cpu"


@dataclass
class Progressed:
    """How far a training came; saved with the state."""

    step: int = 0
    seconds: float = 0.0
    losses: list[tuple[int, float, float]] = field(default_factory=list)  # step, of class tokens, of hidden patches
    checks: list[tuple[int, float, float, float]] = field(default_factory=list)  # step and `Variety`


class Trainer:
    """Trains a backbone; `model.teacher` is the outcome."""

    def __init__(self, model: Distillation, frames: Frames, probe: Tensor, plan: Plan) -> None:
        self.model, self.frames, self.plan = model.to(plan.device).train(), frames, plan
        self.probe = probe.to(plan.device)  # normalised pictures that collapse is looked for on
        self.patch = int(model.student.config.patch_size)
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

    def run(self, report: Callable[[Progressed, float], None], save: Callable[[], None]) -> None:
        """Steps to the end of the plan; `report(done, share)` each step, `save()` every two minutes.

        Raises Collapsed when the features come to say the same of everything.
        """
        saved = time.monotonic()
        if not self.done.checks:
            self._check()
        while (share := self.share_done()) < 1:
            started = time.monotonic()
            picture, patch = self._step(share)
            self.done.step += 1
            if self.done.step % _LOG_EVERY_STEPS == 0:
                self.done.losses.append((self.done.step, picture, patch))
            self.done.seconds += time.monotonic() - started
            after = self.share_done()
            if int(after * _CHECKS) > int(share * _CHECKS):
                self._check()
            report(self.done, after)
            if time.monotonic() - saved > _SAVE_EVERY_S:
                save()
                saved = time.monotonic()

    def _step(self, share: float) -> tuple[float, float]:
        plan = self.plan
        for group in self.optimiser.param_groups:
            group["lr"] = self._learning_rate(share)
        rng = np.random.default_rng([plan.seed, self.done.step])
        torch.manual_seed(int(rng.integers(1 << 62)))  # dropped paths, where a configuration has them
        made = views.make(self.frames, plan.batch, plan.view, self.patch, rng)
        batch = views.Views(made.pixels.to(plan.device), made.hidden.to(plan.device))
        with torch.autocast(torch.device(plan.device).type, torch.bfloat16, enabled=plan.bf16):
            losses = self.model(batch)
        self.optimiser.zero_grad(set_to_none=True)
        losses.total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 3.0)
        self.optimiser.step()
        self.model.follow(1 - (1 - plan.momentum) * 0.5 * (1 + math.cos(math.pi * share)))
        return float(losses.picture), float(losses.patch)

    def _learning_rate(self, share: float) -> float:
        warm = min(1.0, (share + 1e-3) / self.plan.warm_up)
        return self.plan.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))

    def _check(self) -> None:
        started = time.monotonic()
        found = collapse.measure(self.model.teacher, self.probe)
        self.done.checks.append((self.done.step, found.spread, found.picture_rank, found.patch_rank))
        self.done.seconds += time.monotonic() - started
        if found.collapsed and self.done.step >= _GRACE_STEPS:
            raise collapse.Collapsed(self.done.step, found)

    def save_state(self, folder: Path, options: dict[str, Any]) -> None:
        """Write the resumable state, whole or not at all; `options` are kept to be compared when it goes on."""
        folder.mkdir(parents=True, exist_ok=True)
        values = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "done": asdict(self.done),
            "options": options,
        }
        torch.save(values, folder / "state.pt.part")
        (folder / "state.pt.part").replace(folder / "state.pt")

    def load_state(self, folder: Path, options: dict[str, Any]) -> None:
        """Continue from the saved state; raises CheckpointError when there is none or it is of another training."""
        try:
            values = torch.load(folder / "state.pt", map_location=self.plan.device, weights_only=True)
            if values["options"] != options:
                raise ValueError(f"the options were {values['options']}")
            self.model.load_state_dict(values["model"])
            self.optimiser.load_state_dict(values["optimiser"])
            done = values["done"]
        except (OSError, RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
            mend = "start without --resume, or with the same options as before"
            raise CheckpointError(folder, mend, f"no training to go on with ({error})") from error
        self.done = Progressed(
            int(done["step"]),
            float(done["seconds"]),
            [(int(a), float(b), float(c)) for a, b, c in done["losses"]],
            [(int(a), float(b), float(c), float(d)) for a, b, c, d in done["checks"]],
        )
