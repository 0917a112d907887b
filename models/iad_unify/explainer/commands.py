"""`iad-unify train explainer` and `iad-unify evaluate understanding`: options in, progress and files out.

Registered by `iad_unify.cli`. Heavy imports happen inside the commands.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iad_unify.progress import bar, checked_device, limit_threads, to_its_end

if TYPE_CHECKING:
    from rich.console import Console

    from iad_unify.explainer.session import Session

ThreadsOption = Annotated[int, typer.Option(min=1, help="Processor threads.")]
ExpertOption = Annotated[Path, typer.Option(help="Checkpoint folder of the region expert whose tokens are read.")]


def train(
    expert: ExpertOption,
    out: Annotated[Path, typer.Option(help="Checkpoint folder to write; its `state` keeps what --resume needs.")],
    data: Annotated[str, typer.Option(help="`procedural`, or a data set folder.")] = "procedural",
    groups: Annotated[
        Path | None, typer.Option(help="Split file of a folder, whose train part is learned from.")
    ] = None,
    fold_expert: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder's predicted regions are proposed by these experts, each on the groups that its groups.json holds "
            "out; drawings are fresh and need none. May be given more than once."
        ),
    ] = None,
    schedule: Annotated[
        str, typer.Option(help="True and predicted regions: mixed, gt, gt-then-predicted, stage-wise or joint.")
    ] = "mixed",
    regions: Annotated[
        str, typer.Option(help="given; none or whole (picture) train a control of `evaluate ladder`.")
    ] = "given",
    neighbours: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Share of questions that tell what regions like theirs were confirmed as; 0: never read."
        ),
    ] = 0.0,
    lora: Annotated[
        int, typer.Option(min=0, help="Rank of an adapter on the language model; with full or --start-from.")
    ] = 0,
    whole: Annotated[
        bool, typer.Option("--whole", help="full: every weight learns, not the projection alone.")
    ] = False,
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="Less memory for about a third more time.")
    ] = False,
    references: Annotated[
        bool,
        typer.Option(
            "--references", help="Half of the examples show a golden template beside each region; drawings only."
        ),
    ] = False,
    crops: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the examples that show the frame beside its regions.")
    ] = 0.0,
    simple: Annotated[
        bool,
        typer.Option("--simple", help="One region and its type, place and size in English; for runs of 1,000 steps."),
    ] = False,
    config: Annotated[
        str, typer.Option(help="tiny (from scratch) or full (a pretrained Qwen3.5, see --base).")
    ] = "tiny",
    base: Annotated[str, typer.Option(help="full: local directory or hub id, such as Qwen/Qwen3.5-4B.")] = "",
    start_from: Annotated[
        Path | None, typer.Option(help="tiny: an explainer to start from, such as one for another region expert.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0, help="Processor minutes of training; 0 for no limit.")] = 14.0,
    steps: Annotated[int, typer.Option(min=0, help="Steps of training; 0 for no limit.")] = 0,
    drawings: Annotated[int, typer.Option(min=8, help="Drawings to look at before training.")] = 4000,
    batch: Annotated[int, typer.Option(min=1, help="Questions per step.")] = 16,
    learning_rate: Annotated[float, typer.Option(min=0, help="Peak learning rate.")] = 1e-3,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the unfinished run in --out.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of drawings, questions and weights.")] = 0,
    threads: ThreadsOption = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, ...", callback=checked_device)] = "cpu",
) -> None:
    """Train the explainer on a frozen region expert's tokens. Ctrl-C saves; the same command with --resume goes on."""
    from rich.console import Console

    from iad_unify.checkpoint import CheckpointError
    from iad_unify.data.samples import DataError
    from iad_unify.explainer.collected import Pictures
    from iad_unify.explainer.recipe import Recipe
    from iad_unify.explainer.session import Order, open_session
    from iad_unify.explainer.training import Schedule

    if config not in ("tiny", "full"):
        raise typer.BadParameter(f"{config!r} is not tiny or full", param_hint="--config")
    if (config == "full") != bool(base):
        raise typer.BadParameter("goes with --config full, and only with it", param_hint="--base")
    if start_from and config == "full":
        raise typer.BadParameter("goes with --config tiny", param_hint="--start-from")
    if lora and config != "full" and not start_from:
        raise typer.BadParameter("goes with --config full or --start-from", param_hint="--lora")
    if whole and config != "full":
        raise typer.BadParameter("goes with --config full; the tiny one learns whole anyway", param_hint="--whole")
    if crops and lora and config != "full":
        raise typer.BadParameter("its vision tower must learn; leave --lora out", param_hint="--crops")
    if data == "procedural" and (groups or fold_expert):
        raise typer.BadParameter("goes with a data set folder; drawings are fresh", param_hint="--fold-expert")
    if data != "procedural" and not fold_expert and (schedule, regions) != ("gt", "given"):
        raise typer.BadParameter("an expert proposes too well on what it learned from", param_hint="--fold-expert")
    try:
        recipe = Recipe(schedule, regions, lora, whole, gradient_checkpointing, references, neighbours, crops, simple)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if not minutes and not steps:
        raise typer.BadParameter("set one of --minutes and --steps", param_hint="--minutes")
    limit_threads(threads)
    console = Console()
    pictures = None if data == "procedural" else Pictures(data, groups, tuple(fold_expert or ()))
    order = Order(expert, out, config, base, start_from, drawings, resume, device, recipe, pictures)
    length = Schedule(minutes=minutes, steps=steps, batch=batch, learning_rate=learning_rate, seed=seed)
    try:
        with bar(console, "looking at drawings", drawings) as advance:
            session = open_session(order, length, lambda stage, done, of: advance(drawings * done / of, stage))
        finished = _run(session, console)
        card = session.finish()
    except (CheckpointError, DataError) as error:
        console.print(f"error: {error}", style="red", markup=False)
        raise typer.Exit(2) from error
    console.print(f"{out}: version {card.model_version}, {card.steps} steps, {card.minutes:g} min")
    if not finished:
        console.print("stopped early; go on with the same command and --resume")
        raise typer.Exit(130)


