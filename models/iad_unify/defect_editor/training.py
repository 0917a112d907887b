"""Trains an editor: steps, a moving average of the weights, checkpoints that a later run resumes.

Time is processor time, so that a busy machine trains as long as an idle one. Knows nothing of how pairs are made.
"""

import copy
import json
import pickle
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from iad_unify.checkpoint import CheckpointError
from iad_unify.defect_editor.pairs import PairSet
from iad_unify.defect_editor.weights import AnyEditor

#: Where the unfinished run lies inside the checkpoint folder.
STATE = "state"
SAVE_EVERY_S = 120.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast. The run ends at whichever of `minutes` and `steps` comes first; 0 means no such limit."""

    minutes: float = 14.0
    steps: int = 0
    batch: int = 16
    learning_rate: float = 1e-3
    warmup_steps: int = 50
    average: float = 0.998  # share of the old moving average kept at each step
    seed: int = 0
    half: bool = True  # bf16 autocast

    def progress(self, steps: int, minutes: float) -> float:
        """0 at the start, 1 at the end."""
        parts = [steps / self.steps if self.steps else 0.0, minutes / self.minutes if self.minutes else 0.0]
        return min(1.0, max(parts))

    def rate(self, steps: int, progress: float) -> float:
        """Warm-up, then a cosine down to a fiftieth."""
        cosine = 0.5 * (1 + np.cos(np.pi * progress))
        return float(self.learning_rate * min(1.0, (steps + 1) / self.warmup_steps) * max(cosine, 0.02))


@dataclass(slots=True)
class Progress:
    """What was done so far; it survives a restart."""

    steps: int = 0
    cpu_minutes: float = 0.0
    wall_minutes: float = 0.0
    loss: float = float("nan")  # moving mean


class Trainer:
    """One run over a fixed set of pairs. `tensors` are what the checkpoint should hold: the averaged parameters."""

    def __init__(self, model: AnyEditor, pairs: PairSet, schedule: Schedule, device: str = "cpu") -> None:
        self.model, self.pairs, self.schedule, self.device = model.train().to(device), pairs, schedule, device
        self.learned: dict[str, nn.Parameter] = dict(model.learned())
        self.averaged = {name: parameter.detach().clone() for name, parameter in self.learned.items()}
        self.optimizer = torch.optim.AdamW(
            [one for one in self.learned.values() if one.requires_grad],
            lr=schedule.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=0.01,
        )
        self.done = Progress()

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The averaged parameters by name."""
        return self.averaged

    def run(self, report: Callable[[Progress, float], None], checkpoint: Callable[[], None]) -> None:
        """Steps until the schedule ends; `report(progress, share)` each step, `checkpoint()` every two minutes."""
        rng = np.random.default_rng((self.schedule.seed, 2, self.done.steps))
        torch.manual_seed(self.schedule.seed * 1_000_003 + self.done.steps)
        saved = time.monotonic()
        while (share := self.schedule.progress(self.done.steps, self.done.cpu_minutes)) < 1:
            cpu, wall = time.process_time(), time.monotonic()
            loss = self._step(rng, self.schedule.rate(self.done.steps, share))
            self._note(loss, time.process_time() - cpu, time.monotonic() - wall)
            report(self.done, share)
            if time.monotonic() - saved > SAVE_EVERY_S:
                checkpoint()
                saved = time.monotonic()

    def _step(self, rng: np.random.Generator, rate: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        crops, target, keep = self.pairs.batch(rng, self.schedule.batch)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.schedule.half):
            loss = self.model.training_loss(crops.to(self.device), target.to(self.device), keep.to(self.device))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.learned.values(), 1.0)
        self.optimizer.step()
        # a short average at first, or the random start stays in it
        keep_share = min(self.schedule.average, (1 + self.done.steps) / (10 + self.done.steps))
        for name, parameter in self.learned.items():
            self.averaged[name].lerp_(parameter.detach(), 1 - keep_share)
        return float(loss.detach())

    def _note(self, loss: float, cpu_s: float, wall_s: float) -> None:
        done = self.done
        done.steps += 1
        done.cpu_minutes += cpu_s / 60
        done.wall_minutes += wall_s / 60
        done.loss = loss if np.isnan(done.loss) else 0.98 * done.loss + 0.02 * loss

    def save_state(self, folder: Path) -> None:
        """Writes what a later run needs to go on."""
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / "training.pt.part"
        now = {name: parameter.detach() for name, parameter in self.learned.items()}
        torch.save({"learned": now, "averaged": self.averaged, "optimizer": self.optimizer.state_dict()}, part)
        part.replace(folder / "training.pt")
        (folder / "progress.json").write_text(json.dumps(asdict(self.done)))

    def load_state(self, folder: Path) -> None:
        """Goes on from `save_state`; raises CheckpointError when there is none or it is another model's."""
        try:
            state = torch.load(folder / "training.pt", weights_only=True)
            self.done = Progress(**json.loads((folder / "progress.json").read_text()))
            with torch.no_grad():
                for name, parameter in self.learned.items():
                    parameter.copy_(state["learned"][name])
            self.averaged = {name: state["averaged"][name] for name in self.learned}
            self.optimizer.load_state_dict(state["optimizer"])
        except (OSError, KeyError, ValueError, RuntimeError, TypeError, pickle.UnpicklingError) as error:
            raise CheckpointError(folder, "start without --resume", f"no run to resume ({error})") from error


def averaged_model(trainer: Trainer) -> AnyEditor:
    """A copy of the model with the averaged parameters, ready to generate."""
    model = copy.deepcopy(trainer.model).eval()
    with torch.no_grad():
        for name, parameter in model.learned():
            parameter.copy_(trainer.averaged[name])
    return model
