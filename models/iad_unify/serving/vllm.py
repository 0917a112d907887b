"""The explainer with vLLM behind it: prompts are embedded here and continued there, one streamed completion per question.

vLLM batches token by token whatever is under way, so it is given every question at once, each by a thread of its own
(`Answers` with workers), and none waits for another's last word. It speaks the completions API of vLLM's server with
`prompt_embeds`; the server must run with `--enable-prompt-embeds`. Crops are not shown: the tower is not on this side.
"""

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import torch
from torch import Tensor

from iad_unify.checkpoint import CheckpointError, model_version
from iad_unify.explainer.generation import Decoding
from iad_unify.explainer.prompt import PromptWriter, Question
from iad_unify.explainer.reads import Reads
from iad_unify.explainer.storage import trained_card
from iad_unify.explainer.vllm import load_prompts
from iad_unify.serving.deadlines import TooLate, deadline_ms
from iad_unify.serving.questions import MAX_TOKENS, Request, ignore_crops, parse

#: Between two words of an answer, and until the server takes a connection, seconds.
_READ_TIMEOUT_S, _CONNECT_TIMEOUT_S = 60.0, 5.0


class VllmExplainer:
    """As `ExplainerService.generate`, of the prompts folder that `iad-unify export --runtime vllm` writes.

    Raises CheckpointError for an unusable folder and when no vLLM server answers at `url`.
    """

    def __init__(self, prompts: Path, url: str) -> None:
        self.card = trained_card(prompts)
        self._embedder, tokenizer = load_prompts(prompts)
        config = self._embedder.config
        self._writer, self._end = PromptWriter(tokenizer, Reads.of(config)), int(tokenizer.eos_token_id)
        self._rows = (config.region_rows, config.region_dim)
        self._lock = threading.Lock()
        self.model_version = model_version(prompts)
        timeout = httpx.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S)
        self._client = httpx.Client(base_url=url, timeout=timeout, limits=httpx.Limits(max_connections=None))
        self._name = self._served(url)

    def generate(
        self,
        requests: Sequence[Request],
        emit: Callable[[int, str, bool], None],
        cancelled: Callable[[int], bool] = lambda index: False,
    ) -> None:
        """Answer catalog requests one after the other; call it from several threads to have them answered together.

        Every request gets exactly one final message. Raises ValueError before anything is emitted, ConnectionError when
        the server does not answer, and TooLate when it is silent for longer than the whole of a request's DEADLINE.
        """
        parsed = [parse(request, self._rows) for request in requests]
        ignore_crops((question for question, _ in parsed), "prompts for vLLM are embedded without the vision tower")
        for index, (question, decoding) in enumerate(parsed):
            held = ""  # one piece is held back, so that the last can carry the flag
            if not cancelled(index):
                for piece in self._pieces(question, decoding, deadline_ms(requests[index])):
                    if held:
                        emit(index, held, False)
                    held = piece
                    if cancelled(index):
                        break
            emit(index, held, True)

    def close(self) -> None:
        """Closes the connections; answers under way fail."""
        self._client.close()

    def _pieces(self, question: Question, decoding: Decoding, given_ms: int | None) -> Iterator[str]:
        """The words as they come; closing the iterator closes the stream, and vLLM then stops.

        vLLM has a queue of its own: in it a question waits no longer than the milliseconds that were given for all of it.
        """
        with self._lock:
            (embedded,) = self._embedder(self._writer.batch([question]))
        body = {
            "model": self._name,
            "prompt_embeds": encoded(embedded),
            "max_tokens": decoding.max_tokens,
            "temperature": decoding.temperature,
            "seed": decoding.seed,
            "stop_token_ids": [self._end],
            "stream": True,
        }
        if decoding.choices:
            body |= {"structured_outputs": {"choice": list(decoding.choices)}, "max_tokens": MAX_TOKENS}
        read_s = _READ_TIMEOUT_S if given_ms is None else min(_READ_TIMEOUT_S, given_ms / 1000)
        timeout = httpx.Timeout(read_s, connect=_CONNECT_TIMEOUT_S)
        try:
            with self._client.stream("POST", "/v1/completions", json=body, timeout=timeout) as answer:
                if answer.status_code != httpx.codes.OK:
                    answer.read()
                    raise ConnectionError(
                        f"vLLM is not ready for this prompt: {answer.status_code} {answer.text[:300]}"
                    )
                for line in answer.iter_lines():
                    data = line.removeprefix("data:").strip()
                    if data == "[DONE]":
                        return
                    if data and line.startswith("data:"):
                        text = json.loads(data)["choices"][0]["text"]
                        if text:
                            yield text
        except httpx.ReadTimeout as error:
            if read_s < _READ_TIMEOUT_S:
                raise TooLate from error
            raise ConnectionError(f"vLLM is not ready: silent for {read_s:.0f} s") from error
        except httpx.HTTPError as error:
            raise ConnectionError(f"vLLM is not ready: {error or type(error).__name__}") from error

    def _served(self, url: str) -> str:
        """The name of the model that the server has."""
        try:
            listed = self._client.get("/v1/models")
            listed.raise_for_status()
            return str(listed.json()["data"][0]["id"])
        except (httpx.HTTPError, ValueError, LookupError) as error:
            self.close()
            mend = "start it with `vllm serve FOLDER/language_model --enable-prompt-embeds`"
            raise CheckpointError(url, mend, f"no vLLM server answers there ({error})") from error


def encoded(embedded: Tensor) -> str:
    """A tensor [T, H] as vLLM takes it: what torch.save writes, in base64."""
    buffer = io.BytesIO()
    torch.save(embedded.cpu(), buffer)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
