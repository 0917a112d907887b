"""A training run from the command's options to a checkpoint folder with a card.

Puts together sightings, corpus, model and trainer; knows no terminal.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from iad_unify.checkpoint import Card, CheckpointError, data_seen, model_version, write_card
from iad_unify.data.samples import DataError
from iad_unify.explainer import adapters
from iad_unify.explainer.collected import Pictures
from iad_unify.explainer.config import set_neighbours
from iad_unify.explainer.corpus import Corpus, sentences
from iad_unify.explainer.crop import AREAS_PX, FIELD, CropRule
from iad_unify.explainer.looking import Report, collected, collected_frames, frames, sightings, wholes
from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.prompt import PromptWriter
from iad_unify.explainer.reads import Reads
from iad_unify.explainer.recipe import DEFAULT, Recipe, write_recipe
from iad_unify.explainer.referenced import Referenced
from iad_unify.explainer.shown import Shown
from iad_unify.explainer.storage import PROJECTION_HEAD, ROLE, fresh_tiny, from_base, load, read_base, save
from iad_unify.explainer.training import STATE, Schedule, Trainer
from iad_unify.explainer.without import Blind, Whole
from iad_unify.types import DEFECT_TYPES

RUN = "run.json"
LANGUAGE_HEAD, VISION_HEAD = "language_model", "vision_tower"
PROCEDURAL = "procedural"
NOTE = (
    "Answers questions about regions that the region expert found, from their tokens (appearance and geometry) {seen};"
    " trained with region expert {expert}, whose tokens it understands and no other's, by `{command}`. Intended for explanations that are"
    " checked against mask and logits before anyone reads them. Trained on {data}: it knows their products,"
    " the ten defect types and the question forms of its corpus; other questions get an answer that may not fit."
)


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
    recipe: Recipe = DEFAULT
    pictures: Pictures | None = None  # a data set in place of drawings
    keep: Path | None = None  # where sightings lie, when several runs share them; the state otherwise


@dataclass(slots=True)
class Session:
    """A prepared run."""

    order: Order
    model: RegionQwen
    tokenizer: PreTrainedTokenizerBase
    trainer: Trainer
    expert_version: str
    data: tuple[str, ...]  # what the weights have seen when the run is over

    def checkpoint(self) -> None:
        """Keep the run's state for a later `--resume`."""
        self.trainer.save_state(self.order.out / STATE)

    def _command(self) -> str:
        order, schedule = self.order, self.trainer.schedule
        source = f" --base {order.base}" if order.base else " --start-from EXPLAINER" if order.start_from else ""
        source += order.recipe.options()
        data = PROCEDURAL
        if order.pictures is not None:
            data = Path(order.pictures.folder).name
            source += " --groups groups.json" if order.pictures.groups else ""
            source += " --fold-expert FOLD" * len(order.pictures.folds)
        return (
            f"iad-unify train explainer --data {data} --expert EXPERT --config {order.config}{source}"
            f" --minutes {schedule.minutes:g} --steps {schedule.steps} --drawings {order.drawings}"
            f" --batch {schedule.batch} --learning-rate {schedule.learning_rate:g} --seed {schedule.seed} --out FOLDER"
        )

    def finish(self) -> Card:
        """Write the checkpoint, its card without figures, and the state."""
        self.checkpoint()
        full = self.order.config == "full"
        recipe, data = self.order.recipe, self.data
        model = adapters.folded(self.model) if recipe.lora else self.model
        save(self.order.out, model, self.tokenizer, torch.bfloat16 if full else torch.float16)
        write_recipe(self.order.out, recipe)
        done = self.trainer.done
        card = Card(
            role=ROLE,
            config=self.order.config,
            parameters=sum(weight.numel() for weight in model.parameters()),
            data=data,
            steps=done.steps,
            seed=self.trainer.schedule.seed,
            minutes=round(done.wall_minutes, 1),
            trained_heads=_heads(self.order) if done.steps else (),
            type_slugs=DEFECT_TYPES,
            note=NOTE.format(
                seen="and, where one is shown, the frame" if recipe.crops else "alone",
                expert=self.expert_version,
                command=self._command(),
                data="procedural drawings" if data == (PROCEDURAL,) else f"pictures of {' and '.join(data)}",
            ),
        )
        return write_card(self.order.out, card)


def _data(order: Order) -> tuple[str, ...]:
    """What the weights have seen, those that the run starts from included. Raises CheckpointError."""
    own = PROCEDURAL if order.pictures is None else Path(order.pictures.folder).name
    return data_seen((own,), order.start_from, order.base)


def _heads(order: Order) -> tuple[str, ...]:
    """What has learned: without regions not the projection, which therefore refuses to serve."""
    recipe = order.recipe
    language = order.config == "tiny" or recipe.lora or recipe.whole
    learned = {PROJECTION_HEAD: recipe.regions != "none", LANGUAGE_HEAD: language, VISION_HEAD: _sees(order)}
    return tuple(head for head, has in learned.items() if has)