def evaluate(
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint folder of the explainer.")],
    expert: ExpertOption,
    out: Annotated[Path, typer.Option(help="Report, JSON.")],
    data: Annotated[str, typer.Option(help="procedural:test or procedural:validation.")] = "procedural:test",
    pictures: Annotated[int, typer.Option(min=8, help="Drawings to ask about.")] = 400,
    resamples: Annotated[int, typer.Option(min=10, help="Bootstrap resamples, by drawing.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of drawings and questions.")] = 0,
    threads: ThreadsOption = 1,
    record: Annotated[bool, typer.Option("--record", help="Write the figures into the checkpoint's card.")] = False,
    references: Annotated[
        bool, typer.Option("--references", help="Show each drawing's golden template to an explainer trained for it.")
    ] = False,
) -> None:
    """Measure what the explainer understands: generated text, parsed and compared, with 95 % intervals."""
    from rich.console import Console

    from iad_unify.checkpoint import CheckpointError
    from iad_unify.explainer import evaluation

    name, _, split = data.partition(":")
    if name != "procedural" or split not in ("test", "validation"):
        raise typer.BadParameter("procedural:test or procedural:validation", param_hint="--data")
    if record and references:
        raise typer.BadParameter("a card tells how it does without references", param_hint="--record")
    limit_threads(threads)
    console = Console()
    order = evaluation.Order(checkpoint, expert, out, split, pictures, resamples, seed, record, references)
    try:
        with bar(console, "asking", 1.0) as advance:
            report = evaluation.evaluate(order, lambda share: advance(share, ""))
    except CheckpointError as error:
        console.print(f"error: {error}", style="red", markup=False)
        raise typer.Exit(2) from error
    for line in evaluation.lines(report):
        console.print(line, markup=False, highlight=False)


def _run(session: "Session", console: "Console") -> bool:
    """True when the schedule ended, False when Ctrl-C or SIGTERM ended it."""
    with bar(console, "training", 1.0) as advance:
        return to_its_end(
            lambda: session.trainer.run(
                lambda done, share: advance(share, f"step {done.steps} loss {done.loss:.4f}"), session.checkpoint
            )
        )
