"""The files that turn an export into TensorRT plans beside the Triton model: a script and two configurations.

Plans are built on the graphics card that runs them, in NVIDIA's image, so none is built here and these steps were never
run by our tests; the ONNX files that they start from are checked against torch like any other export.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from iad_unify.catalog import APPEARANCE_ROWS, MAX_REGIONS, REGION_EXPERT
from iad_unify.region_expert.decoder import STRIDE
from iad_unify.region_expert.export import heads
from iad_unify.region_expert.export.runtimes import HEADS, HEADS_PLAN_MODEL, PLAIN, PLAN_MODEL, Record
from iad_unify.region_expert.model import RegionExpert

SCRIPT = "build-plan.sh"

_SCRIPT = """#!/bin/sh
# Builds the TensorRT plans of model {version}. Run it in this folder, in NVIDIA's Triton image of the release that serves
# it, on the graphics card that serves it:
#   docker run --rm --gpus all -v "$PWD:/plan" -w /plan TRITON_IMAGE sh build-plan.sh
# where TRITON_IMAGE is the one of deploy/triton.Dockerfile. If it lacks trtexec, NVIDIA's TensorRT image of the same
# release has it.
# Then copy the folders {plan} and {heads_plan} into the model repository, and in
# region_expert/config.pbtxt set the parameter "runtime" to "tensorrt" and the instance group to KIND_CPU: the plans have
# instance groups of their own. With explicit model control load the two first.
set -eu
for plan in {plan} {heads_plan}; do
  mkdir -p $plan/1
  cp $plan.pbtxt $plan/config.pbtxt
done
trtexec --onnx={onnx}.onnx --saveEngine={plan}/1/model.plan{flags} \\
  --minShapes=pictures:1x{side}x{side}x3 \\
  --optShapes=pictures:{optimum}x{side}x{side}x3 \\
  --maxShapes=pictures:{most}x{side}x{side}x3
trtexec --onnx={heads_onnx}.onnx --saveEngine={heads_plan}/1/model.plan{flags} \\
  --minShapes={least_cuts} \\
  --optShapes={optimum_cuts} \\
  --maxShapes={most_cuts}
"""

_CONFIG = """# Pictures to maps, as a TensorRT plan of model {version}; region_expert asks it and finds the regions.
name: "{plan}"
platform: "tensorrt_plan"
max_batch_size: {most}
input [ {{ name: "pictures" data_type: TYPE_UINT8 dims: [ {side}, {side}, 3 ] }} ]
output [
  {{ name: "logits" data_type: TYPE_FP32 dims: [ {side}, {side} ] }},
  {{ name: "features" data_type: TYPE_FP32 dims: [ {cells}, {cells}, {depth} ] }},
  {{ name: "patches" data_type: TYPE_FP32 dims: [ {grid}, {grid}, {channels} ] }}
]
instance_group [ {{ kind: KIND_GPU count: 1 }} ]
"""

_HEADS_CONFIG = """# Regions to tokens and types, as a TensorRT plan of model {version}; a batch is the regions of one frame.
name: "{heads_plan}"
platform: "tensorrt_plan"
max_batch_size: {regions}
input [
{inputs}
]
output [
{outputs}
]
instance_group [ {{ kind: KIND_GPU count: 1 }} ]
"""


def write_steps(folder: Path, model: RegionExpert, record: Record) -> None:
    """build-plan.sh and the plans' configurations."""
    config = model.config
    cuts = {name: values.shape[1:] for name, values in heads.example(model, 1)._asdict().items()}
    answers = {
        heads.ROWS: (APPEARANCE_ROWS, config.token_dim),
        heads.TYPE_LOGITS: (len(config.answers),),
        heads.MARGINS: (4,),
    }
    channels, grid = model.patches_of(np.zeros((1, config.size, config.size, 3), np.uint8)).shape[1:3]
    values = {
        "version": record.model_version,
        "plan": PLAN_MODEL,
        "onnx": PLAIN,
        "side": config.size,
        "cells": config.size // STRIDE,
        "depth": config.token_dim,
        "grid": grid,
        "channels": channels,
        "optimum": REGION_EXPERT.max_batch_size // 2,
        "most": REGION_EXPERT.max_batch_size,
        "heads_plan": HEADS_PLAN_MODEL,
        "heads_onnx": HEADS,
        "regions": MAX_REGIONS,
        "least_cuts": _shapes(cuts, 1),
        "optimum_cuts": _shapes(cuts, MAX_REGIONS // 4),
        "most_cuts": _shapes(cuts, MAX_REGIONS),
        "inputs": _tensors(cuts),
        "outputs": _tensors({name: answers[name] for name in record.answers}),
        # without this, "f32" would multiply with the 10 bits of TF32
        "flags": " --noTF32" if record.precision == "f32" else f" --{record.precision}",
    }
    script = folder / SCRIPT
    script.write_text(_SCRIPT.format(**values), encoding="utf-8")
    script.chmod(0o755)
    for name, text in ((PLAN_MODEL, _CONFIG), (HEADS_PLAN_MODEL, _HEADS_CONFIG)):
        (folder / f"{name}.pbtxt").write_text(text.format(**values), encoding="utf-8")


def _shapes(tensors: Mapping[str, tuple[int, ...]], count: int) -> str:
    """For trtexec: the inputs at a batch of that many."""
    return ",".join(f"{name}:{'x'.join(map(str, (count, *dims)))}" for name, dims in tensors.items())


def _tensors(tensors: Mapping[str, tuple[int, ...]]) -> str:
    """For a config.pbtxt, without the batch."""
    return ",\n".join(
        f'  {{ name: "{name}" data_type: TYPE_FP32 dims: [ {", ".join(map(str, dims))} ] }}'
        for name, dims in tensors.items()
    )
