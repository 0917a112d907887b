"""`iad-unify calibrate-types`: options in, two numbers in the card out. Torch is imported when it runs."""

from pathlib import Path
from typing import Annotated

import typer


def calibrate_types(
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint folder of a region expert; its card is written anew.")],
    data: Annotated[str, typer.Option(help="A data set folder, or 'procedural'.")],
    groups: Annotated[
        Path | None, typer.Option(help="Split file: fitted on its validation part, measured on its test part.")
    ] = None,
    coverage: Annotated[
        float, typer.Option(min=0.5, max=0.99, help="Share of regions whose right type shall be among the likely ones.")
    ] = 0.9,
    out: Annotated[Path | None, typer.Option(help="Report, JSON.")] = None,
    pictures: Annotated[int, typer.Option(min=20, help="Pictures of each part of a procedural set.")] = 400,
    resamples: Annotated[int, typer.Option(min=10, help="Bootstrap resamples (by group).")] = 500,
    square: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="PX",
            help="Side of the square that pictures are brought to, a multiple of 32; 0: the input's.",
        ),
    ] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
) -> None:
    """Fit how sure the expert may be of a type: a temperature, and how much probability its likely types must hold.

    Both go into the card, with the calibration error and the coverage before and after. The weights, and so the model
    version, stay what they are.
    """
    import torch
    from rich.console import Console

    from iad_unify.checkpoint import CheckpointError
    from iad_unify.data.samples import DataError
    from iad_unify.region_expert.evaluation import type_calibration
    from iad_unify.region_expert.tiling import UnfitSquare

    torch.set_num_threads(threads)
    console = Console()
    order = type_calibration.Order(checkpoint, data, out, groups, coverage, pictures, resamples, square)
    try:
        type_calibration.calibrate(order, console)
    except UnfitSquare as error:
        raise typer.BadParameter(str(error), param_hint="--square") from error
    except (CheckpointError, DataError) as error:
        console.print(f"error: {error}", style="red", markup=False)
        raise typer.Exit(2) from error
