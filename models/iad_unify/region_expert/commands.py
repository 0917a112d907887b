"""`iad-unify train region-expert` and `iad-unify evaluate segmentation`: options in, files out."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from iad_unify.region_expert.config import SIDE_STEP

#: Of `train region-expert` and `bare`.
_BackboneSize = Annotated[
    int,
    typer.Option(
        min=0,
        help="Side that the backbone sees the square at, pixels; any multiple of its patch, such as 518. 0 is the one nearest "
        "to --size.",
    ),
]


class Reference(StrEnum):
    """What frames are compared with."""

    MEMORY = "memory"
    TEMPLATE = "template"


def train(
    data: Annotated[list[str], typer.Option(help="A data set folder, or 'procedural'. May be given more than once.")],
    out: Annotated[Path, typer.Option(help="Folder of the new checkpoint.")],
    config: Annotated[str, typer.Option(help="tiny, small, base, large or giant.")] = "tiny",
    backbone: Annotated[str, typer.Option(help="DINOv2 directory or hub id instead of the configuration's own.")] = "",
    init: Annotated[
        str,
        typer.Option(help="Checkpoint to start from, 'shipped', 'none'; by default the shipped one for real data."),
    ] = "",
    groups: Annotated[Path | None, typer.Option(help="Split file (train, validation, test groups).")] = None,
    train_share: Annotated[float, typer.Option(min=0.05, max=1.0, help="Share of groups to learn from.")] = 0.5,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="Wall-clock limit (25 when no limit is given).")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Step limit.")] = None,
    batch: Annotated[int, typer.Option(min=2, help="Pictures per step.")] = 8,
    size: Annotated[
        int, typer.Option(min=64, help="Side of the square that pictures are brought to, pixels; a multiple of 64.")
    ] = 256,
    backbone_size: _BackboneSize = 0,
    crop: Annotated[
        int, typer.Option(min=0, help="Side of the crops that training begins on, pixels; 0 is half of the square.")
    ] = 0,
    crop_share: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the training on crops.")] = 0.5,
    seed: Annotated[int, typer.Option(help="Seed of the split and of the training.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that make batches; 0 makes them between the steps.")
    ] = 0,
    device: Annotated[str, typer.Option(help="auto (a GPU where there is one) or cpu.")] = "auto",
    precision: Annotated[str, typer.Option(help="bf16 (mixed) or f32.")] = "bf16",
    good_only: Annotated[
        bool, typer.Option("--good-only", help="Learn from the good pictures alone, with synthetic anomalies on them.")
    ] = False,
    grow_share: Annotated[
        float, typer.Option(min=0.05, max=1.0, help="Regions grow down to this share of their threshold (hysteresis).")
    ] = 1.0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from OUT/state.")] = False,
) -> None:
    """Train a region expert; writes a checkpoint, its card, groups.json, curves.png and overlays.png to OUT."""
    import torch
    from rich.console import Console

    from iad_unify.checkpoint import CheckpointError
    from iad_unify.data.samples import DataError
    from iad_unify.region_expert.backbone import UnfitSide, UnknownBackboneError
    from iad_unify.region_expert.training import recipe
    from iad_unify.region_expert.training.trainer import Plan

    for option, side in (("--size", size), ("--crop", crop)):
        if side % SIDE_STEP:
            raise typer.BadParameter(_no_side(side), param_hint=option)
    torch.set_num_threads(threads)
    console = Console()
    limit = minutes if minutes or steps else 25.0
    plan = Plan(
        out / "state", limit, steps, batch, seed=seed, crop=crop, crop_share=crop_share,
        bf16=_one_of("--precision", precision, "bf16", "f32") == "bf16",
        workers=workers, on_cpu=_one_of("--device", device, "auto", "cpu") == "cpu",
    )  # fmt: skip
    order = recipe.Order(
        tuple(data), out, config, backbone or None, init, groups, train_share, size, backbone_size, good_only,
        grow_share, resume,
    )  # fmt: skip
    try:
        recipe.train(order, plan, console)
    except KeyboardInterrupt:
        console.print(f"stopped; the state is in {plan.state}, --resume goes on from it")
        raise typer.Exit(130) from None
    except UnfitSide as error:
        raise typer.BadParameter(str(error), param_hint="--backbone-size") from error
    except (CheckpointError, DataError, UnknownBackboneError, OSError) as error:
        console.print(f"error: {error}", style="red", markup=False)
        raise typer.Exit(2) from error


def evaluate(
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint folder.")],
    data: Annotated[str, typer.Option(help="A data set folder, or 'procedural:test'.")],
    out: Annotated[Path, typer.Option(help="Report, JSON.")],
    groups: Annotated[Path | None, typer.Option(help="Split file; without it every sample is used.")] = None,
    split: Annotated[str, typer.Option(help="Part of the split file: train, validation or test.")] = "test",
    thresholds: Annotated[
        str, typer.Option(help="Part that thresholds are chosen on; 'card' takes the checkpoint's.")
    ] = "validation",
    pictures: Annotated[int, typer.Option(min=2, help="Pictures of a procedural set.")] = 400,
    resamples: Annotated[int, typer.Option(min=10, help="Bootstrap resamples (by group).")] = 500,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
    device: Annotated[str, typer.Option(help="auto (a GPU where there is one) or cpu.")] = "cpu",
    record: Annotated[bool, typer.Option("--record", help="Write the figures into the checkpoint's card.")] = False,
    plots: Annotated[Path | None, typer.Option(help="Folder for curves, bars and the worst pictures.")] = None,
    square: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="PX",
            help="Side of the square that pictures are brought to, a multiple of 32; larger than the checkpoint's input, it "
            "is looked at in tiles. 0 is that input.",
        ),
    ] = 0,
    cold_start: Annotated[
        Reference | None,
        typer.Option(
            help="Measure a reference alone, without the decoder: a memory of the good pictures of the train part, or each "
            "picture's own template."
        ),
    ] = None,
    fused_with: Annotated[
        Reference | None,
        typer.Option(
            help="Measure the decoder's map fused with that of such a reference, as a calibrated camera has it."
        ),
    ] = None,
) -> None:
    """Measure segmentation and types of a checkpoint; prints and writes the figures with 95 % intervals."""
    import torch
    from rich.console import Console

    from iad_unify.catalog import SQUARE_STEP
    from iad_unify.checkpoint import CheckpointError
    from iad_unify.data.samples import PARTS, DataError
    from iad_unify.region_expert.evaluation import measure
    from iad_unify.region_expert.evaluation.cold_start import ColdStart
    from iad_unify.region_expert.tiling import UnfitSquare

    torch.set_num_threads(threads)
    console = Console()
    _one_of("--device", device, "auto", "cpu")
    _one_of("--split", split, *PARTS)
    _one_of("--thresholds", thresholds, *PARTS, "card")
    if square % SQUARE_STEP:
        raise typer.BadParameter(f"not a multiple of {SQUARE_STEP}", param_hint="--square")
    if cold_start and fused_with:
        raise typer.BadParameter("either alone or beside the decoder", param_hint="--fused-with")
    if record and (square or cold_start or fused_with):
        raise typer.BadParameter("the card keeps the decoder's own figures, at its own square", param_hint="--record")
    order = measure.Order(
        checkpoint, data, out, groups, split, thresholds, pictures, resamples, record, plots, square,
        ColdStart(cold_start) if cold_start else None, ColdStart(fused_with) if fused_with else None, device,
    )  # fmt: skip
    try:
        measure.evaluate(order, console)
    except UnfitSquare as error:
        raise typer.BadParameter(str(error), param_hint="--square") from error
    except (CheckpointError, DataError) as error:
        console.print(f"error: {error}", style="red", markup=False)
        raise typer.Exit(2) from error


def bare(
    backbone: Annotated[str, typer.Option(help="DINOv2 directory or hub id, such as facebook/dinov2-small.")],
    out: Annotated[Path, typer.Option(help="Folder of the new checkpoint.")],
    size: Annotated[
        int, typer.Option(min=64, help="Side of the square that pictures are brought to, pixels; a multiple of 64.")
    ] = 448,
    backbone_size: _BackboneSize = 0,
) -> None:
    """Make a region expert of a pretrained DINOv2 alone: it compares each camera's frames with its own good parts.

    Nothing is trained and no defect need be known. Serve it, and calibrate every camera:

      iad-unify bare --backbone facebook/dinov2-small --out build/bare

      INSPECTD_VISION__EXPERT_CHECKPOINT=build/bare inspectd calibrate --camera cam-1 --good good-parts/

    """
    from rich.console import Console

    from iad_unify.region_expert import bare as bare_expert
    from iad_unify.region_expert.backbone import UnfitSide, UnknownBackboneError

    console = Console()
    if size % SIDE_STEP:
        raise typer.BadParameter(_no_side(size), param_hint="--size")
    try:
        card = bare_expert.make(backbone, out, size, backbone_size)
    except UnfitSide as error:
        raise typer.BadParameter(str(error), param_hint="--backbone-size") from error
    except (UnknownBackboneError, OSError) as error:
        console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from error
    console.print(f"written to {out}: model version {card.model_version}, {card.parameters:,} parameters", markup=False)


def _no_side(side: int) -> str:
    below = max(SIDE_STEP, side // SIDE_STEP * SIDE_STEP)
    return f"{side} is not a multiple of {SIDE_STEP}; the nearest are {below} and {below + SIDE_STEP}"


def _one_of(option: str, value: str, *allowed: str) -> str:
    if value not in allowed:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(allowed)}", param_hint=option)
    return value
