"""`iad-unify evaluate mmad`: options in, progress, answers and a table out. Torch is imported only to run a model."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iad_unify import resources
from iad_unify.data.samples import DataError
from iad_unify.mmad import answers as files
from iad_unify.mmad import layout, scoring, table
from iad_unify.mmad.order import Order, spread
from iad_unify.progress import bar, checked_device, to_its_end

if TYPE_CHECKING:
    from rich.console import Console


def evaluate(
    data: Annotated[Path | None, typer.Option(help="Folder of a local copy, with mmad.json; runs the model.")] = None,
    answers: Annotated[
        Path | None, typer.Option(help="Answers to write, JSON; one that is there is gone on with.")
    ] = None,
    score: Annotated[Path | None, typer.Option(help="Only score this file of answers.")] = None,
    out: Annotated[Path | None, typer.Option(help="Table to write, CSV.")] = None,
    compat: Annotated[
        bool, typer.Option("--compat", help="Leave out invalid answers, and the one after each, as the reference does.")
    ] = False,
    checkpoint: Annotated[Path | None, typer.Option(help="Explainer; the shipped one by default.")] = None,
    expert: Annotated[Path | None, typer.Option(help="Region expert; the shipped one by default.")] = None,
    shots: Annotated[int, typer.Option(min=0, max=1, help="Good pictures that an expert with a template sees.")] = 1,
    templates: Annotated[str, typer.Option(help="Which good picture: random or similar.")] = "random",
    pictures: Annotated[int, typer.Option(min=0, help="Ask about so many pictures, evenly chosen; 0 for all.")] = 0,
    missing_ok: Annotated[bool, typer.Option("--missing-ok", help="Leave out pictures that the copy lacks.")] = False,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, ...", callback=checked_device)] = "cpu",
) -> None:
    """Answer MMAD's questions with a model, or score a file of answers; prints the official table."""
    from rich.console import Console

    console = Console()
    if (score is None) == (data is None):
        raise typer.BadParameter("name one of --data (with --answers) and --score", param_hint="--score")
    if data is not None and answers is None:
        raise typer.BadParameter("goes with --data", param_hint="--answers")
    if templates not in layout.TEMPLATES:
        raise typer.BadParameter(f"{templates!r} is not random or similar", param_hint="--templates")
    finished = True
    try:
        if data is not None and answers is not None:
            models = checkpoint or resources.weights("explainer"), expert or resources.weights("region_expert")
            order = Order(data, answers, *models, shots, templates, device)
            finished = _run(console, order, _pictures(order, pictures, missing_ok, console), threads)
        given = files.read(score or answers or Path())
        if not finished and not given:
            raise typer.Exit(130)
        scored = scoring.score(given, compat=compat)
    except (DataError, ValueError) as error:
        console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from error
    for line in table.lines(scored):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if not finished:
        console.print("stopped early: these figures are of what was answered; the same command goes on")
        raise typer.Exit(130)
    if out is not None:
        table.write(scored, out)


def _pictures(order: Order, most: int, missing_ok: bool, console: "Console") -> tuple[layout.Picture, ...]:
    found = layout.read(order.data, order.templates)
    lacking = layout.missing(order.data, found)
    if lacking and not missing_ok:
        raise DataError(
            order.data / lacking[0].image,
            f"is missing, as are {len(lacking) - 1} more of {len(found)} pictures; complete the copy, or --missing-ok",
        )
    if lacking:
        console.print(f"{len(lacking)} of {len(found)} pictures are missing and left out")
        absent = {one.image for one in lacking}
        found = tuple(one for one in found if one.image not in absent)
    if not found:
        raise DataError(order.data, "has no picture to ask about")
    return spread(found, most)


def _run(console: "Console", order: Order, asked: tuple[layout.Picture, ...], threads: int) -> bool:
    """True when all are answered, False when Ctrl-C or SIGTERM came before."""
    from iad_unify.mmad import running
    from iad_unify.progress import limit_threads

    limit_threads(threads)
    with bar(console, "asking", len(asked)) as advance:
        return to_its_end(lambda: running.run(order, asked, _told(advance, len(asked))))


def _told(advance: Callable[[float, str], None], total: int) -> Callable[[int], None]:
    """Adds the time left to the progress; what an earlier run answered says nothing of it."""
    began: list[tuple[float, int]] = []

    def tell(done: int) -> None:
        began.append((time.monotonic(), done))
        (start, before), (now, _) = began[0], began[-1]
        left = (now - start) / (done - before) * (total - done) / 60 if done > before else None
        advance(done, f"{done} of {total} pictures" + ("" if left is None else f", {left:.0f} min left"))

    return tell
