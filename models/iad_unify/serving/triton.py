"""What the three `model.py` of the Triton repository share: parameters, tensors, errors. It computes nothing.

`triton_python_backend_utils` exists only inside a Triton server, so it is handed in as `backend`.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iad_unify import resources
from iad_unify.catalog import Model
from iad_unify.checkpoint import CheckpointError
from iad_unify.serving.deadlines import TooLate

Tensors = dict[str, NDArray[Any]]

log = logging.getLogger(__name__)


def parameter(args: Mapping[str, str], name: str, default: str = "") -> str:
    """A parameter of the model's config.pbtxt; an empty or missing one is the default."""
    parameters = json.loads(args["model_config"]).get("parameters", {})
    return str(parameters.get(name, {}).get("string_value", "")) or default


def checkpoint(args: Mapping[str, str], role: str, name: str = "checkpoint") -> Path:
    """The checkpoint folder that the configuration names, else the shipped one of the role."""
    return Path(parameter(args, name) or resources.weights(role))


def folder(args: Mapping[str, str], name: str) -> Path | None:
    """A folder that the configuration names, or None."""
    found = parameter(args, name)
    return Path(found) if found else None


def threads(args: Mapping[str, str]) -> int:
    """CPU threads of an instance. One by default: instances that take all cores fight for them."""
    return int(parameter(args, "threads", "1"))


def device(args: Mapping[str, str]) -> str:
    """Where the instance runs, as torch names it."""
    if args.get("model_instance_kind") == "GPU":
        return f"cuda:{args.get('model_instance_device_id', '0')}"
    return "cpu"


def read(backend: Any, request: Any, model: Model) -> Tensors:
    """The inputs of a request by their catalog names."""
    found = ((tensor.name, backend.get_input_tensor_by_name(request, tensor.name)) for tensor in model.inputs)
    return {name: tensor.as_numpy() for name, tensor in found if tensor is not None}


def response(backend: Any, outputs: Mapping[str, NDArray[Any]], model: Model) -> Any:
    """A response with the outputs of the catalog."""
    tensors = [backend.Tensor(tensor.name, np.ascontiguousarray(outputs[tensor.name])) for tensor in model.outputs]
    return backend.InferenceResponse(output_tensors=tensors)


def failure(backend: Any, error: Exception) -> Any:
    """A response that says why: bad tensors are INVALID_ARG, everything else is INTERNAL and logged whole.

    A camera's reference that cannot be used is UNAVAILABLE: the request is right once the camera is calibrated again; so is
    a server behind this one that does not answer. A request past its deadline is CANCELLED, and no failure of anybody's.
    """
    if isinstance(error, TooLate):
        return refusal(backend, str(error), backend.TritonError.CANCELLED)
    if isinstance(error, CheckpointError | ConnectionError):
        log.warning("%s", error)
        return refusal(backend, str(error), backend.TritonError.UNAVAILABLE)
    if isinstance(error, ValueError):
        return refusal(backend, str(error), backend.TritonError.INVALID_ARG)
    log.error("inference failed", exc_info=error)
    return refusal(backend, f"{type(error).__name__}: {error}", backend.TritonError.INTERNAL)


def refusal(backend: Any, message: str, code: Any) -> Any:
    """An error response with one of Triton's codes."""
    return backend.InferenceResponse(error=backend.TritonError(message, code))


def stack(batches: Sequence[Tensors]) -> Tensors:
    """Requests that Triton batched, each with its own leading batch dimension, as one batch.

    Raises ValueError when one has inputs that another has left out.
    """
    if any(tensors.keys() != batches[0].keys() for tensors in batches):
        raise ValueError("requests with different optional inputs are not one batch")
    return {name: np.concatenate([tensors[name] for tensors in batches]) for name in batches[0]}


def split(outputs: Mapping[str, NDArray[Any]], sizes: Sequence[int]) -> list[Tensors]:
    """The inverse of `stack` on the answer."""
    ends = np.cumsum(sizes)
    return [
        {name: values[end - size : end] for name, values in outputs.items()}
        for end, size in zip(ends.tolist(), sizes, strict=True)
    ]
