"""The explainer as a service: batched, streamed, cancellable answers, and the hidden states that the editor attends to.

It takes and returns the catalog's tensors; it knows nothing of Triton, queues or the checking of claims.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iad_unify.checkpoint import Card, CheckpointError, UntrainedHead, model_version, read_card
from iad_unify.explainer.generation import Decoding, stream
from iad_unify.explainer.prompt import PromptWriter, Question
from iad_unify.explainer.storage import PROJECTION_HEAD, ROLE, TRAIN_COMMAND, load

#: Sequences in one `generate` call; more requests are answered in turn.
MAX_BATCH = 16
#: Bounds of a request's MAX_TOKENS; a request without one gets the default.
DEFAULT_TOKENS, MAX_TOKENS = 64, 256

Request = Mapping[str, NDArray[Any]]


class ExplainerService:
    """Answers questions about regions. One lock: calls from several threads wait for each other.

    Raises CheckpointError for an unusable folder and UntrainedHead for one whose region projection was never trained.
    """

    def __init__(self, checkpoint: Path, threads: int = 1, device: str = "cpu") -> None:
        self.card: Card = read_card(checkpoint)
        if self.card.role != ROLE:
            raise CheckpointError(checkpoint, f"name a checkpoint of the {ROLE}", f"is a {self.card.role}")
        if PROJECTION_HEAD not in self.card.trained_heads:
            raise UntrainedHead(checkpoint, PROJECTION_HEAD, TRAIN_COMMAND)
        torch.set_num_threads(threads)
        on_cpu = torch.device(device).type == "cpu"
        self._model, self._tokenizer = load(checkpoint, device, torch.float32 if on_cpu else torch.bfloat16)
        self._writer = PromptWriter(self._tokenizer)
        self._lock = threading.Lock()
        self.model_version = model_version(checkpoint)

    @property
    def hidden_size(self) -> int:
        """H of `hidden_states`."""
        return int(self._model.config.text_config.hidden_size)

    def generate(
        self,
        requests: Sequence[Request],
        emit: Callable[[int, str, bool], None],
        cancelled: Callable[[int], bool] = lambda index: False,
    ) -> None:
        """Answer catalog requests (each without a batch dimension), streaming `emit(index, text_delta, is_final)`.

        Every request gets exactly one final message. A request that is cancelled at the start or between two tokens
        ends at once. ValueError names the tensor that is missing or has the wrong shape; nothing is emitted then.
        """
        parsed = [self._parse(request) for request in requests]
        for start in range(0, len(parsed), MAX_BATCH):
            self._generate_batch(range(start, min(start + MAX_BATCH, len(parsed))), parsed, emit, cancelled)

    def _generate_batch(
        self,
        indices: range,
        parsed: Sequence[tuple[Question, Decoding]],
        emit: Callable[[int, str, bool], None],
        cancelled: Callable[[int], bool],
    ) -> None:
        live = []
        for index in indices:
            if cancelled(index):
                emit(index, "", True)
            else:
                live.append(index)
        if not live:
            return
        batch = self._writer.batch([parsed[index][0] for index in live])
        with self._lock:
            stream(
                self._model,
                self._tokenizer,
                batch,
                [parsed[index][1] for index in live],
                lambda row, piece, is_final: emit(live[row], piece, is_final),
                lambda row: cancelled(live[row]),
            )

    @torch.no_grad()  # not inference mode: its tensors could not enter a graph that trains the editor
    def hidden_states(
        self,
        question_texts: Sequence[str],
        appearance: Sequence[NDArray[np.floating]],
        geometry: Sequence[NDArray[np.floating]],
    ) -> tuple[Tensor, Tensor]:
        """The backbone's last hidden states of one prompt per question, for cross-attention.

        `appearance[i]` is [R_i, K, D], `geometry[i]` [R_i, 5]; R_i may be 0. Returns float32 [B, T, H] and a bool mask
        [B, T] that is True at real positions (prompts are padded on the left).
        """
        questions = [
            self._question(text, rows, numbers)
            for text, rows, numbers in zip(question_texts, appearance, geometry, strict=True)
        ]
        batch = self._writer.batch(questions).to(self._model.device)
        with self._lock:
            embedded = self._model.embed(batch.input_ids, batch.appearance, batch.geometry)
            hidden = self._model.model(
                input_ids=batch.input_ids, attention_mask=batch.attention_mask, inputs_embeds=embedded, use_cache=False
            ).last_hidden_state
        return hidden.float(), batch.attention_mask.bool()

    def _parse(self, request: Request) -> tuple[Question, Decoding]:
        text = _scalar(request, "QUESTION")
        question = self._question(
            text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text),
            _tensor(request, "APPEARANCE"),
            _tensor(request, "GEOMETRY"),
        )
        tokens = int(_scalar(request, "MAX_TOKENS", DEFAULT_TOKENS))
        temperature = float(_scalar(request, "TEMPERATURE", 0.0))
        if not 0.0 <= temperature <= 10.0:
            raise ValueError(f"TEMPERATURE is {temperature}; it must lie in 0..10")
        seed = int(_scalar(request, "SEED", 0)) & (2**63 - 1)
        return question, Decoding(min(max(tokens, 1), MAX_TOKENS), temperature, seed)

    def _question(self, text: str, appearance: NDArray[np.floating], geometry: NDArray[np.floating]) -> Question:
        config = self._model.config
        rows = (config.region_rows, config.region_dim)
        if appearance.ndim != 3 or appearance.shape[1:] != rows:
            raise ValueError(
                f"APPEARANCE has shape {list(appearance.shape)}, this model reads [R, {rows[0]}, {rows[1]}]"
            )
        if geometry.shape != (len(appearance), 5):
            raise ValueError(f"GEOMETRY has shape {list(geometry.shape)} for {len(appearance)} regions of five numbers")
        if not (np.isfinite(appearance).all() and np.isfinite(geometry).all()):
            raise ValueError("APPEARANCE and GEOMETRY must be finite")
        return Question(text, appearance, geometry)


def _tensor(request: Request, name: str) -> NDArray[Any]:
    if name not in request:
        raise ValueError(f"{name} is missing")
    return np.asarray(request[name])


def _scalar(request: Request, name: str, default: Any = None) -> Any:
    if name not in request and default is not None:
        return default
    values = _tensor(request, name).reshape(-1)
    if values.size != 1:
        raise ValueError(f"{name} has {values.size} values, one is expected")
    return values[0]
