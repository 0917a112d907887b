"""A pretraining from the command's options to a backbone folder with a card and curves. It knows no terminal."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from iad_unify.catalog import EXPERT_SIZE
from iad_unify.checkpoint import Card, Figure, data_seen, write_card
from iad_unify.data.samples import DataError
from iad_unify.region_expert.drawn import named, without_paths
from iad_unify.region_expert.model import parameters
from iad_unify.region_expert.pretraining import figures, frames, shapes, views
from iad_unify.region_expert.pretraining.collapse import Variety
from iad_unify.region_expert.pretraining.objective import Distillation
from iad_unify.region_expert.pretraining.trainer import Plan, Progressed, Trainer

STATE = "state"
CURVES = "curves.png"
#: Pictures that collapse is looked for on, and the first number of the seed that chooses them.
_PROBE, _PROBE_STREAM = 64, 7_000_004
_LEAST_FILES = 2
NOTE = (
    "A DINOv2 backbone trained without labels by masked self-distillation, with `{command}`. Transformers opens the folder; "
    "`iad-unify train region-expert --backbone FOLDER` builds an expert on it. It finds nothing by itself. Spread and effective "
    "rank are those of its features over {probe} pictures of the training: near 0 and 1 they would say the same of everything."
)


@dataclass(frozen=True, slots=True)
class Order:
    """What to train, from what, and where to."""

    data: tuple[str, ...]
    out: Path
    config: str = "tiny"
    backbone: str = ""  # directory or hub id to go on from; instead of `config`
    registers: int = 0
    groups: Path | None = None
    size: int = EXPERT_SIZE  # side of the square that pictures are brought to, pixels


@dataclass(slots=True)
class Session:
    """A prepared training."""

    order: Order
    plan: Plan
    trainer: Trainer
    files: int
    options: dict[str, Any]
    data: tuple[str, ...]  # what the weights have seen when it is over

    def run(self, report: Callable[[Progressed, float], None]) -> None:
        """To the end of the plan; raises Collapsed."""
        self.trainer.run(report, self.save)

    def save(self) -> None:
        """The state for a later `--resume`."""
        self.trainer.save_state(self.order.out / STATE, self.options)

    def draw(self) -> None:
        """The curves as they are now."""
        self.order.out.mkdir(parents=True, exist_ok=True)
        figures.curves(self.trainer.done, self.order.out / CURVES)

    def finish(self) -> Card:
        """Writes the backbone, its card and the curves, and the state beside them."""
        self.save()
        out, done = self.order.out, self.trainer.done
        teacher = self.trainer.model.teacher.float().cpu()
        teacher.save_pretrained(out)
        self.draw()
        return write_card(out, self._card(done, parameters(teacher)))

    def _card(self, done: Progressed, count: int) -> Card:
        command = self._command(done)
        numbers = {f"{name}_at_the_start": value for name, value in _variety(done, 0).as_dict().items()}
        numbers |= _variety(done, -1).as_dict()
        numbers |= {f"{name}_loss": value for name, value in _last_losses(done).items()}
        return Card(
            role="backbone",
            config=self._begun(),
            parameters=count,
            data=self.data,
            steps=done.step,
            seed=self.plan.seed,
            minutes=round(done.seconds / 60, 1),
            trained_heads=(),
            figures={name: Figure(value) for name, value in numbers.items()},
            note=NOTE.format(command=command, probe=len(self.trainer.probe)) + f" Picture files: {self.files}.",
        )

    def _begun(self) -> str:
        source = self.order.backbone
        return (Path(source).name if shapes.is_folder(source) else source) or self.order.config

    def _command(self, done: Progressed) -> str:
        order, plan, plain = self.order, self.plan, Plan()
        words = ["iad-unify pretrain", *(f"--data {name}" for name in without_paths(order.data))]
        words.append(f"--backbone {self._begun()}" if order.backbone else f"--config {order.config}")
        words += [f"--registers {order.registers}"] if order.registers else []
        words += ["--groups groups.json"] if order.groups else []
        words += [f"--size {order.size} --view {plan.view} --batch {plan.batch} --learning-rate {plan.learning_rate:g}"]
        words += ["--no-bf16"] if plan.bf16 != plain.bf16 else []
        return " ".join([*words, f"--steps {done.step} --seed {plan.seed} --out FOLDER"])


def open_session(order: Order, plan: Plan, resume: bool) -> Session:
    """Finds the pictures, builds the model, loads the state if the training is to go on.

    Raises DataError, CheckpointError, UnknownBackboneError.
    """
    folders, drawn = named(order.data)
    files = frames.find(folders, order.groups)
    if folders and len(files) < _LEAST_FILES:
        raise DataError(order.groups or folders[0], f"{len(files)} picture(s); at least {_LEAST_FILES} are needed")
    backbone = _begin(order, plan.seed)
    patch = int(backbone.config.patch_size)
    plan = _fitted(plan, order.size, patch)
    torch.manual_seed(plan.seed)
    trainer = Trainer(
        Distillation(backbone), frames.supply(files, drawn, order.size), _probe(files, drawn, order.size, patch), plan
    )
    options = asdict(plan) | {
        "config": order.config,
        "size": order.size,
        "registers": order.registers,
        "files": len(files),
    }
    for free in ("minutes", "steps", "device", "bf16"):  # may be others when a training goes on
        options.pop(free)
    seen = data_seen(without_paths(order.data), order.backbone)
    session = Session(order, plan, trainer, len(files), options, seen)
    if resume:
        trainer.load_state(order.out / STATE, options)
    return session


def _begin(order: Order, seed: int) -> Any:
    if order.backbone:
        return shapes.pretrained(order.backbone)
    return shapes.new(order.config, order.size, order.registers, seed)


def _fitted(plan: Plan, size: int, patch: int) -> Plan:
    """The plan with the view's side brought to a multiple of the patch."""
    view = max(2 * patch, round((plan.view or size // 2) / patch) * patch)
    return replace(plan, view=view)


def _probe(files: list[Path], drawn: bool, size: int, patch: int) -> torch.Tensor:
    """Fixed pictures, their middle as a square: float32 [B, 3, P, P]."""
    rng = np.random.default_rng(_PROBE_STREAM)
    side = max(2 * patch, round(size / 2 / patch) * patch)
    chosen = [files[index] for index in rng.permutation(len(files))[:_PROBE]]
    supply = frames.Files(chosen, size) if chosen else None
    found = [supply.open(file).rgb for file in chosen] if supply else []
    drawings = frames.Drawings(size)
    found += [drawings.next(rng).rgb for _ in range(_PROBE - len(found))] if drawn else []
    return views.normalised(np.stack([views.middle(rgb, side) for rgb in found]))


def _variety(done: Progressed, index: int) -> Variety:
    return Variety(*done.checks[index][1:])


def _last_losses(done: Progressed) -> dict[str, float]:
    if not done.losses:
        return {}
    _, picture, patch = np.array(done.losses[-10:], float).mean(axis=0)
    return {"class_token": round(float(picture), 4), "hidden_patch": round(float(patch), 4)}
