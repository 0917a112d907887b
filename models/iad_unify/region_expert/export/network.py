"""Writes the networks of a checkpoint for another runtime, checked against torch on the way.

Everything goes through one ONNX file: OpenVINO reads it itself, without the conversion package that reports to its
maker, and TensorRT builds its plan from it. What does not agree with torch is not written.
"""

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from iad_unify.checkpoint import CheckpointError, model_version
from iad_unify.geometry import Letterbox
from iad_unify.procedural import PRODUCTS, draw
from iad_unify.region_expert import model as expert
from iad_unify.region_expert.described import Frame
from iad_unify.region_expert.export import heads
from iad_unify.region_expert.export.cutting import Cuts, cut
from iad_unify.region_expert.export.norms import with_channel_norms
from iad_unify.region_expert.export.runtimes import (
    HEADS,
    MAPS,
    ONNXRUNTIME,
    OPENVINO,
    PLAIN,
    RECORD,
    TENSORRT,
    WITH_TEMPLATE,
    Network,
    OnnxNetwork,
    OpenVinoNetwork,
    Planes,
    Record,
    TorchNetwork,
    folder_of,
)
from iad_unify.region_expert.export.stem import with_folded_stem
from iad_unify.region_expert.export.tensorrt import write_steps
from iad_unify.region_expert.model import RegionExpert

#: Antialiased resizing, which a backbone of patch 14 needs, came with 18.
OPSET = 18


class Difference(NamedTuple):
    """How far two runtimes are apart: the largest difference of a probability, and of others as a share of the largest.

    `feature` is of token features and of patches, `head` is of tokens, logits of types and margins, from the same cuts.
    """

    probability: float
    feature: float
    head: float = 0.0

    def within(self, other: "Difference") -> bool:
        """Whether none is larger than the other's."""
        return all(ours <= theirs for ours, theirs in zip(self, other, strict=True))


#: What is tolerated. In f32 what the fp16 of a token resolves; in bf16 what its 8 bits leave after some 20 layers.
TOLERANCES = {"f32": Difference(1e-3, 1e-3, 1e-3), "bf16": Difference(0.05, 0.05, 0.05)}


class Disagreement(CheckpointError):
    """The exported network answers otherwise than torch; nothing was written."""


def export(checkpoint: Path, runtime: str, out: Path | None = None, precision: str = "f32") -> Record:
    """Write the network of a checkpoint for a runtime to `out` (CHECKPOINT/runtime/NAME); returns its record.

    Raises CheckpointError when the checkpoint cannot be used or a package is missing, Disagreement when the answers
    differ from torch's by more than TOLERANCES, ValueError on a precision that the runtime does not have.
    """
    if precision != "f32" and runtime == ONNXRUNTIME:
        raise ValueError("ONNX Runtime computes in f32 on processors; bf16 is for openvino and tensorrt")
    _require_packages(checkpoint, runtime)
    version = model_version(checkpoint)
    module = expert.load(checkpoint)
    target = out or folder_of(checkpoint, runtime)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as draft:
        place = Path(draft)
        written = _write(module, place, runtime, precision)
        difference = _check(checkpoint, module, written, precision if runtime == OPENVINO else "f32")
        record = Record(runtime, _package(runtime), precision, version, *difference, heads.outputs(module))
        record.write(place)
        if runtime == TENSORRT:
            write_steps(place, module, record)
        _place(place, target)
    return record


