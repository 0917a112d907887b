"""`iad-unify export`: options in, files out."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Runtime(StrEnum):
    """What a network can be written for."""

    ONNXRUNTIME = "onnxruntime"
    OPENVINO = "openvino"
    TENSORRT = "tensorrt"
    VLLM = "vllm"  # of an explainer


class Precision(StrEnum):
    """What it computes in."""

    F32 = "f32"
    BF16 = "bf16"


def export(
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint folder of a region expert; for vllm, of an explainer.")],
    runtime: Annotated[Runtime, typer.Option(help="What shall run the network.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the export instead of CHECKPOINT/runtime/NAME, where serving looks.")
    ] = None,
    precision: Annotated[
        Precision, typer.Option(help="bf16 is faster where the processor has it, and counts as another model version.")
    ] = Precision.F32,
) -> None:
    """Write a region expert's network for another runtime; what answers otherwise than torch is not written.

    For vllm: the language model of an explainer, and what makes prompt embeddings for it.
    """
    if runtime is Runtime.VLLM:
        _for_vllm(checkpoint, out)
        return
    from iad_unify.region_expert.export import network as exporting
    from iad_unify.region_expert.export.runtimes import folder_of

    try:
        record = exporting.export(checkpoint, runtime, out, precision)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--precision") from error
    place = out or folder_of(checkpoint, runtime)
    typer.echo(f"{place}: model {record.served_version} for {record.runtime}")
    typer.echo(
        f"checked with {record.checked_with}, largest difference to torch: probability "
        f"{record.probability_difference:.1e}, feature {record.feature_difference:.1e} of the largest, "
        f"heads {record.head_difference:.1e}"
    )
    if runtime is Runtime.TENSORRT:
        typer.echo(f"next: {place}/build-plan.sh on the graphics card that serves it; its first lines say how")


def _for_vllm(checkpoint: Path, out: Path | None) -> None:
    from iad_unify.explainer import vllm

    if out is None:
        raise typer.BadParameter("name the folder to write", param_hint="--out")
    vllm.export(checkpoint, out)
    typer.echo(f"next: vllm serve {out / vllm.LANGUAGE_MODEL} --enable-prompt-embeds")
    typer.echo(f"and in the explainer's config.pbtxt: checkpoint {out / vllm.PROMPTS}, vllm_url the server's address")
