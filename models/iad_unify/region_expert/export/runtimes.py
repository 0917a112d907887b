"""Where the networks of a region expert run: torch, ONNX Runtime, OpenVINO, or TensorRT plans in the same Triton.

Two of them: pictures to logits, token features and patches, and cuts of regions to tokens, types and margins. What was exported is
checked to belong to the checkpoint; which regions there are is `inspection`, whatever the runtime.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from iad_unify.checkpoint import CheckpointError, model_version
from iad_unify.region_expert.export.cutting import Cuts
from iad_unify.region_expert.export.heads import Answers, ExportableHeads
from iad_unify.region_expert.model import RegionExpert

log = logging.getLogger(__name__)

TORCH, ONNXRUNTIME, OPENVINO, TENSORRT = "torch", "onnxruntime", "openvino", "tensorrt"
#: What `iad-unify export --runtime` writes for.
EXPORTED: tuple[str, ...] = (ONNXRUNTIME, OPENVINO, TENSORRT)
RUNTIMES: tuple[str, ...] = (TORCH, *EXPORTED)
#: The fastest of those that a checkpoint has an export for; see `found_runtime`.
AUTO = "auto"
PRECISIONS: tuple[str, ...] = ("f32", "bf16")

#: Files of an export. The second network also takes an aligned template; it is there when the expert has that branch.
RECORD = "runtime.json"
PLAIN, WITH_TEMPLATE, HEADS = "network", "network_with_template", "heads"
#: What the first two answer, by name.
PATCHES = "patches"
MAPS = ("logits", "features", PATCHES)
#: Counts up when inputs or outputs of the exported networks change; an export of another form is refused.
FORM = 3
#: The Triton models that hold the TensorRT plans.
PLAN_MODEL, HEADS_PLAN_MODEL = "region_expert_network", "region_expert_heads"

Planes = NDArray[np.uint8]  # [B, S, S, 3], RGB


class NetworkMaps(NamedTuple):
    """What a network says of B pictures."""

    logits: NDArray[np.float32]  # [B, S, S]
    features: NDArray[np.float32]  # [B, S/4, S/4, D]
    patches: NDArray[np.float32] | None = None  # [B, h, w, C] if asked for, see `model.Looked`

    def given_patches(self) -> NDArray[np.float32]:
        """The patches that were asked for."""
        assert self.patches is not None
        return self.patches


class Network(Protocol):
    """The networks of one checkpoint in one runtime. One instance per thread; pictures do not influence each other."""

    def __call__(self, pictures: Planes, templates: Planes | None = None, *, patches: bool = False) -> NetworkMaps:
        """Maps of uint8 pictures [B, S, S, 3], each with its aligned template of the same shape or none with one."""

    def heads(self, cuts: Cuts) -> Answers:
        """What the heads say of at least one region; regions do not influence each other."""


class TorchNetwork:
    """The checkpoint's own module; its heads in double precision.

    On a plain white window torch's group norm in f32 is 1.5e-3 of the largest off what double gives, the runtimes 2e-5.
    """

    def __init__(self, model: RegionExpert) -> None:
        self._model, self._heads = model, ExportableHeads(model).double().eval()

    def __call__(self, pictures: Planes, templates: Planes | None = None, *, patches: bool = False) -> NetworkMaps:
        """See `Network`."""
        output = self._model.look(pictures, templates, patches=patches)
        planes = (plane.permute(0, 2, 3, 1).cpu().numpy() for plane in output[1:] if plane is not None)
        return NetworkMaps(output.logits.cpu().numpy(), *planes)

    def heads(self, cuts: Cuts) -> Answers:
        """See `Network`."""
        with torch.inference_mode():
            found = self._heads(*(torch.from_numpy(values).double() for values in cuts))
        return Answers(*(values.float().numpy() for values in found))


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

    def __call__(self, pictures: Planes, templates: Planes | None = None, *, patches: bool = False) -> NetworkMaps:
        """See `Network`."""
        name, feed = _feed(pictures, templates, self._sessions)
        return NetworkMaps(*self._sessions[name].run(MAPS if patches else MAPS[:2], feed))

    def heads(self, cuts: Cuts) -> Answers:
        """See `Network`."""
        return Answers(*self._sessions[HEADS].run(None, cuts._asdict()))


class OpenVinoNetwork:
    """OpenVINO on the CPU, compiled for one picture and one region: a fixed shape runs a quarter faster than an open one.

    On a CPU a batch gains nothing over its members one by one. With precision bf16 a processor without bf16
    instructions computes in f32. Everything that a network was compiled to answer is computed, whether it is fetched or not,
    so it is compiled once more when patches are asked for.
    """

    def __init__(self, folder: Path, threads: int = 1, precision: str = "f32") -> None:
        ov: Any = import_module("openvino")
        self._core = ov.Core()
        self._settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
        }
        self._folder = folder
        self._requests: dict[str, Any] = {name: self._compiled(name) for name in _networks(folder, ".xml")}
        self._with_patches: dict[str, Any] = {}  # compiled when they are asked for first

    def _compiled(self, name: str, *, patches: bool = False) -> Any:
        network = self._core.read_model(self._folder / f"{name}.xml")
        network.reshape({port.any_name: [1, *list(port.partial_shape)[1:]] for port in network.inputs})
        if not patches:
            for result in [one for one in network.get_results() if PATCHES in one.input_value(0).get_names()]:
                network.remove_result(result)
        return self._core.compile_model(network, "CPU", self._settings).create_infer_request()

    @property
    def takes_templates(self) -> bool:
        """Whether there is a network for pictures with templates."""
        return WITH_TEMPLATE in self._requests

    def __call__(self, pictures: Planes, templates: Planes | None = None, *, patches: bool = False) -> NetworkMaps:
        """See `Network`."""
        name, feed = _feed(pictures, templates, self._requests)
        if not patches:
            return NetworkMaps(*_one_by_one(self._requests[name], feed, MAPS[:2]))
        if name not in self._with_patches:
            self._with_patches[name] = self._compiled(name, patches=True)
        return NetworkMaps(*_one_by_one(self._with_patches[name], feed, MAPS))

    def heads(self, cuts: Cuts) -> Answers:
        """See `Network`."""
        request = self._requests[HEADS]
        return Answers(*_one_by_one(request, cuts._asdict(), [port.any_name for port in request.model_outputs]))


def _one_by_one(request: Any, feed: Mapping[str, NDArray[Any]], wanted: Sequence[str]) -> list[NDArray[np.float32]]:
    """What an OpenVINO request answers by those names, for each member of the batch."""
    found = []
    for row in range(len(next(iter(feed.values())))):
        one = {key: planes[row : row + 1] for key, planes in feed.items()}
        answer = request.infer(one, share_inputs=True, share_outputs=True)
        # views of the request's memory, which the next one overwrites
        found.append([answer[key].copy() for key in wanted])
    return found[0] if len(found) == 1 else [np.concatenate(parts) for parts in zip(*found, strict=True)]


class PlanNetwork:
    """TensorRT plans that the same Triton serves as models of their own; `backend` is its Python module."""

    def __init__(self, backend: Any, answers: Sequence[str]) -> None:
        self._backend, self._answers = backend, answers

    def __call__(self, pictures: Planes, templates: Planes | None = None, *, patches: bool = False) -> NetworkMaps:
        """See `Network`. Raises RuntimeError with Triton's words when that model fails."""
        if templates is not None:
            raise ValueError("the TensorRT plan takes no template")
        return NetworkMaps(*self._asked(PLAN_MODEL, {"pictures": pictures}, MAPS if patches else MAPS[:2]))

    def heads(self, cuts: Cuts) -> Answers:
        """See `Network`; raises as the call does."""
        return Answers(*self._asked(HEADS_PLAN_MODEL, cuts._asdict(), self._answers))

    def _asked(self, model: str, feed: Mapping[str, NDArray[Any]], wanted: Sequence[str]) -> list[NDArray[np.float32]]:
        backend = self._backend
        request = backend.InferenceRequest(
            model_name=model,
            requested_output_names=list(wanted),
            inputs=[backend.Tensor(name, np.ascontiguousarray(values)) for name, values in feed.items()],
            preferred_memory=backend.PreferredMemory(backend.TRITONSERVER_MEMORY_CPU, 0),
        )
        answer = request.exec()
        if answer.has_error():
            raise RuntimeError(f"{model}: {answer.error().message()}")
        return [backend.get_output_tensor_by_name(answer, name).as_numpy() for name in wanted]


