"""The explainer's model.py with a stand-in for Triton's module: what it takes in, refuses and sends."""

import importlib.util
import json
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iad_unify import resources
from iad_unify.catalog import TOO_LATE


class Sender:
    """A response sender that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, int]] = []
        self.over = threading.Event()

    def send(self, response: Any = None, flags: int = 0) -> None:
        self.sent.append((response, flags))
        if flags:
            self.over.set()

    def is_cancelled(self) -> bool:
        return False


class Request:
    def __init__(self, text: str, deadline_ms: int = 60_000) -> None:
        self.sender = Sender()
        self.tensors = {"QUESTION": np.array([text.encode()], object), "DEADLINE": np.array([deadline_ms], np.int32)}

    def get_response_sender(self) -> Sender:
        return self.sender


class Service:
    """A model that answers with the question when the gate is open."""

    gate = threading.Event()
    entered = threading.Event()
    model_version = "v1"

    def __init__(self, *args: Any) -> None:
        pass

    def check(self, request: Any) -> None:
        pass

    def generate(self, requests: Any, emit: Any, cancelled: Any = None, join: Any = None) -> None:
        if len(requests) == 2 and requests[0] is requests[1]:
            return  # the warm-up
        self.entered.set()
        self.gate.wait(10)
        for index, request in enumerate(requests):
            text = request["QUESTION"][0].decode()
            if text:
                emit(index, text, False)
            emit(index, "." if text else "", True)


def backend() -> types.ModuleType:
    module = types.ModuleType("triton_python_backend_utils")
    codes = {"UNAVAILABLE": "unavailable", "INVALID_ARG": "invalid", "INTERNAL": "internal", "CANCELLED": "cancelled"}
    error = type("TritonError", (), codes)
    error.__init__ = lambda self, message, code: self.__dict__.update(message=message, code=code)  # type: ignore[misc]
    module.TritonError = error  # type: ignore[attr-defined]
    module.TRITONSERVER_RESPONSE_COMPLETE_FINAL = 1  # type: ignore[attr-defined]
    module.Tensor = lambda name, values: types.SimpleNamespace(name=name, values=values)  # type: ignore[attr-defined]
    module.InferenceResponse = lambda output_tensors=None, error=None: types.SimpleNamespace(  # type: ignore[attr-defined]
        tensors=output_tensors, error=error
    )
    module.get_input_tensor_by_name = lambda request, name: (  # type: ignore[attr-defined]
        types.SimpleNamespace(as_numpy=lambda: request.tensors[name]) if name in request.tensors else None
    )
    return module


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", backend())
    spec = importlib.util.spec_from_file_location("served", resources.repository() / "explainer" / "1" / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ExplainerService", Service)
    monkeypatch.setattr(Service, "gate", threading.Event())
    monkeypatch.setattr(Service, "entered", threading.Event())
    (tmp_path / "config.json").write_text(json.dumps({"region_rows": 2, "region_dim": 4}))
    parameters = {"checkpoint": str(tmp_path), "max_queue_size": "2", "batch_size": "4"}
    config = {"parameters": {name: {"string_value": value} for name, value in parameters.items()}}
    model = module.TritonPythonModel()
    model.initialize({"model_config": json.dumps(config)})
    yield model
    Service.gate.set()
    model.finalize()


def test_pieces_are_sent_as_they_come_and_the_last_one_carries_the_flag(model: Any) -> None:
    request = Request("What?")
    assert model.execute([request]) is None
    Service.gate.set()
    assert request.sender.over.wait(10)
    texts = [response.tensors[0].values[0] for response, _ in request.sender.sent]
    assert texts == [b"What?", b"."]
    assert [flags for _, flags in request.sender.sent] == [0, 1]
    assert {response.tensors[1].values[0] for response, _ in request.sender.sent} == {b"v1"}


def test_an_answer_without_words_is_a_flag_without_a_response(model: Any) -> None:
    request = Request("")
    model.execute([request])
    Service.gate.set()
    assert request.sender.over.wait(10)
    assert request.sender.sent == [(None, 1)]


def test_a_question_beyond_the_bound_is_refused_at_once_and_the_others_are_answered(model: Any) -> None:
    requests = [Request(f"{number}?") for number in range(6)]
    model.execute(requests)
    refused = [request for request in requests if request.sender.sent]
    assert 3 <= len(refused) <= 4  # two wait; one may be with the model already
    for request in refused:
        (response, flags) = request.sender.sent[0]
        assert flags == 1
        assert response.error.code == "unavailable"
        assert "exceeds maximum queue size of 2" in response.error.message
    Service.gate.set()
    for request in requests:
        assert request.sender.over.wait(10)


def test_a_question_past_its_deadline_is_told_so_and_counts_as_no_failure(model: Any) -> None:
    busy, late = Request("first?"), Request("late?", deadline_ms=1)
    model.execute([busy])
    assert Service.entered.wait(10)  # so that the other waits for the next batch
    model.execute([late])
    time.sleep(0.01)
    Service.gate.set()
    assert late.sender.over.wait(10)
    ((response, flags),) = late.sender.sent
    assert flags == 1
    assert response.error.code == "cancelled"
    assert TOO_LATE in response.error.message
    assert busy.sender.over.wait(10)
