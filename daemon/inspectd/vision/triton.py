"""The three models in a Triton Inference Server, over gRPC. It knows tensors and errors, no regions and no decisions.

Triton batches requests that arrive side by side; a full queue is refused there and becomes Overloaded here. Nothing is
tried again here.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import structlog
from numpy.typing import NDArray

from iad_unify import catalog
from inspectd.errors import CalibrateAgain, InspectdError, Misconfigured, ModelFailed, Overloaded, TooLate, Unavailable
from inspectd.records import Findings, Image
from inspectd.settings import TritonSettings
from inspectd.vision.editor import Edit
from inspectd.vision.expert import ExpertCard
from inspectd.vision.explainer import Piece, Question
from inspectd.vision.tensors import (
    Tensors,
    card_from_tensors,
    editor_inputs,
    expert_inputs,
    explainer_inputs,
    findings_from_tensors,
    picture_from_tensors,
    piece_from_tensors,
)
from inspectd.vision.warmup import blank_image

try:
    from tritonclient.grpc import InferInput, InferRequestedOutput, InferResult
    from tritonclient.grpc.aio import InferenceServerClient
    from tritonclient.utils import InferenceServerException
except ImportError as error:
    raise Misconfigured("vision.backend", "tritonclient is not installed", "pip install 'inspectd[stack]'") from error

log = structlog.get_logger(__name__)

#: Largest message: a frame of 50 megapixels for the editor, and its answer.
MAX_MESSAGE_BYTES = 256 * 1024 * 1024

#: An edit takes seconds on a CPU, and others may wait before it.
EDIT_TIMEOUT_S = 300.0
#: How long a readiness probe waits.
READY_TIMEOUT_S = 2.0
#: How long loading a model may take, and the pause after it failed.
RELOAD_TIMEOUT_S, RELOAD_PAUSE_S = 300.0, 10.0

#: Given whole, because they replace every default of the client.
CHANNEL_OPTIONS: list[tuple[str, int]] = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # a server that came back is found within a second, not after the minutes that backoff grows to
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # a peer that vanished without a word is noticed; Triton refuses pings more often than every five minutes
    ("grpc.keepalive_time_ms", 5 * 60 * 1000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 0),
    # no connection is shared with other clients in this process
    ("grpc.use_local_subchannel_pool", 1),
]

#: How long after a question's deadline its stream is ended from here; until then the server says so itself.
LATE_GRACE_S = 0.5

#: Words of Triton for a queue that is full or a request that waited too long in it; the codes differ by release.
_OVERLOADED = ("exceeds maximum queue size", "request timeout expired")
#: The server is there and is about to be, or not to be, ready: another moment, not another input.
_NOT_READY = ("is not ready", "is not found", "no available versions", "server is stopping", "server exiting")

#: The process of a model died under a running server. It says so to every request until the model is loaded again.
_DIED = "is not healthy"
_TOO_LARGE = "message larger than max"

_UNAVAILABLE = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED, grpc.StatusCode.ABORTED}
)


def mapped(code: grpc.StatusCode | None, message: str, model: str) -> InspectdError:
    """Our error for what Triton or gRPC said; without a code (an error inside a stream) the words decide."""
    said = f"{model}: {message or code}"
    words = message.lower()
    if _TOO_LARGE in words:  # gRPC gives it the code of a server without resources, but it would never get better
        return ModelFailed(said)
    if catalog.CALIBRATE_AGAIN in words:
        return CalibrateAgain(said)
    if catalog.TOO_LATE in words:
        return TooLate(said)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED or any(word in words for word in _OVERLOADED):
        return Overloaded(said)
    if code in _UNAVAILABLE or any(word in words for word in (_DIED, *_NOT_READY)):
        return Unavailable(said)
    return ModelFailed(said)


class TritonServer:
    """One connection to a server, and the three models on it."""

    def __init__(self, *, settings: TritonSettings) -> None:
        self._url = settings.url
        self._open: InferenceServerClient | None = None
        self._reloads: dict[str, asyncio.Task[None]] = {}  # of models whose process died
        self.expert = TritonRegionExpert(server=self, timeout_s=settings.timeout_s)
        self.explainer = TritonExplainer(server=self, timeout_s=settings.explain_timeout_s)
        self.editor = TritonDefectEditor(server=self)

    async def infer(
        self, model: catalog.Model, tensors: Tensors, timeout_s: float, outputs: Sequence[str] = ()
    ) -> Tensors:
        """One request; `outputs` limits what comes back. Raises Unavailable, Overloaded, ModelFailed."""
        try:
            result = await self._client().infer(
                model.name,
                _inputs(model, tensors),
                outputs=[InferRequestedOutput(name) for name in outputs] or None,
                client_timeout=timeout_s,
                timeout=int(timeout_s * 1e6),  # in the queue, microseconds: an abandoned request is not computed
            )
        except InferenceServerException as error:
            raise self._mapped(_code(error), str(error.message()), model) from error
        except grpc.aio.BaseError as error:  # the connection was closed under the call
            raise Unavailable(f"{model.name}: {error}") from error
        return _outputs(model, result)

    async def stream(self, model: catalog.Model, tensors: Tensors, timeout_s: float) -> AsyncGenerator[Tensors, None]:
        """The messages of a decoupled model; closing the generator cancels the request. Raises as `infer` does."""

        async def one_request() -> AsyncIterator[dict[str, Any]]:
            yield {"model_name": model.name, "inputs": _inputs(model, tensors)}

        # the header gives an error inside the stream its code
        messages = self._client().stream_infer(
            one_request(), stream_timeout=timeout_s, headers={"triton_grpc_error": "true"}
        )
        ended = False
        try:
            async for result, error in messages:
                if error is not None:
                    raise self._mapped(_code(error), str(error.message()), model) from error
                yield _outputs(model, result)
            ended = True
        except grpc.aio.AioRpcError as error:  # streams raise it bare
            ended = True
            raise self._mapped(error.code(), error.details() or "", model) from error
        except grpc.aio.BaseError as error:
            raise Unavailable(f"{model.name}: {error}") from error
        finally:
            if not ended:
                messages.cancel()

    async def ready(self) -> bool:
        """Whether the region expert takes frames now; never raises."""
        if catalog.REGION_EXPERT.name in self._reloads:  # Triton calls a model ready whose process is dead
            return False
        try:
            return bool(await self._client().is_model_ready(catalog.REGION_EXPERT.name, client_timeout=READY_TIMEOUT_S))
        except (InferenceServerException, grpc.aio.BaseError):
            return False

    async def close(self) -> None:
        """Closes the connection; calls that are under way fail."""
        for reload in self._reloads.values():
            reload.cancel()
        await asyncio.gather(*self._reloads.values(), return_exceptions=True)
        if self._open is not None:
            client, self._open = self._open, None
            await client.close()

    def _mapped(self, code: grpc.StatusCode | None, message: str, model: catalog.Model) -> InspectdError:
        if _DIED in message.lower() and model.name not in self._reloads:
            self._reloads[model.name] = asyncio.create_task(self._reload(model.name))
        return mapped(code, message, model.name)

    async def _reload(self, name: str) -> None:
        """Loads a model whose process died again: Triton does not by itself. It must run with explicit model control."""
        log.warning("reloading model", model=name)
        try:
            await self._client().load_model(name, client_timeout=RELOAD_TIMEOUT_S)
            log.info("reloaded model", model=name)
        except (InferenceServerException, grpc.aio.BaseError) as error:
            log.error("model cannot be reloaded", model=name, error=str(error))
            await asyncio.sleep(RELOAD_PAUSE_S)  # the next request that meets it tries again
        finally:
            del self._reloads[name]

    def _client(self) -> InferenceServerClient:
        if self._open is None:  # made here, because it binds to the loop that runs
            self._open = InferenceServerClient(self._url, channel_args=CHANNEL_OPTIONS)
        return self._open


class TritonRegionExpert:
    """The region expert. Frames that are asked for side by side meet in one batch on the server."""

    def __init__(self, *, server: TritonServer, timeout_s: float) -> None:
        self._server, self._timeout_s = server, timeout_s

    async def describe(self, side: int = catalog.EXPERT_SIZE) -> ExpertCard:
        """Asks with a grey frame, since the version and the defaults travel with every answer."""
        inputs = expert_inputs([blank_image(side)])
        wanted = ("DEFAULTS", "TYPE_LEVEL", "MODEL_VERSION")
        return card_from_tensors(
            await self._server.infer(catalog.REGION_EXPERT, inputs, self._timeout_s, outputs=wanted)
        )

    async def find_regions(
        self, image: Image, proposal: float = 0.0, reference: str = "", *, describe_reference: bool = False
    ) -> Findings:
        """One frame; see the port."""
        inputs = expert_inputs([image], proposal, reference=reference, describe_reference=describe_reference)
        return findings_from_tensors(await self._server.infer(catalog.REGION_EXPERT, inputs, self._timeout_s), 0, image)

    async def close(self) -> None:
        """The connection is the server's."""