@dataclass(frozen=True, slots=True)
class Record:
    """runtime.json: what was exported, from which checkpoint, and how far its answers were from torch's."""

    runtime: str
    checked_with: str  # package and version that ran the check; a TensorRT plan is checked by its ONNX file
    precision: str  # f32 or bf16
    model_version: str  # of the checkpoint
    probability_difference: float  # largest over the frames of the check
    feature_difference: float  # largest, as a share of the largest feature
    head_difference: float  # largest of a token, a type's logit or a margin, each as a share of the largest of its kind
    answers: tuple[str, ...]  # what the heads answer, by name
    form: int = FORM

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
            head_difference=float(values["head_difference"]),
            answers=tuple(str(name) for name in values["answers"]),
            form=int(values["form"]),
        )


def folder_of(checkpoint: Path, runtime: str) -> Path:
    """Where an export lies by default."""
    return checkpoint / "runtime" / runtime


def read_record(checkpoint: Path, runtime: str, folder: Path | None = None) -> Record:
    """The record of a checkpoint's export; raises CheckpointError when it is missing, damaged or of another model."""
    place = folder or folder_of(checkpoint, runtime)
    mend = f"run `iad-unify export --checkpoint {checkpoint} --runtime {runtime}`"
    try:
        values = json.loads((place / RECORD).read_text(encoding="utf-8"))
        form = values.get("form", 1) if isinstance(values, dict) else FORM
        if form != FORM and "runtime" in values:
            raise CheckpointError(checkpoint, mend, f"the export in {place} is of form {form}, not {FORM}")
        record = Record.from_dict(values)
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