def _write(module: RegionExpert, folder: Path, runtime: str, precision: str) -> OnnxNetwork | OpenVinoNetwork:
    """The files of a runtime, and the network opened from them. A TensorRT plan is checked by its ONNX file."""
    # TensorRT merges what it likes by itself, and is asked for no template
    names = [PLAIN, *([WITH_TEMPLATE] if module.config.template and runtime != TENSORRT else [])]
    dense = deepcopy(module)
    if precision == "f32":  # both are sums that cancel, which takes more digits than bf16 has
        dense = with_folded_stem(with_channel_norms(module) if runtime == OPENVINO else module)
    for name in names:
        write_onnx(dense, folder / f"{name}.onnx", templates=name == WITH_TEMPLATE)
    write_heads(module, folder / f"{HEADS}.onnx")
    if runtime != OPENVINO:
        return OnnxNetwork(folder)
    ov: Any = import_module("openvino")
    for name in (*names, HEADS):
        source = folder / f"{name}.onnx"
        ov.save_model(ov.Core().read_model(source), folder / f"{name}.xml", compress_to_fp16=False)
        source.unlink()
    return OpenVinoNetwork(folder, precision=precision)


def write_onnx(module: RegionExpert, path: Path, *, templates: bool = False) -> None:
    """The network as ONNX: `pictures` uint8 [batch, S, S, 3], and `templates` if asked for, to MAPS."""
    names = ["pictures", *(["templates"] if templates else [])]
    side = module.config.size
    # two pictures: an example of one would make the exporter take the batch for a constant
    example = tuple(torch.zeros((2, side, side, 3), dtype=torch.uint8) for _ in names)
    _export(_Exportable(module), path, dict(zip(names, example, strict=True)), MAPS)


def write_heads(module: RegionExpert, path: Path) -> None:
    """The heads as ONNX: `windows`, `pooled`, `shape` as in `cutting.Cuts` to `heads.outputs`; regions are a batch."""
    cuts = heads.example(module, 2)._asdict()
    feed = {name: torch.from_numpy(values) for name, values in cuts.items()}
    _export(heads.ExportableHeads(module), path, feed, heads.outputs(module))


