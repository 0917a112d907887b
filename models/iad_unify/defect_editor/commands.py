"""`iad-unify train defect-editor` and `iad-unify evaluate generation`: options in, progress and files out.

Registered by `iad_unify.cli`. Heavy imports happen inside the commands.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iad_unify.progress import bar, checked_device, limit_threads, to_its_end

if TYPE_CHECKING:
    from rich.console import Console

    from iad_unify.defect_editor.session import Session

ExplainerOption = Annotated[
    Path, typer.Option(help="Checkpoint folder of the explainer whose hidden states steer the edits.")
]
ThreadsOption = Annotated[int, typer.Option(min=1, help="Processor threads.")]


def train(
    explainer: ExplainerOption,
    out: Annotated[Path, typer.Option(help="Checkpoint folder to write; its `state` keeps what --resume needs.")],
    expert: Annotated[
        Path | None, typer.Option(help="Region expert for reference tokens; without it, text alone.")
    ] = None,
    data: Annotated[str, typer.Option(help="Training data; only `procedural`.")] = "procedural",
    config: Annotated[str, typer.Option(help="tiny (from scratch) or full (a public inpainting model).")] = "tiny",
    base: Annotated[str, typer.Option(help="full: local directory or hub id of a diffusers inpainting model.")] = "",
    minutes: Annotated[float, typer.Option(min=0, help="Processor minutes of training; 0 for no limit.")] = 14.0,
    steps: Annotated[int, typer.Option(min=0, help="Steps of training; 0 for no limit.")] = 0,
    drawings: Annotated[int, typer.Option(min=10, help="Procedural drawings; each gives two pairs.")] = 4000,
    batch: Annotated[int, typer.Option(min=1, help="Crops per step.")] = 16,
    learning_rate: Annotated[float, typer.Option(min=0, help="Peak learning rate.")] = 1e-3,
    start_from: Annotated[Path | None, typer.Option(help="Editor whose weights to start from.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on with the unfinished run in --out.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of drawings, order and noise.")] = 0,
    threads: ThreadsOption = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, ...", callback=checked_device)] = "cpu",
) -> None:
    """Train the defect editor. Ctrl-C saves; the same command with --resume goes on."""
    from dataclasses import replace

    from rich.console import Console

    from iad_unify.checkpoint import CheckpointError
    from iad_unify.defect_editor.config import CONFIGS
    from iad_unify.defect_editor.session import SHEET, Sources, open_session
    from iad_unify.defect_editor.training import Schedule

    if config not in CONFIGS:
        raise typer.BadParameter(f"{config!r} is not one of {', '.join(CONFIGS)}", param_hint="--config")
    if data != "procedural":
        raise typer.BadParameter("the editor trains on `procedural` pairs only", param_hint="--data")
    if not minutes and not steps:
        raise typer.BadParameter("set one of --minutes and --steps", param_hint="--minutes")
    chosen = replace(CONFIGS[config], source=base) if base else CONFIGS[config]
    schedule = Schedule(minutes=minutes, steps=steps, batch=batch, learning_rate=learning_rate, seed=seed)
    limit_threads(threads)
    console = Console()
    try:
        with bar(console, "drawing pairs", drawings) as advance:
            session = open_session(
                chosen,
                schedule,
                Sources(explainer, expert, start_from),
                out,
                drawings=drawings,
                threads=threads,
                device=device,
                resume=resume,
                report=lambda done: advance(done, ""),
            )
        finished = _run(session, console)
        card = session.finish()
    except CheckpointError as error:
        console.print(f"error: {error}", style="red", markup=False)
        raise typer.Exit(2) from error
    console.print(
        f"{out}: version {card.model_version}, {card.steps} steps, {card.minutes:g} min; look at {out / SHEET}"
    )
    if not finished:
        console.print("stopped early; go on with the same command and --resume")
        raise typer.Exit(130)


def evaluate(
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint folder of the editor.")],
    explainer: ExplainerOption,
    expert: Annotated[Path, typer.Option(help="Region expert that judges the edits and finds references.")],
    out: Annotated[Path, typer.Option(help="Report, JSON.")],
    data: Annotated[str, typer.Option(help="Test data; only `procedural:test`.")] = "procedural:test",
    plots: Annotated[Path | None, typer.Option(help="Folder for a plot and a sheet of edits.")] = None,
    pictures: Annotated[int, typer.Option(min=2, help="Test drawings.")] = 200,
    steps: Annotated[int, typer.Option(min=1, help="Sampling steps.")] = 12,
    guidance: Annotated[float, typer.Option(min=0, help="Classifier-free guidance; 1 is none.")] = 2.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the test drawings.")] = 0,
    threads: ThreadsOption = 1,
    record: Annotated[bool, typer.Option("--record", help="Write the figures into the checkpoint's card.")] = False,
) -> None:
    """Measure edits on unseen drawings; prints and writes the figures with 95 % intervals."""
    from rich.console import Console

    from iad_unify.checkpoint import CheckpointError
    from iad_unify.defect_editor.measuring import Order, measure

    if data != "procedural:test":
        raise typer.BadParameter("edits are measured on `procedural:test` only", param_hint="--data")
    limit_threads(threads)
    console = Console()
    order = Order(checkpoint, explainer, expert, out, plots, pictures, steps, guidance, seed, threads, record)
    try:
        with bar(console, "judging edits", pictures) as advance:
            table = measure(order, lambda done: advance(done, ""))
    except CheckpointError as error:
        console.print(f"error: {error}", style="red", markup=False)
        raise typer.Exit(2) from error
    console.print(table)


def _run(session: "Session", console: "Console") -> bool:
    """True when the schedule ended, False when Ctrl-C or SIGTERM ended it."""
    with bar(console, "training", 1.0) as advance:
        return to_its_end(
            lambda: session.trainer.run(
                lambda done, share: advance(share, f"step {done.steps} loss {done.loss:.4f}"), session.checkpoint
            )
        )
