"""The `iad-unify draw` command: a labelled sample set drawn procedurally."""

from pathlib import Path
from typing import Annotated

import typer


def draw(
    out: Annotated[Path, typer.Option("--out", help="Folder for manifest.jsonl, images/, masks/ and a contact sheet.")],
    count: Annotated[int, typer.Option("--count", min=1, help="Number of pictures.")] = 100,
    size: Annotated[int, typer.Option("--size", min=32, help="Side of each picture in pixels.")] = 256,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed draws the same set.")] = 0,
    product: Annotated[str, typer.Option("--product", help="Only this product; any when not given.")] = "",
    defect_type: Annotated[str, typer.Option("--defect-type", help="Only this type; any when not given.")] = "",
    good_share: Annotated[float, typer.Option("--good-share", min=0, max=1, help="Share of good parts.")] = 0.3,
    max_defects: Annotated[int, typer.Option("--max-defects", min=1, help="Most defects on one part.")] = 1,
) -> None:
    """Draw a labelled sample set of products with defects."""
    from rich.progress import track

    from iad_unify.procedural.products import PRODUCTS
    from iad_unify.procedural.samples import CONTACT_SHEET, write_samples
    from iad_unify.types import DEFECT_TYPES

    if product and product not in PRODUCTS:
        raise typer.BadParameter(f"{product!r} is none of {', '.join(PRODUCTS)}", param_hint="--product")
    if defect_type and defect_type not in DEFECT_TYPES:
        raise typer.BadParameter(f"{defect_type!r} is none of {', '.join(DEFECT_TYPES)}", param_hint="--defect-type")
    drawings = write_samples(
        out,
        count,
        size=size,
        seed=seed,
        product=product,
        defect_type=defect_type,
        good_share=good_share,
        max_defects=max_defects,
    )
    defective = sum(bool(drawing.defects) for drawing in track(drawings, "drawing", total=count))
    typer.echo(f"{count} pictures, {defective} with defects, in {out}; look at {out / CONTACT_SHEET}")
