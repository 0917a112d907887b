"""`iad-unify pretrain`: options in, progress and a backbone folder out."""

from pathlib import Path
from typing import Annotated

import typer

from iad_unify.progress import bar, checked_device, limit_threads, to_its_end


def pretrain(
    data: Annotated[
        list[str],
        typer.Option(help="A folder of any pictures, a data set, or 'procedural'. May be given more than once."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the new backbone; its `state` keeps what --resume needs.")],
    config: Annotated[str, typer.Option(help="tiny, compact, small, base, large or giant.")] = "tiny",
    backbone: Annotated[
        str, typer.Option(help="DINOv2 directory or hub id to go on from, instead of a new one of --config.")
    ] = "",
    registers: Annotated[int, typer.Option(min=0, help="Register tokens of a new backbone.")] = 0,
    groups: Annotated[Path | None, typer.Option(help="Split file; only pictures of its train groups are used.")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="Wall-clock limit (15 when no limit is given).")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Step limit.")] = None,
    batch: Annotated[int, typer.Option(min=2, help="Pictures per step; each gives two views.")] = 16,
    size: Annotated[int, typer.Option(min=64, help="Side of the square that pictures are brought to, pixels.")] = 256,
    view: Annotated[int, typer.Option(min=0, help="Side of a view, pixels; 0 is half of the square.")] = 0,
    learning_rate: Annotated[float, typer.Option(min=0, help="Peak learning rate.")] = 1e-3,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the weights and of the training.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
    bf16: Annotated[bool, typer.Option(help="Compute in bfloat16 where it is safe.")] = True,
    device: Annotated[str, typer.Option(help="cpu, cuda, ...", callback=checked_device)] = "cpu",
    resume: Annotated[bool, typer.Option("--resume", help="Go on from OUT/state.")] = False,
) -> None:
    """Train a backbone on unlabelled pictures; writes a Hugging Face folder with a card and curves.png to OUT."""
    from rich.console import Console

    from iad_unify.checkpoint import CheckpointError
    from iad_unify.data.samples import DataError
    from iad_unify.region_expert.backbone import UnknownBackboneError
    from iad_unify.region_expert.pretraining.collapse import Collapsed
    from iad_unify.region_expert.pretraining.session import Order, open_session
    from iad_unify.region_expert.pretraining.trainer import Plan

    limit_threads(threads)
    console = Console()
    limit = minutes if minutes or steps else 15.0
    order = Order(tuple(data), out, config, backbone, registers, groups, size)
    plan = Plan(limit, steps, batch, view, learning_rate, seed=seed, bf16=bf16, device=device)
    try:
        session = open_session(order, plan, resume)
        console.print(f"{session.files} picture files, views of {session.plan.view} pixels")
        with bar(console, "pretraining", 1.0) as advance:
            finished = to_its_end(
                lambda: session.run(
                    lambda done, share: advance(share, f"step {done.step} rank of patches {done.checks[-1][3]:.1f}")
                )
            )
        if not finished:
            session.save()
            console.print(f"stopped at step {session.trainer.done.step}; the same command with --resume goes on")
            raise typer.Exit(130)
        card = session.finish()
    except Collapsed as error:
        session.draw()
        console.print(f"error: {error}", style="red", markup=False)
        raise typer.Exit(1) from error
    except (CheckpointError, DataError, UnknownBackboneError, OSError) as error:
        console.print(f"error: {error}", style="red", markup=False)
        raise typer.Exit(2) from error
    found = card.figures
    console.print(
        f"{out}: {card.steps} steps, {card.minutes:g} min, spread {found['spread'].value:.3f}, effective rank "
        f"{found['patch_rank'].value:.1f} of patches (at the start {found['patch_rank_at_the_start'].value:.1f})"
    )
