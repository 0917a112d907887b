"""The explainer in Triton: decoupled, so that text streams; requests are answered together, token by token."""

import queue

import numpy as np
import triton_python_backend_utils as pb_utils

from iad_unify.catalog import EXPLAINER
from iad_unify.checkpoint import read_config
from iad_unify.serving import triton
from iad_unify.serving.answers import Answers
from iad_unify.serving.explainer import ExplainerService
from iad_unify.serving.vllm import VllmExplainer


class TritonPythonModel:
    """One instance. `execute` only takes requests in; a thread answers them."""

    def initialize(self, args):
        """Loads the checkpoint; what this raises is the reason that Triton gives for not serving the model."""
        checkpoint = triton.checkpoint(args, "explainer")
        url = triton.parameter(args, "vllm_url")
        if url:
            self._service = VllmExplainer(checkpoint, url)
            batch_size, workers, check = 1, int(triton.parameter(args, "vllm_requests", "64")), None
        else:
            self._service = ExplainerService(checkpoint, triton.threads(args), triton.device(args))
            batch_size, workers, check = int(triton.parameter(args, "batch_size", "16")), 1, self._service.check
        self._version = np.array([self._service.model_version.encode()], dtype=object)
        self._warm_up(read_config(checkpoint))
        self._answers = Answers(
            self._service.generate,
            batch_size=batch_size,
            most_waiting=int(triton.parameter(args, "max_queue_size", "256")),
            workers=workers,
            check=check,
        )

    def execute(self, requests):
        """Returns None: a decoupled model answers through the senders."""
        for request in requests:
            sender = request.get_response_sender()
            try:
                self._answers.ask(_Request(triton.read(pb_utils, request, EXPLAINER), sender, self._version))
            except queue.Full as error:
                refusal = triton.refusal(pb_utils, f"explainer {error}", pb_utils.TritonError.UNAVAILABLE)
                sender.send(refusal, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def finalize(self):
        """Answers what waits, then ends."""
        self._answers.close()

    def _warm_up(self, config):
        """The first call is slow. Not in config.pbtxt, since the width of the appearance rows is the checkpoint's."""
        request = {
            "QUESTION": np.array([b"What is it?"], dtype=object),
            "APPEARANCE": np.zeros((1, config["region_rows"], config["region_dim"]), np.float16),
            "GEOMETRY": np.full((1, 5), 0.5, np.float32),
            "MAX_TOKENS": np.array([2], np.int32),
        }
        self._service.generate([request] * 2, lambda index, text, final: None)


class _Request:
    """What `Answers` knows of a request."""

    def __init__(self, tensors, sender, version):
        self.tensors, self._sender, self._version = tensors, sender, version

    def send(self, text, final):
        """The flag travels with the last piece that has text: no client of ours can see an empty response."""
        flags = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL if final else 0
        if not text:
            if final:
                self._sender.send(flags=flags)
            return
        outputs = {"TEXT": np.array([text.encode()], dtype=object), "MODEL_VERSION": self._version}
        self._sender.send(triton.response(pb_utils, outputs, EXPLAINER), flags=flags)

    def fail(self, error):
        flags = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
        self._sender.send(triton.failure(pb_utils, error), flags=flags)

    def cancelled(self):
        return self._sender.is_cancelled()