class TritonExplainer:
    """The explainer. Questions are answered together on the server; one that comes joins those under way."""

    def __init__(self, *, server: TritonServer, timeout_s: float) -> None:
        self._server, self._timeout_s = server, timeout_s

    async def answer(self, question: Question) -> AsyncIterator[Piece]:
        """The answer in pieces; see the port."""
        left_s = question.left_s()
        timeout_s = self._timeout_s if left_s is None else min(self._timeout_s, left_s + LATE_GRACE_S)
        messages = self._server.stream(catalog.EXPLAINER, explainer_inputs(question, left_s), timeout_s)
        try:
            async with contextlib.aclosing(messages):  # at once, not when garbage is collected: it cancels the request
                async for outputs in messages:
                    yield piece_from_tensors(outputs)
        except Unavailable as error:
            if question.is_late:
                raise TooLate(str(error)) from error
            raise

    async def close(self) -> None:
        """The connection is the server's."""


class TritonDefectEditor:
    """The defect editor: one edit at a time on the server."""

    def __init__(self, *, server: TritonServer, timeout_s: float = EDIT_TIMEOUT_S) -> None:
        self._server, self._timeout_s = server, timeout_s

    async def paint(self, edit: Edit) -> NDArray[np.uint8]:
        """One edit; see the port."""
        outputs = await self._server.infer(catalog.DEFECT_EDITOR, editor_inputs(edit), self._timeout_s)
        return picture_from_tensors(outputs, edit)

    async def close(self) -> None:
        """The connection is the server's."""


def _inputs(model: catalog.Model, tensors: Tensors) -> list[InferInput]:
    return [_input(tensor, tensors[tensor.name]) for tensor in model.inputs if tensor.name in tensors]


def _input(tensor: catalog.Tensor, values: NDArray[Any]) -> InferInput:
    given = InferInput(tensor.name, list(values.shape), tensor.dtype)
    given.set_data_from_numpy(values)
    return given


def _outputs(model: catalog.Model, result: InferResult) -> Mapping[str, NDArray[Any]]:
    found = ((tensor.name, result.as_numpy(tensor.name)) for tensor in model.outputs)
    return {name: values for name, values in found if values is not None}


def _code(error: InferenceServerException) -> grpc.StatusCode | None:
    """`StatusCode.UNAVAILABLE` as an enum; None for errors that carry none."""
    name = str(error.status() or "").rpartition(".")[2]
    return grpc.StatusCode.__members__.get(name)