def found_runtime(checkpoint: Path, folder: Path | None = None) -> str:
    """What AUTO is for a checkpoint on a processor: the first runtime with an export that can be used, or torch.

    Only f32: its answers are those of the checkpoint, so that thresholds and cached tokens stay what they are. An export
    that is there and cannot be used, such as one of an older form, is told in the log.
    """
    for runtime in (OPENVINO, ONNXRUNTIME):
        if find_spec(runtime) is None:
            continue
        try:
            record = read_record(checkpoint, runtime, folder)
        except CheckpointError as error:  # torch is right, only slower
            if ((folder or folder_of(checkpoint, runtime)) / RECORD).is_file():
                log.warning("not used, so frames take longer: %s", error)
            continue
        if record.precision == "f32":
            return runtime
    return TORCH


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
    return PlanNetwork(backend, record.answers)


def _networks(folder: Path, suffix: str) -> list[str]:
    """The networks of a folder; two are always asked for, so that their absence is told by the runtime."""
    return [PLAIN, HEADS, *([WITH_TEMPLATE] if (folder / f"{WITH_TEMPLATE}{suffix}").exists() else [])]


def _feed(pictures: Planes, templates: Planes | None, opened: Mapping[str, Any]) -> tuple[str, dict[str, Planes]]:
    """Which network takes these, and its inputs by name. Raises ValueError for templates that none takes."""
    feed = {"pictures": np.ascontiguousarray(pictures)}
    if templates is None:
        return PLAIN, feed
    if WITH_TEMPLATE not in opened:
        raise ValueError("this expert has no branch for a template")
    return WITH_TEMPLATE, feed | {"templates": np.ascontiguousarray(templates)}