def _sees(order: Order) -> bool:
    """Whether the vision tower learns: with the whole, and where it is shown something."""
    return bool(order.recipe.crops) and _whole(order)


def _whole(order: Order) -> bool:
    return order.recipe.whole or (order.config == "tiny" and not order.recipe.lora)


def open_session(order: Order, schedule: Schedule, report: Report = lambda stage, done, of: None) -> Session:
    """Look at the pictures (or read what was seen before), build or resume the trainer. Raises CheckpointError, DataError."""
    version, data = model_version(order.expert), _data(order)
    before = _run_before(order) if order.resume else None  # first: looking at drawings takes minutes
    if order.config == "full":
        read_base(order.base)
    words, corpus = _corpora(order, schedule.seed, report)
    corpus.begin_simply(schedule.steps)
    torch.manual_seed(schedule.seed)
    model, tokenizer = _start(order, words, corpus, schedule.seed)
    _say_what_it_sees(model, order)
    _same_run(order, schedule, tokenizer, version, before)
    recipe = order.recipe
    if recipe.lora:
        adapters.add(model, recipe.lora)
    if recipe.whole:
        model.float()  # small steps vanish in bf16
    if recipe.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    stages = replace(schedule, stages=recipe.stages)
    writer = PromptWriter(tokenizer, Reads.of(model.config))
    trainer = Trainer(model.to(order.device), writer, corpus.draw, stages, _whole(order))
    if order.resume:
        trainer.load_state(order.out / STATE)
    return Session(order, model, tokenizer, trainer, version, data)


def _corpora(order: Order, seed: int, report: Report) -> tuple[Corpus, Corpus]:
    """What the words are taken from, which is the same for every recipe, and what is learned from."""
    keep = order.keep or order.out / STATE
    looks = None
    if order.pictures is not None and order.recipe.references:
        raise DataError(order.pictures.folder, "references are learned from drawings alone")
    if order.pictures is not None:
        seen, looks = collected(order.expert, order.pictures, keep, report)
    else:
        seen = sightings(order.expert, "train", seed, order.drawings, keep, report)
        if order.recipe.regions == "whole":
            looks = wholes(order.expert, "train", seed, order.drawings, keep, report)
    words = Corpus(seen)
    if order.recipe.references:
        compared = sightings(order.expert, "train", seed, order.drawings, keep, report, compared=True)
        return words, Referenced(seen, compared, order.recipe)
    if order.recipe.crops:
        return words, Shown(seen, _frames(order, seed, keep, report), order.recipe)
    if order.recipe.regions == "whole" and looks is not None:
        return words, Whole(seen, looks, order.recipe)
    if order.recipe.regions == "none":
        return words, Blind(seen, order.recipe)
    return words, words if order.recipe == DEFAULT else Corpus(seen, order.recipe)


def _frames(order: Order, seed: int, keep: Path, report: Report) -> list[NDArray[np.uint8]]:
    rule = CropRule(*AREAS_PX[order.config])
    if order.pictures is not None:
        return collected_frames(rule, order.pictures, keep, report)
    return frames(rule, "train", seed, order.drawings, keep, report)


def _say_what_it_sees(model: RegionQwen, order: Order) -> None:
    """A run without crops ends without them: what a model once made of them is not kept up."""
    if order.recipe.crops:
        setattr(model.config, FIELD, list(AREAS_PX[order.config]))
    elif hasattr(model.config, FIELD):
        delattr(model.config, FIELD)


def _start(order: Order, words: Corpus, corpus: Corpus, seed: int) -> tuple[RegionQwen, PreTrainedTokenizerBase]:
    rows = corpus.appearance()  # [N, K, D]
    if order.config == "full":
        model, tokenizer = from_base(order.base, rows.shape[2], rows.shape[1])
    elif order.start_from:
        model, tokenizer = load(order.start_from)
        if (model.config.region_rows, model.config.region_dim) != rows.shape[1:]:
            raise CheckpointError(order.start_from, "start without it", "it reads region tokens of another shape")
    else:
        texts: Iterable[str] = sentences(words, np.random.default_rng((seed, 9)))
        model, tokenizer = fresh_tiny(texts, rows.shape[2], rows.shape[1])
    if order.recipe.references:  # after all else has its first values, which are those of a run without
        model.take_references()
    model.region_projection.standardise(torch.from_numpy(rows))
    set_neighbours(model.config, bool(order.recipe.neighbours))
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
        **order.recipe.changes(),
    }
    if order.pictures is not None:
        run["data"] = order.pictures.key(order.pictures.samples())
    if before is None:
        path = order.out / STATE / RUN
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    elif before != run:
        changed = ", ".join(name for name in {**before, **run} if before.get(name) != run.get(name))
        raise CheckpointError(order.out, "start without --resume", f"the run differs in: {changed}")
