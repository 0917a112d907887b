"""What the three models in Triton share, with a stand-in for Triton's own module, which exists only inside a server."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from iad_unify import resources
from iad_unify.catalog import EXPLAINER
from iad_unify.serving import triton


class Backend:
    """The parts of `triton_python_backend_utils` that are used."""

    class Tensor:
        def __init__(self, name: str, values: np.ndarray) -> None:
            self.name, self.values = name, values

    class TritonError:
        INVALID_ARG, INTERNAL = "invalid", "internal"

        def __init__(self, message: str, code: str) -> None:
            self.message, self.code = message, code

    class InferenceResponse:
        def __init__(self, output_tensors: list[Any] | None = None, error: Any = None) -> None:
            self.output_tensors, self.error = output_tensors, error

    @staticmethod
    def get_input_tensor_by_name(request: dict[str, np.ndarray], name: str) -> Any:
        return SimpleNamespace(as_numpy=lambda: request[name]) if name in request else None


def args(**parameters: str) -> dict[str, str]:
    values = {name: {"string_value": value} for name, value in parameters.items()}
    return {"model_config": json.dumps({"parameters": values})}


def test_an_empty_checkpoint_is_the_shipped_one() -> None:
    assert triton.checkpoint(args(checkpoint=""), "explainer") == resources.weights("explainer")
    assert triton.checkpoint(args(), "explainer") == resources.weights("explainer")


def test_a_named_checkpoint_is_taken() -> None:
    assert str(triton.checkpoint(args(explainer_checkpoint="/a/b"), "explainer", "explainer_checkpoint")) == "/a/b"


def test_one_thread_is_the_default() -> None:
    assert triton.threads(args()) == 1
    assert triton.threads(args(threads="4")) == 4


def test_an_instance_on_a_gpu_uses_that_gpu() -> None:
    assert triton.device({**args(), "model_instance_kind": "CPU", "model_instance_device_id": "0"}) == "cpu"
    assert triton.device({**args(), "model_instance_kind": "GPU", "model_instance_device_id": "2"}) == "cuda:2"


def test_inputs_are_read_by_name_and_missing_ones_left_out() -> None:
    request = {"SEED": np.array([3]), "NOISE": np.array([1])}
    assert set(triton.read(Backend, request, EXPLAINER)) == {"SEED"}


def test_a_response_carries_every_output_of_the_catalog() -> None:
    outputs = {"TEXT": np.array([b"a"], object), "MODEL_VERSION": np.array([b"v"], object), "OTHER": np.zeros(1)}
    answer = triton.response(Backend, outputs, EXPLAINER)
    assert [tensor.name for tensor in answer.output_tensors] == ["TEXT", "MODEL_VERSION"]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("IMAGE is missing"), "invalid", "IMAGE is missing"),
        (RuntimeError("no"), "internal", "RuntimeError: no"),
    ],
)
def test_bad_tensors_and_broken_models_have_codes_of_their_own(error: Exception, code: str, message: str) -> None:
    answer = triton.failure(Backend, error)
    assert (answer.error.code, answer.error.message) == (code, message)


def test_a_batch_is_split_as_it_was_stacked() -> None:
    batches = [{"A": np.arange(3)}, {"A": np.arange(1)}, {"A": np.arange(2)}]
    parts = triton.split(triton.stack(batches), [3, 1, 2])
    assert [part["A"].tolist() for part in parts] == [[0, 1, 2], [0], [0, 1]]
