"""The files that turn an exported network into a TensorRT plan beside the Triton model: a script and a configuration.

A plan is built on the graphics card that runs it, in NVIDIA's image, so none is built here and these steps were never
run by our tests; the ONNX file that they start from is checked against torch like any other export.
"""

from pathlib import Path

from iad_unify.catalog import REGION_EXPERT
from iad_unify.region_expert.config import ExpertConfig
from iad_unify.region_expert.decoder import STRIDE
from iad_unify.region_expert.export.runtimes import PLAIN, PLAN_MODEL, Record

SCRIPT = "build-plan.sh"

_SCRIPT = """#!/bin/sh
# Builds the TensorRT plan of model {version}. Run it in this folder, in NVIDIA's Triton image of the release that serves
# it, on the graphics card that serves it:
#   docker run --rm --gpus all -v "$PWD:/plan" -w /plan TRITON_IMAGE sh build-plan.sh
# where TRITON_IMAGE is the one of deploy/triton.Dockerfile. If it lacks trtexec, NVIDIA's TensorRT image of the same
# release has it.
# Then copy the folder {plan} into the model repository, and in region_expert/config.pbtxt set the parameter
# "runtime" to "tensorrt" and the instance group to KIND_CPU: the plan has an instance group of its own.
# With explicit model control load {plan} first.
set -eu
mkdir -p {plan}/1
cp {plan}.pbtxt {plan}/config.pbtxt
trtexec --onnx={onnx}.onnx --saveEngine={plan}/1/model.plan{flags} \\
  --minShapes=pictures:1x{side}x{side}x3 \\
  --optShapes=pictures:{optimum}x{side}x{side}x3 \\
  --maxShapes=pictures:{most}x{side}x{side}x3
"""

_CONFIG = """# The network alone, as a TensorRT plan of model {version}; region_expert asks it and does the rest.
name: "{plan}"
platform: "tensorrt_plan"
max_batch_size: {most}
input [ {{ name: "pictures" data_type: TYPE_UINT8 dims: [ {side}, {side}, 3 ] }} ]
output [
  {{ name: "logits" data_type: TYPE_FP32 dims: [ {side}, {side} ] }},
  {{ name: "features" data_type: TYPE_FP32 dims: [ {depth}, {cells}, {cells} ] }}
]
instance_group [ {{ kind: KIND_GPU count: 1 }} ]
"""


def write_steps(folder: Path, config: ExpertConfig, record: Record) -> None:
    """build-plan.sh and the plan's config.pbtxt."""
    values = {
        "version": record.model_version,
        "plan": PLAN_MODEL,
        "onnx": PLAIN,
        "side": config.size,
        "cells": config.size // STRIDE,
        "depth": config.token_dim,
        "optimum": REGION_EXPERT.max_batch_size // 2,
        "most": REGION_EXPERT.max_batch_size,
        # without this, "f32" would multiply with the 10 bits of TF32
        "flags": " --noTF32" if record.precision == "f32" else f" --{record.precision}",
    }
    script = folder / SCRIPT
    script.write_text(_SCRIPT.format(**values), encoding="utf-8")
    script.chmod(0o755)
    (folder / f"{PLAN_MODEL}.pbtxt").write_text(_CONFIG.format(**values), encoding="utf-8")