def _export(network: nn.Module, path: Path, example: dict[str, Tensor], outputs: Sequence[str]) -> None:
    batch = torch.export.Dim("batch")
    with _quiet():
        torch.onnx.export(
            network.eval(),
            tuple(example.values()),
            str(path),
            input_names=list(example),
            output_names=list(outputs),
            dynamic_shapes=tuple({0: batch} for _ in example),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    _without_origins(path)


def _without_origins(path: Path) -> None:
    """Takes out what the exporter notes on every node: the Python stack that it came from, with this machine's paths."""
    onnx: Any = import_module("onnx")
    written = onnx.load(path)
    for owner in (written, written.graph, *written.graph.node, *written.graph.value_info, *written.functions):
        del owner.metadata_props[:]
        owner.doc_string = ""
    for function in written.functions:
        for node in function.node:
            del node.metadata_props[:]
    onnx.save(written, path)


class _Exportable(nn.Module):
    """The network with plain outputs, attention spelt out (a fused one brings tests for rows without a key)."""

    def __init__(self, module: RegionExpert) -> None:
        super().__init__()
        module.backbone.model.set_attn_implementation("eager")
        self.module = module

    def forward(self, pictures: Tensor, templates: Tensor | None = None) -> tuple[Tensor, ...]:
        logits, *planes = self.module.with_patches(pictures, templates)
        # as the last convolution leaves them, and as regions are pooled from them: a cell's features side by side
        return logits, *(plane.permute(0, 2, 3, 1) for plane in planes if plane is not None)


def difference(reference: Network, other: Network, pictures: Planes, templates: Planes | None = None) -> Difference:
    """The largest differences between two networks over pictures [B, S, S, 3]."""
    ours, theirs = (one(pictures, templates, patches=True) for one in (reference, other))
    probability = np.abs(_sigmoid(ours.logits) - _sigmoid(theirs.logits)).max()
    of_patches = _share(ours.given_patches(), theirs.given_patches())
    return Difference(float(probability), max(_share(ours.features, theirs.features), of_patches))


def head_difference(reference: Network, other: Network, cuts: Cuts) -> float:
    """The largest difference between what the heads of two networks say of regions, as a share of the largest of its kind."""
    pairs = zip(reference.heads(cuts), other.heads(cuts), strict=True)
    return max(_share(ours, theirs) for ours, theirs in pairs if ours is not None and theirs is not None)


def _share(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(ours).max())


def frames(side: int) -> Planes:
    """What an export is checked on: noise, black and white, and a drawing of each product with a defect; [B, S, S, 3]."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    plain = np.stack([np.full((side, side, 3), value, np.uint8) for value in (0, 255)])
    drawn = [draw(product, np.random.default_rng(1), size=side, defect_types=("stain",)).image for product in PRODUCTS]
    return np.concatenate([noise, plain, np.stack(drawn)])


def _check(
    checkpoint: Path, module: RegionExpert, written: OnnxNetwork | OpenVinoNetwork, precision: str
) -> Difference:
    pictures, reference = frames(module.config.size), TorchNetwork(module)
    pairs: list[tuple[Planes, Planes | None]] = [(pictures, None), (pictures[:1], None)]  # the batch is dynamic
    if written.takes_templates:
        pairs.append((pictures, pictures[::-1].copy()))
    found = [difference(reference, written, *pair) for pair in pairs]
    cuts = _regions(module, pictures, reference(pictures).features)
    head = max(head_difference(reference, written, some) for some in (cuts, Cuts(*(values[:1] for values in cuts))))
    worst = Difference(max(one.probability for one in found), max(one.feature for one in found), head)
    allowed = TOLERANCES[precision]
    if not worst.within(allowed):
        raise Disagreement(
            checkpoint,
            "nothing was written; please report it with the versions of torch and of the runtime",
            f"the exported network differs from torch: probabilities by {worst.probability:.2g} "
            f"(allowed {allowed.probability:.2g}), features by {worst.feature:.2g} of the largest "
            f"(allowed {allowed.feature:.2g}), tokens, types or margins by {worst.head:.2g} (allowed {allowed.head:.2g})",
        )
    return worst


def _regions(module: RegionExpert, pictures: Planes, features: NDArray[np.float32]) -> Cuts:
    """Cuts of a few regions of every picture, the next one its template: a spot, a stripe, and most of the square."""
    side = module.config.size
    letterbox = Letterbox.fit(side, side, side)
    masks = np.zeros((3, side, side), bool)
    masks[0, side // 2 : side // 2 + 4, 1:5] = masks[1, 9:12, 3:-3] = masks[2, side // 8 :, : -side // 8] = True
    planes = torch.from_numpy(features).permute(0, 3, 1, 2)
    cuts = [
        cut(
            Frame(one, letterbox, planes[row : row + 1], pictures[row - 1]),
            list(masks),
            template=module.config.template,
        )
        for row, one in enumerate(pictures)
    ]
    return Cuts(*(np.concatenate(parts) for parts in zip(*cuts, strict=True)))


def _place(draft: Path, target: Path) -> None:
    """Move the files one by one, the record last: an export without its record is none."""
    (target / RECORD).unlink(missing_ok=True)
    for file in sorted(draft.iterdir(), key=lambda path: path.name == RECORD):
        os.replace(file, target / file.name)


def _package(runtime: str) -> str:
    """What ran the check."""
    name = OPENVINO if runtime == OPENVINO else ONNXRUNTIME
    return f"{name} {metadata.version(name)}"


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def _require_packages(checkpoint: Path, runtime: str) -> None:
    """Says in one line what is not installed, before minutes are spent."""
    package = OPENVINO if runtime == OPENVINO else ONNXRUNTIME
    try:
        for name in (package, "onnx", "onnxscript"):
            import_module(name)
    except ModuleNotFoundError as error:
        mend = f"pip install inspectd[export,{package}]"
        raise CheckpointError(checkpoint, mend, f"{error.name} is not installed") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of its own libraries' habits and of a torchvision that is not needed."""
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registration.level
    registration.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        registration.setLevel(level)
