"""A training run from the command's options to a checkpoint folder with a card.

Puts together sightings, corpus, model and trainer; knows no terminal.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from iad_unify.checkpoint import Card, CheckpointError, model_version, read_card, write_card
from iad_unify.explainer import sightings_file
from iad_unify.explainer.corpus import Corpus, sentences
from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.prompt import PromptWriter
from iad_unify.explainer.sightings import Sighting, Spotter, gather
from iad_unify.explainer.storage import PROJECTION_HEAD, ROLE, fresh_tiny, from_base, load, save
from iad_unify.explainer.training import STATE, Schedule, Trainer
from iad_unify.types import DEFECT_TYPES

RUN = "run.json"
#: Part of the key of kept sightings: raise it when they are drawn or looked at in another way.
SIGHTINGS_FORMAT = 1
LANGUAGE_HEAD = "language_model"
NOTE = (
    "Answers questions about regions that the region expert found, from their tokens (appearance and geometry) alone;"
    " trained with region expert {expert}, whose tokens it understands and no other's, by `{command}`. Intended for explanations that are"
    " checked against mask and logits before anyone reads them. Trained on procedural drawings: it knows their products,"
    " the ten defect types and the question forms of its corpus; other questions get an answer that may not fit."
)

Report = Callable[[str, int, int], None]  # stage, done, of


@dataclass(frozen=True, slots=True)
class Order:
    """What to train, on what."""

    expert: Path
    out: Path
    config: str = "tiny"  # tiny or full
    base: str = ""  # full: directory or hub id of a Qwen3.5
    start_from: Path | None = None  # tiny: an explainer whose weights and words to start from
    drawings: int = 4000
    resume: bool = False
    device: str = "cpu"


@dataclass(slots=True)
class Session:
    """A prepared run."""

    order: Order
    model: RegionQwen
    tokenizer: PreTrainedTokenizerBase
    trainer: Trainer
    expert_version: str

    def checkpoint(self) -> None:
        """Keep the run's state for a later `--resume`."""
        self.trainer.save_state(self.order.out / STATE)

    def _command(self) -> str:
        order, schedule = self.order, self.trainer.schedule
        source = f" --base {order.base}" if order.base else " --start-from EXPLAINER" if order.start_from else ""
        return (
            f"iad-unify train explainer --data procedural --expert EXPERT --config {order.config}{source}"
            f" --minutes {schedule.minutes:g} --steps {schedule.steps} --drawings {order.drawings}"
            f" --batch {schedule.batch} --learning-rate {schedule.learning_rate:g} --seed {schedule.seed} --out FOLDER"
        )

    def finish(self) -> Card:
        """Write the checkpoint, its card without figures, and the state."""
        self.checkpoint()
        full = self.order.config == "full"
        save(self.order.out, self.model, self.tokenizer, torch.bfloat16 if full else torch.float16)
        done = self.trainer.done
        heads = (PROJECTION_HEAD,) if full else (PROJECTION_HEAD, LANGUAGE_HEAD)
        card = Card(
            role=ROLE,
            config=self.order.config,
            parameters=sum(weight.numel() for weight in self.model.parameters()),
            data=("procedural",),
            steps=done.steps,
            seed=self.trainer.schedule.seed,
            minutes=round(done.wall_minutes, 1),
            trained_heads=heads if done.steps else (),
            type_slugs=DEFECT_TYPES,
            note=NOTE.format(expert=self.expert_version, command=self._command()),
        )
        return write_card(self.order.out, card)


def open_session(order: Order, schedule: Schedule, report: Report = lambda stage, done, of: None) -> Session:
    """Look at the drawings (or read what was seen before), build or resume the trainer. Raises CheckpointError."""
    version = model_version(order.expert)
    before = _run_before(order) if order.resume else None  # first: looking at drawings takes minutes
    seen = sightings(order.expert, "train", schedule.seed, order.drawings, order.out / STATE, report)
    corpus = Corpus(seen)
    torch.manual_seed(schedule.seed)
    model, tokenizer = _start(order, corpus, schedule.seed)
    _same_run(order, schedule, tokenizer, version, before)
    trainer = Trainer(
        model.to(order.device), PromptWriter(tokenizer), corpus.draw, schedule, whole=order.config == "tiny"
    )
    if order.resume:
        trainer.load_state(order.out / STATE)
    return Session(order, model, tokenizer, trainer, version)


def sightings(
    expert: Path, split: str, seed: int, count: int, keep: Path, report: Report = lambda stage, done, of: None
) -> list[Sighting]:
    """Sightings of a split with the expert's own proposal threshold, from the file in `keep` when it fits."""
    threshold = read_card(expert).proposal_threshold
    if threshold is None:
        raise CheckpointError(expert, "train it again", "its card has no proposal threshold")
    key = f"{SIGHTINGS_FORMAT}/{model_version(expert)}/{threshold}/{split}/{seed}/{count}"
    path = keep / f"sightings-{split}.npz"
    seen = sightings_file.read(path, key)
    if seen is None:
        seen = gather(Spotter(expert, threshold), split, seed, count, lambda done: report("drawings", done, count))
        sightings_file.write(path, key, seen)
    return seen


def _start(order: Order, corpus: Corpus, seed: int) -> tuple[RegionQwen, PreTrainedTokenizerBase]:
    rows = corpus.appearance()  # [N, K, D]
    if order.config == "full":
        model, tokenizer = from_base(order.base, rows.shape[2], rows.shape[1])
    elif order.start_from:
        model, tokenizer = load(order.start_from)
        if (model.config.region_rows, model.config.region_dim) != rows.shape[1:]:
            raise CheckpointError(order.start_from, "start without it", "it reads region tokens of another shape")
    else:
        texts: Iterable[str] = sentences(corpus, np.random.default_rng((seed, 9)))
        model, tokenizer = fresh_tiny(texts, rows.shape[2], rows.shape[1])
    model.region_projection.standardise(torch.from_numpy(rows))
    return model, tokenizer


def _run_before(order: Order) -> dict[str, Any]:
    try:
        return dict(json.loads((order.out / STATE / RUN).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise CheckpointError(order.out, "start without --resume", f"no run to resume ({error})") from error


def _same_run(
    order: Order,
    schedule: Schedule,
    tokenizer: PreTrainedTokenizerBase,
    expert_version: str,
    before: dict[str, Any] | None,
) -> None:
    """A resumed run must go on with the same expert, words and data; a new one is written down."""
    words = json.dumps(sorted(tokenizer.get_vocab().items()))
    run = {
        "config": order.config,
        "base": order.base,
        "expert": expert_version,
        "start_from": model_version(order.start_from) if order.start_from else "",
        "drawings": order.drawings,
        "seed": schedule.seed,
        "vocabulary": hashlib.sha256(words.encode()).hexdigest()[:12],
    }
    if before is None:
        path = order.out / STATE / RUN
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    elif before != run:
        changed = ", ".join(name for name in run if before.get(name) != run[name])
        raise CheckpointError(order.out, "start without --resume", f"the run differs in: {changed}")
