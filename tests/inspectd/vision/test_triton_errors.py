"""What Triton and gRPC can say, and what the daemon makes of it."""

import inspect
import socket
import time
from dataclasses import replace

import grpc
import numpy as np
import pytest
import tritonclient.utils

from iad_unify.catalog import APPEARANCE_ROWS
from inspectd.errors import CalibrateAgain, InspectdError, ModelFailed, Overloaded, TooLate, Unavailable
from inspectd.records import Image, RegionTokens
from inspectd.settings import TritonSettings
from inspectd.vision.explainer import Question
from inspectd.vision.triton import TritonServer, mapped

CODES = {
    "CANCELLED": Unavailable,
    "UNKNOWN": ModelFailed,
    "INVALID_ARGUMENT": ModelFailed,
    "DEADLINE_EXCEEDED": Unavailable,
    "NOT_FOUND": ModelFailed,
    "ALREADY_EXISTS": ModelFailed,
    "PERMISSION_DENIED": ModelFailed,
    "UNAUTHENTICATED": ModelFailed,
    "RESOURCE_EXHAUSTED": Overloaded,
    "FAILED_PRECONDITION": ModelFailed,
    "ABORTED": Unavailable,
    "OUT_OF_RANGE": ModelFailed,
    "UNIMPLEMENTED": ModelFailed,
    "INTERNAL": ModelFailed,
    "UNAVAILABLE": Unavailable,
    "DATA_LOSS": ModelFailed,
}


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_code_of_grpc_has_an_error_of_ours(code: grpc.StatusCode) -> None:
    assert type(mapped(code, "", "region_expert")) is CODES[code.name]


def test_every_exception_of_the_driver_is_caught_in_the_adapter() -> None:
    classes = [value for value in vars(tritonclient.utils).values() if inspect.isclass(value)]
    assert [value.__name__ for value in classes if issubclass(value, Exception)] == ["InferenceServerException"]
    ours = {name for name in dir(grpc.aio) if name.endswith("Error")}
    assert ours == {"AioRpcError", "BaseError", "AbortError", "InternalError", "UsageError"}
    for name in ours - {"AioRpcError"}:
        assert issubclass(getattr(grpc.aio, name), grpc.aio.BaseError)


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("UNAVAILABLE", "Exceeds maximum queue size", Overloaded),
        ("UNAVAILABLE", "[request id: <id_unknown>] Request timeout expired", Overloaded),
        (None, "explainer exceeds maximum queue size of 256", Overloaded),
        ("UNAVAILABLE", "failed to connect to all addresses", Unavailable),
        ("UNAVAILABLE", "0123456789ab: not a normal memory; calibrate again with good parts", CalibrateAgain),
        ("UNAVAILABLE", "Request for unknown model: 'region_expert' is not ready", Unavailable),
        ("NOT_FOUND", "Request for unknown model: 'region_expert' is not found", Unavailable),
        ("INTERNAL", "Stub process 'region_expert_0_0' is not healthy.", Unavailable),
        ("CANCELLED", "the request is past its deadline", TooLate),
        (None, "LETTERBOX: a letterbox needs a positive scale", ModelFailed),
        ("RESOURCE_EXHAUSTED", "CLIENT: Sent message larger than max (600 vs. 500)", ModelFailed),
    ],
)
def test_what_triton_says_decides_where_the_code_does_not(
    code: str | None, message: str, expected: type[InspectdError]
) -> None:
    error = mapped(grpc.StatusCode[code] if code else None, message, "explainer")
    assert type(error) is expected
    assert message in str(error)


def some_image() -> Image:
    return Image(np.zeros((256, 256, 3), np.uint8), np.array([1, 0, 0, 256, 256], np.float32), 256, 256)


def some_question() -> Question:
    return Question(
        "What?", RegionTokens(np.ones((1, APPEARANCE_ROWS, 64), np.float16), np.full((1, 5), 0.3, np.float32))
    )


async def ask_everything(server: TritonServer, expected: type[InspectdError]) -> None:
    with pytest.raises(expected):
        await server.expert.describe()
    with pytest.raises(expected):
        await server.expert.find_regions(some_image())
    with pytest.raises(expected):
        async for _ in server.explainer.answer(some_question()):
            pass
    assert not await server.ready()


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    server = TritonServer(settings=TritonSettings(url="127.0.0.1:1", timeout_s=2, explain_timeout_s=2))
    await ask_everything(server, Unavailable)
    await server.close()


async def test_a_server_that_says_nothing_is_unavailable_when_the_time_is_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"127.0.0.1:{silent.getsockname()[1]}"
        server = TritonServer(settings=TritonSettings(url=url, timeout_s=0.3, explain_timeout_s=0.3))
        await ask_everything(server, Unavailable)
        await server.close()


async def test_a_question_whose_time_is_over_is_too_late_whether_or_not_there_is_a_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"127.0.0.1:{silent.getsockname()[1]}"
        server = TritonServer(settings=TritonSettings(url=url, timeout_s=30, explain_timeout_s=30))
        for left_s in (0.0, 0.1):  # over before it is sent, and while it is waited for
            with pytest.raises(TooLate):
                async for _ in server.explainer.answer(replace(some_question(), deadline=time.monotonic() + left_s)):
                    pass
        await server.close()
