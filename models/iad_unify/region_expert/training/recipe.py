"""One training from data to checkpoint: gather, split, build, train, choose thresholds, write."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from iad_unify import resources
from iad_unify.catalog import EXPERT_SIZE
from iad_unify.checkpoint import CONFIG, Card, Figure, data_seen, write_card
from iad_unify.data import samples as data_sets
from iad_unify.data import splits
from iad_unify.data.samples import DataError, Sample
from iad_unify.region_expert import model
from iad_unify.region_expert.config import BACKBONES, EXTENT, HEADS, ExpertConfig
from iad_unify.region_expert.drawn import PROCEDURAL, VALIDATION_STREAM, drawn_square, named, without_paths
from iad_unify.region_expert.evaluation import metrics
from iad_unify.region_expert.squares import open_sample
from iad_unify.region_expert.training import figures, validation
from iad_unify.region_expert.training.sampling import MixedSource, ProceduralSource, SampleSource, Source
from iad_unify.region_expert.training.trainer import Plan, Progressed, Trainer
from iad_unify.region_expert.training.variation import with_anomaly
from iad_unify.region_expert.training.weighing import weigh
from iad_unify.types import DEFECT_TYPES

_VALIDATION_SHARE = 0.2  # of the groups that are learnt from
_DRAWN_VALIDATION = 400
_TEST = "test"
_GROUPS, _RUN = "groups.json", "run.json"
_SHEET = 24  # pictures on the overlay sheet


@dataclass(frozen=True, slots=True)
class Order:
    """What to train, from what, and where to."""

    data: tuple[str, ...]
    out: Path
    config: str = "tiny"
    backbone: str | None = None
    init: str = ""  # "", "none", "shipped" or a folder
    groups: Path | None = None
    train_share: float = 0.5
    size: int = EXPERT_SIZE  # side of the square input, pixels
    backbone_size: int = 0  # side that the backbone sees it at; 0 is the multiple of its patch nearest to `size`
    good_only: bool = False  # learn from good pictures, with synthetic anomalies, as if no defect were known
    grow_share: float = 1.0  # regions grow down to this share of their threshold; see proposals.propose
    resume: bool = False


def train(order: Order, plan: Plan, console: Console) -> Card | None:
    """Carry the order out; the card, or None in a process that only helped.

    Raises DataError, CheckpointError, OSError for a backbone that is not there, UnfitSide.
    """
    folders, drawn = named(order.data)
    found = _learnable(folders, order, console)
    if not drawn and _needs_drawings(found, order, console):
        order, drawn = replace(order, data=(*order.data, PROCEDURAL)), True  # as if asked for, so the card says it
    slugs = _slugs([] if order.good_only else found, drawn)
    order.out.mkdir(parents=True, exist_ok=True)
    resuming = order.resume and plan.state.is_dir()
    _of_the_same_run(order, plan, resuming)
    split = _split(found, folders, order, plan.seed, resuming)
    if resuming and (left_out := len(found) - sum(len(splits.select(found, part)) for part in split.parts())):
        console.print(
            f"{left_out} pictures of groups that this run did not begin with are left out; a new --out takes them"
        )
    learn, held = splits.select(found, split.train), splits.select(found, split.validation)
    if order.good_only:
        learn, held = ([sample for sample in part if sample.good] for part in (learn, held))
        if not learn or not held:
            raise DataError("data", "--good-only needs real good pictures in the train and in the validation part")
    donor = _donor(order, found)
    seen = data_seen(without_paths(order.data), donor, order.backbone)
    expert = _build(order, slugs, found, donor, plan.seed, console)
    config = expert.config
    held_out = _held_out(held, drawn, config, order.good_only)
    trainer = Trainer(expert, _source(learn, drawn, config), held_out, plan, console)
    if order.resume and trainer.resume():
        console.print(f"going on from step {trainer.done.step}")
    trainer.run()
    if not trainer.accelerator.is_main_process:
        return None
    return _finish(order, plan, trainer, held_out, seen, console)


def _learnable(folders: Sequence[str], order: Order, console: Console) -> list[Sample]:
    """The samples of all folders; without a split file none of what a data set itself keeps for testing.

    A data set that has nothing else is divided anew. Raises DataError when nothing tells where a defect is.
    """
    found = data_sets.read_all(folders)
    learnable = [sample for sample in found if order.groups or sample.part != _TEST]
    if found and not learnable:
        console.print(f"{folders[0]} has a test part only: its groups are divided anew, {_GROUPS} says how")
        learnable = [replace(sample, part=None) for sample in found]
    defective = [] if order.good_only else [sample for sample in learnable if not sample.good]
    if defective and not any(sample.mask or sample.boxes for sample in defective):
        mend = "add masks or boxes, or learn from its good pictures with --good-only"
        raise DataError(
            folders[0], f"none of its {len(defective)} defective pictures shows where the defect is; {mend}"
        )
    if learnable and not defective and not order.good_only:
        raise DataError(folders[0], "has no defective picture; --good-only learns from good ones")
    return learnable


def _needs_drawings(found: Sequence[Sample], order: Order, console: Console) -> bool:
    """Whether types have to come from drawings, because no sample that is learnt from has any."""
    if not found or (not order.good_only and data_sets.types_of(found)):
        return False
    console.print(f"no types are known of these pictures: they are learnt from drawings (--data {PROCEDURAL}) as well")
    return True


def _slugs(found: Sequence[Sample], drawn: bool) -> tuple[str, ...]:
    ours = DEFECT_TYPES if drawn else ()
    return (*ours, *(slug for slug in data_sets.types_of(found) if slug not in ours))


def _of_the_same_run(order: Order, plan: Plan, resuming: bool) -> None:
    """Write down what decides who is learnt from and tested on; raises DataError when a run goes on with something else."""
    wanted = {
        "data": list(without_paths(order.data)),
        "groups": order.groups.name
        if order.groups and order.groups.resolve() != (order.out / _GROUPS).resolve()
        else None,
        "train share": order.train_share,
        "good only": order.good_only,
        "config": order.config,
        "size": order.size,
        "backbone size": order.backbone_size,
        "seed": plan.seed,
    }
    path = plan.state / _RUN
    begun = json.loads(path.read_text()) if resuming and path.is_file() else wanted
    other = [name for name in wanted if begun.get(name) != wanted[name]]
    if other:
        said = ", ".join(f"{name} {begun.get(name)} and not {wanted[name]}" for name in other)
        raise DataError(order.out, f"was begun with {said}; resume with the same options, or name another --out")
    plan.state.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(wanted) + "\n")


def _split(found: Sequence[Sample], folders: Sequence[str], order: Order, seed: int, resuming: bool) -> splits.Split:
    """The split of the samples, written beside the checkpoint so that the rest can be used for testing.

    A run that goes on keeps the split that it began with, whatever was added to the data since.
    """
    if not found:
        return splits.Split((), (), ())
    kept = order.out / _GROUPS
    if resuming and kept.is_file():
        return splits.read(kept)
    if order.groups is None:
        split = splits.divide(found, order.train_share, _VALIDATION_SHARE, seed)
    else:
        split = splits.read(order.groups)
        if len(folders) > 1:
            split = splits.with_prefixes(split, found)
    for name, part in (("train", split.train), ("validation", split.validation)):
        if not splits.select(found, part):
            groups = len({sample.group for sample in found})
            mend = "give pictures of other parts a group of their own, raise --train-share, or name the groups by --groups FILE"
            raise DataError(order.groups or folders[0], f"the {name} part is empty ({groups} group(s) in all); {mend}")
    splits.write(split, kept)
    return split


def _donor(order: Order, found: Sequence[Sample]) -> Path | None:
    """The checkpoint whose weights are started from."""
    shipped = resources.weights("region_expert")
    return {"": shipped if found and (shipped / CONFIG).is_file() else None, "none": None, "shipped": shipped}.get(
        order.init, Path(order.init)
    )


def _build(
    order: Order, slugs: tuple[str, ...], found: Sequence[Sample], donor: Path | None, seed: int, console: Console
) -> model.RegionExpert:
    if order.config not in BACKBONES:
        raise DataError(order.config, f"no such configuration; there are {', '.join(BACKBONES)}")
    torch.manual_seed(seed)  # the toy backbone and the heads are drawn from it
    config = ExpertConfig(
        name=order.config,
        size=order.size,
        backbone_size=order.backbone_size,
        type_slugs=slugs,
        template=any(sample.template for sample in found),
        boxes=any(sample.boxes for sample in found),
        grow_share=order.grow_share,
    )
    expert = model.create(config, order.backbone)
    if donor is not None:
        taken = model.start_from(expert, donor, keep_backbone=bool(order.backbone))
        console.print(f"starting from {donor}: {taken} tensors taken")
    console.print(f"{order.config}: {model.parameters(expert):,} parameters, types {', '.join(slugs)}")
    return expert


def _source(learn: Sequence[Sample], drawn: bool, config: ExpertConfig) -> Source:
    sources: list[tuple[Source, float]] = []
    if learn:
        sources.append((SampleSource(learn, config.size, config.type_slugs), 0.7))
    if drawn:
        sources.append((ProceduralSource(config.size, config.type_slugs), 0.3))
    return MixedSource(sources)


def _held_out(
    held: Sequence[Sample], drawn: bool, config: ExpertConfig, good_only: bool = False
) -> list[validation.Held]:
    """Squares to choose thresholds on; from good pictures alone, each also comes with a synthetic anomaly."""
    found = [open_sample(sample, config.size, config.type_slugs) for sample in held]
    if good_only:
        rng = np.random.default_rng([VALIDATION_STREAM, 0])
        found += [(with_anomaly(good, found[int(rng.integers(len(found)))][0], rng), box) for good, box in found]
    if drawn and not good_only:
        found += [drawn_square(VALIDATION_STREAM, index, config) for index in range(_DRAWN_VALIDATION)]
    order = np.random.default_rng(0).permutation(len(found))  # the first ones are looked at during training
    return [found[index] for index in order]


def _finish(
    order: Order,
    plan: Plan,
    trainer: Trainer,
    held_out: Sequence[validation.Held],
    seen: tuple[str, ...],
    console: Console,
) -> Card:
    """Thresholds, checkpoint, card and pictures of the averaged model."""
    expert = trainer.averaged.eval()
    share = weigh(expert, held_out)
    if expert.config.template:
        console.print(f"the look counts {share:g} beside what a region severs and joins")
    checked = validation.check(expert, held_out)
    heads = (*HEADS, EXTENT) if expert.config.boxes else HEADS
    config = replace(expert.config, merge_gap_px=checked.merge_gap_px, trained_heads=heads)
    expert.config = config
    model.save(expert, order.out, config)
    card = write_card(order.out, _card(order, plan, trainer.done, config, checked, model.parameters(expert), seen))
    figures.curves(trainer.done, order.out / "curves.png")
    figures.overlays(expert, held_out[:_SHEET], checked.proposal_threshold, order.out / "overlays.png")
    console.print(
        f"validation: image AUROC {checked.image_auroc:.3f}, image F1 {checked.image_f1:.3f} at "
        f"{checked.default_threshold:.3f}, pixel AP {checked.pixel_ap:.3f}; written to {order.out}"
    )
    return card


def _card(
    order: Order,
    plan: Plan,
    done: Progressed,
    config: ExpertConfig,
    checked: validation.Checked,
    parameters: int,
    seen: tuple[str, ...],
) -> Card:
    names = without_paths(order.data)
    command = f"iad-unify train region-expert {' '.join(f'--data {name}' for name in names)} --config {order.config}"
    command += f" --steps {done.step} --seed {plan.seed} --batch {plan.batch} --out FOLDER"
    command += " --good-only" if order.good_only else ""
    command += f" --grow-share {order.grow_share:g}" if order.grow_share != 1 else ""
    command += f" --size {order.size}" if order.size != EXPERT_SIZE else ""
    command += f" --backbone-size {order.backbone_size}" if order.backbone_size else ""
    command += f" --crop {plan.crop}" if plan.crop else ""
    command += " --groups groups.json" if names != (PROCEDURAL,) else ""
    command += f" --init {Path(order.init).name}" if order.init else ""
    if order.backbone:  # one without a card is known by its name alone
        command += f" --backbone {Path(order.backbone).name if Path(order.backbone).is_dir() else order.backbone}"
    figure = {
        "validation_image_auroc": Figure(checked.image_auroc, None, command),
        "validation_pixel_ap": Figure(checked.pixel_ap, None, command),
    }
    note = (
        "Finds anomalous regions in a frame of 256 x 256 pixels (letterboxed), scores them and names their type. "
        f"Trained with `{command}`. The thresholds were chosen on a validation part (best F1 of the picture decision, "
        f"but no more than {metrics.FALSE_ALARM_RATE:.0%} false alarms; best pixel IoU). "
        "Scores are not comparable between products or model versions: calibrate each camera."
    )
    return Card(
        role="region_expert",
        config=order.config,
        parameters=parameters,
        data=seen,
        steps=done.step,
        seed=plan.seed,
        minutes=round(done.seconds / 60, 1),
        trained_heads=config.trained_heads,
        figures={name: one for name, one in figure.items() if math.isfinite(one.value)},
        # rounded up: a little lower would let one more good picture alarm
        default_threshold=math.ceil(checked.default_threshold * 1e4) / 1e4,
        proposal_threshold=math.ceil(checked.proposal_threshold * 1e4) / 1e4,
        type_slugs=config.type_slugs,
        note=note,
    )
