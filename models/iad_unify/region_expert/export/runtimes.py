"""Where the network of a region expert runs: torch, ONNX Runtime, OpenVINO, or a TensorRT plan in the same Triton.

Only the network: pictures in, logits and token features out. What was exported is checked to belong to the checkpoint;
regions, tokens and types are `inspection`, whatever the runtime.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iad_unify.checkpoint import CheckpointError, model_version
from iad_unify.region_expert.model import ExpertOutput, RegionExpert

TORCH, ONNXRUNTIME, OPENVINO, TENSORRT = "torch", "onnxruntime", "openvino", "tensorrt"
#: What `iad-unify export --runtime` writes for.
EXPORTED: tuple[str, ...] = (ONNXRUNTIME, OPENVINO, TENSORRT)
RUNTIMES: tuple[str, ...] = (TORCH, *EXPORTED)
PRECISIONS: tuple[str, ...] = ("f32", "bf16")

#: Files of an export. The second network also takes an aligned template; it is there when the expert has that branch.
RECORD = "runtime.json"
PLAIN, WITH_TEMPLATE = "network", "network_with_template"
#: The Triton model that holds the TensorRT plan.
PLAN_MODEL = "region_expert_network"

Planes = NDArray[np.uint8]  # [B, S, S, 3], RGB


class NetworkMaps(NamedTuple):
    """What a network says of B pictures."""

    logits: NDArray[np.float32]  # [B, S, S]
    features: NDArray[np.float32]  # [B, D, S/4, S/4]


class Network(Protocol):
    """The network of one checkpoint in one runtime. One instance per thread; pictures do not influence each other."""

    def __call__(self, pictures: Planes, templates: Planes | None = None) -> NetworkMaps:
        """Maps of uint8 pictures [B, S, S, 3], each with its aligned template of the same shape or none with one."""


class TorchNetwork:
    """The checkpoint's own module."""

    def __init__(self, model: RegionExpert) -> None:
        self._model = model

    def __call__(self, pictures: Planes, templates: Planes | None = None) -> NetworkMaps:
        """See `Network`."""
        output = self._model.look(pictures, templates)
        return NetworkMaps(output.logits.cpu().numpy(), output.features.cpu().numpy())


class OnnxNetwork:
    """ONNX Runtime on the CPU. The batch is one call."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        ort: Any = import_module("onnxruntime")
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        # a thread that waits by spinning takes the core from the instance beside it
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._sessions = {
            name: ort.InferenceSession(str(folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])
            for name in _networks(folder, ".onnx")
        }

    @property
    def takes_templates(self) -> bool:
        """Whether there is a network for pictures with templates."""
        return WITH_TEMPLATE in self._sessions

    def __call__(self, pictures: Planes, templates: Planes | None = None) -> NetworkMaps:
        """See `Network`."""
        name, feed = _feed(pictures, templates, self._sessions)
        return NetworkMaps(*self._sessions[name].run(["logits", "features"], feed))


class OpenVinoNetwork:
    """OpenVINO on the CPU, compiled for one picture: a fixed shape runs a quarter faster than an open one.

    On a CPU a batch gains nothing over its pictures one by one. With precision bf16 a processor without bf16
    instructions computes in f32.
    """

    def __init__(self, folder: Path, threads: int = 1, precision: str = "f32") -> None:
        ov: Any = import_module("openvino")
        core = ov.Core()
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
        }
        self._requests: dict[str, Any] = {}
        for name in _networks(folder, ".xml"):
            network = core.read_model(folder / f"{name}.xml")
            network.reshape({port.any_name: [1, *list(port.partial_shape)[1:]] for port in network.inputs})
            self._requests[name] = core.compile_model(network, "CPU", settings).create_infer_request()

    @property
    def takes_templates(self) -> bool:
        """Whether there is a network for pictures with templates."""
        return WITH_TEMPLATE in self._requests

    def __call__(self, pictures: Planes, templates: Planes | None = None) -> NetworkMaps:
        """See `Network`."""
        name, feed = _feed(pictures, templates, self._requests)
        request, found = self._requests[name], []
        for row in range(len(pictures)):
            one = {key: planes[row : row + 1] for key, planes in feed.items()}
            answer = request.infer(one, share_inputs=True, share_outputs=True)
            # views of the request's memory, which the next picture overwrites
            found.append((answer["logits"].copy(), answer["features"].copy()))
        if len(found) == 1:
            return NetworkMaps(*found[0])
        logits, features = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return NetworkMaps(logits, features)


class PlanNetwork:
    """A TensorRT plan that the same Triton serves as the model `region_expert_network`; `backend` is its Python module."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __call__(self, pictures: Planes, templates: Planes | None = None) -> NetworkMaps:
        """See `Network`. Raises RuntimeError with Triton's words when that model fails."""
        backend = self._backend
        if templates is not None:
            raise ValueError("the TensorRT plan takes no template")
        request = backend.InferenceRequest(
            model_name=PLAN_MODEL,
            requested_output_names=["logits", "features"],
            inputs=[backend.Tensor("pictures", np.ascontiguousarray(pictures))],
            preferred_memory=backend.PreferredMemory(backend.TRITONSERVER_MEMORY_CPU, 0),
        )
        answer = request.exec()
        if answer.has_error():
            raise RuntimeError(f"{PLAN_MODEL}: {answer.error().message()}")
        logits, features = (
            backend.get_output_tensor_by_name(answer, name).as_numpy() for name in ("logits", "features")
        )
        return NetworkMaps(logits, features)


