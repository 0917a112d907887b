"""`iad-unify evaluate ladder` and `iad-unify ablate`: options in, reports and a chart out.

Registered by `iad_unify.cli`. Heavy imports happen inside the commands.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iad_unify.progress import bar, checked_device, limit_threads, to_its_end

if TYPE_CHECKING:
    from iad_unify.explainer.session import Session


def evaluate(
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint folder of the explainer.")],
    expert: Annotated[Path, typer.Option(help="Checkpoint folder of the region expert whose tokens it reads.")],
    out: Annotated[Path, typer.Option(help="Report, JSON.")],
    data: Annotated[
        str, typer.Option(help="procedural:test, procedural:validation or a data set folder.")
    ] = "procedural:test",
    groups: Annotated[Path | None, typer.Option(help="Split file of a folder; without it its own parts.")] = None,
    split: Annotated[str, typer.Option(help="Part that is asked about: train, validation or test.")] = "test",
    pictures: Annotated[int, typer.Option(min=8, help="Drawings to look at; those with one defect are asked.")] = 400,
    trained_without: Annotated[
        list[Path] | None,
        typer.Option(help="An explainer trained with --regions none or whole; may be given more than once."),
    ] = None,
    plots: Annotated[Path | None, typer.Option(help="Folder for ladder.png.")] = None,
    resamples: Annotated[int, typer.Option(min=10, help="Bootstrap resamples, by group.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of drawings, questions and worse masks.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads.")] = 1,
) -> None:
    """Measure how much an explainer's answers owe to its regions: true, predicted, worse, wrong, whole picture, none."""
    from rich.console import Console

    from iad_unify.checkpoint import CheckpointError
    from iad_unify.data.samples import DataError
    from iad_unify.explainer.ladder import measure

    if data.startswith("procedural") and data not in ("procedural:test", "procedural:validation"):
        raise typer.BadParameter("procedural:test, procedural:validation or a folder", param_hint="--data")
    limit_threads(threads)
    console = Console()
    order = measure.Order(
        checkpoint, expert, data, out, groups, split, pictures, resamples, seed, tuple(trained_without or ()), plots
    )
    try:
        with bar(console, "ladder", 1.0) as advance:
            report = measure.evaluate(order, lambda share: advance(share, ""))
    except (CheckpointError, DataError) as error:
        console.print(f"error: {error}", style="red", markup=False)
        raise typer.Exit(2) from error
    for line in measure.lines(report):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def ablate(
    expert: Annotated[Path, typer.Option(help="Checkpoint folder of the region expert whose tokens are read.")],
    out: Annotated[Path, typer.Option(help="Folder of the arms and of report.json; run again, it goes on.")],
    steps: Annotated[int, typer.Option(min=1, help="Steps of every arm.")] = 1000,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of every arm.")] = 3,
    arms: Annotated[
        list[str] | None,
        typer.Option(
            "--arm",
            help="gt, gt-then-predicted, stage-wise, joint, S3t, S4t or mixed; may be given more than once. All but mixed "
            "otherwise.",
        ),
    ] = None,
    data: Annotated[str, typer.Option(help="`procedural`, or a data set folder.")] = "procedural",
    groups: Annotated[
        Path | None, typer.Option(help="Split file of a folder: train is learned, test is asked.")
    ] = None,
    fold_expert: Annotated[
        list[Path] | None,
        typer.Option(help="As for `train explainer`: experts that propose on the groups that they held out."),
    ] = None,
    drawings: Annotated[int, typer.Option(min=8, help="Drawings to look at before training.")] = 3000,
    pictures: Annotated[int, typer.Option(min=8, help="Drawings to look at for the questions.")] = 400,
    batch: Annotated[int, typer.Option(min=1, help="Questions per step.")] = 16,
    learning_rate: Annotated[float, typer.Option(min=0, help="Peak learning rate.")] = 1e-3,
    resamples: Annotated[int, typer.Option(min=10, help="Bootstrap resamples, by group.")] = 1000,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, ...", callback=checked_device)] = "cpu",
) -> None:
    """Train the schedules and the controls without regions at equal steps, several seeds each, and compare them."""
    from rich.console import Console

    from iad_unify.checkpoint import CheckpointError
    from iad_unify.data.samples import DataError
    from iad_unify.explainer.collected import Pictures
    from iad_unify.explainer.ladder import ablation

    chosen = tuple(arms or ablation.USUAL)
    if unknown := set(chosen) - set(ablation.ARMS):
        raise typer.BadParameter(
            f"{', '.join(sorted(unknown))}: not an arm; there are {', '.join(ablation.ARMS)}", param_hint="--arm"
        )
    if data == "procedural" and (groups or fold_expert):
        raise typer.BadParameter("goes with a data set folder; drawings are fresh", param_hint="--fold-expert")
    if data != "procedural" and not fold_expert:
        raise typer.BadParameter("an expert proposes too well on what it learned from", param_hint="--fold-expert")
    limit_threads(threads)
    console = Console()
    order = ablation.Order(
        expert,
        out,
        steps,
        seeds,
        chosen,
        None if data == "procedural" else Pictures(data, groups, tuple(fold_expert or ())),
        drawings,
        pictures,
        batch,
        learning_rate,
        resamples,
        device,
    )
    try:
        todo = ablation.unfinished(order)
        console.print(f"to do: {', '.join(map(str, todo)) or 'nothing'}", markup=False, highlight=False)
        with bar(console, "ablation", max(1, len(todo))) as advance:
            result = ablation.run(order, _Bar(advance, len(todo)).train)
    except (CheckpointError, DataError) as error:
        console.print(f"error: {error}", style="red", markup=False)
        raise typer.Exit(2) from error
    for line in ablation.lines(result):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if result["unfinished"]:
        raise typer.Exit(130)


class _Bar:
    """Trains arm after arm and moves one bar over all of them."""

    def __init__(self, advance: Callable[[float, str], None], count: int) -> None:
        self._advance, self._count, self._done = advance, count, 0

    def train(self, name: str, session: "Session") -> bool:
        """True when the arm's steps are done, False when Ctrl-C or SIGTERM ended it."""
        ended = to_its_end(
            lambda: session.trainer.run(
                lambda done, share: self._advance(
                    self._done + share,
                    f"{name}, {self._done + 1} of {self._count}: step {done.steps} loss {done.loss:.4f}",
                ),
                session.checkpoint,
            )
        )
        self._done += ended
        return ended