class Delegating(RegionExpert):
    """A region expert whose network runs elsewhere; its heads, which see a small window a region, stay in torch."""

    def __init__(self, model: RegionExpert, network: Network) -> None:
        torch.nn.Module.__init__(self)  # the network's own layers are not built
        self.config, self.mean, self.std = model.config, model.mean, model.std
        self.close_look, self.type_head, self.extent_head = model.close_look, model.type_head, model.extent_head
        self.network = network

    def forward(
        self, pictures: Tensor, templates: Tensor | None = None, has_template: Tensor | None = None
    ) -> ExpertOutput:
        """As of `RegionExpert`; `has_template` is for training and refused here."""
        if has_template is not None:
            raise ValueError("has_template is for training; leave the templates out instead")
        if not self.config.template:
            templates = None
        found = self.network(pictures.numpy(), None if templates is None else templates.numpy())
        return ExpertOutput(torch.from_numpy(found.logits), torch.from_numpy(found.features))


@dataclass(frozen=True, slots=True)
class Record:
    """runtime.json: what was exported, from which checkpoint, and how far its answers were from torch's."""

    runtime: str
    checked_with: str  # package and version that ran the check; a TensorRT plan is checked by its ONNX file
    precision: str  # f32 or bf16
    model_version: str  # of the checkpoint
    probability_difference: float  # largest over the frames of the check
    feature_difference: float  # largest, as a share of the largest feature

    @property
    def served_version(self) -> str:
        """What answers carry as MODEL_VERSION.

        In f32 that of the checkpoint: the difference to torch is no more than what a token's fp16 resolves, so tokens and
        thresholds of one may be used with the other. In bf16 tokens differ in their second digit: it is another model
        to the token cache and to the thresholds, and says so.
        """
        return self.model_version if self.precision == "f32" else f"{self.model_version}+{self.precision}"

    def write(self, folder: Path) -> None:
        """runtime.json in a folder."""
        (folder / RECORD).write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Record":
        """The inverse of `write`; raises KeyError, TypeError or ValueError."""
        return cls(
            runtime=str(values["runtime"]),
            checked_with=str(values["checked_with"]),
            precision=str(values["precision"]),
            model_version=str(values["model_version"]),
            probability_difference=float(values["probability_difference"]),
            feature_difference=float(values["feature_difference"]),
        )


def folder_of(checkpoint: Path, runtime: str) -> Path:
    """Where an export lies by default."""
    return checkpoint / "runtime" / runtime


def read_record(checkpoint: Path, runtime: str, folder: Path | None = None) -> Record:
    """The record of a checkpoint's export; raises CheckpointError when it is missing, damaged or of another model."""
    place = folder or folder_of(checkpoint, runtime)
    mend = f"run `iad-unify export --checkpoint {checkpoint} --runtime {runtime}`"
    try:
        record = Record.from_dict(json.loads((place / RECORD).read_text(encoding="utf-8")))
    except OSError as error:
        raise CheckpointError(checkpoint, mend, f"there is no export for {runtime} in {place}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(checkpoint, mend, f"{place / RECORD} is damaged ({error})") from error
    version = model_version(checkpoint)
    if record.model_version != version:
        raise CheckpointError(
            checkpoint, mend, f"the export in {place} is of model {record.model_version}, not {version}"
        )
    if record.runtime != runtime:
        raise CheckpointError(checkpoint, mend, f"the export in {place} is for {record.runtime}, not {runtime}")
    if record.precision not in PRECISIONS:
        raise CheckpointError(checkpoint, mend, f"the export in {place} has precision {record.precision!r}")
    return record


def open_network(
    checkpoint: Path, runtime: str, threads: int = 1, folder: Path | None = None, backend: Any = None
) -> tuple[Network, Record]:
    """The exported network of a checkpoint and its record.

    Raises CheckpointError when the export is missing, belongs to another model, cannot be read, or when the runtime's
    package is not installed; ValueError when there is no such runtime. `backend` is needed for `tensorrt`.
    """
    if runtime not in EXPORTED:
        raise ValueError(f"no such runtime: {runtime!r}; there are {', '.join(EXPORTED)}")
    record = read_record(checkpoint, runtime, folder)
    place = folder or folder_of(checkpoint, runtime)
    try:
        return _opened(place, record, threads, backend), record
    except ModuleNotFoundError as error:
        mend = f"pip install inspectd[{runtime}]"
        raise CheckpointError(checkpoint, mend, f"{runtime} is not installed") from error
    except Exception as error:  # the runtimes have no common error for a file that they cannot read
        mend = f"run `iad-unify export --checkpoint {checkpoint} --runtime {runtime}`"
        raise CheckpointError(checkpoint, mend, f"{runtime} cannot open {place} ({error})") from error


def _opened(folder: Path, record: Record, threads: int, backend: Any) -> Network:
    if record.runtime == ONNXRUNTIME:
        return OnnxNetwork(folder, threads)
    if record.runtime == OPENVINO:
        return OpenVinoNetwork(folder, threads, record.precision)
    if backend is None:
        raise RuntimeError("a TensorRT plan is served by Triton, from the model repository")
    return PlanNetwork(backend)


def _networks(folder: Path, suffix: str) -> list[str]:
    """The networks of a folder; the plain one is always asked for, so that its absence is told by the runtime."""
    return [PLAIN, *([WITH_TEMPLATE] if (folder / f"{WITH_TEMPLATE}{suffix}").exists() else [])]


def _feed(pictures: Planes, templates: Planes | None, opened: Mapping[str, Any]) -> tuple[str, dict[str, Planes]]:
    """Which network takes these, and its inputs by name. Raises ValueError for templates that none takes."""
    feed = {"pictures": np.ascontiguousarray(pictures)}
    if templates is None:
        return PLAIN, feed
    if WITH_TEMPLATE not in opened:
        raise ValueError("this expert has no branch for a template")
    return WITH_TEMPLATE, feed | {"templates": np.ascontiguousarray(templates)}
