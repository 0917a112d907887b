"""The explainer as a service: batched, streamed, cancellable answers, and the hidden states that the editor attends to.

It takes and returns the catalog's tensors; it knows nothing of Triton, queues or the checking of claims.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iad_unify.checkpoint import Card, model_version
from iad_unify.explainer.generation import Decoding, stream
from iad_unify.explainer.prompt import PromptWriter, Question
from iad_unify.explainer.reads import Reads
from iad_unify.explainer.storage import load, trained_card
from iad_unify.serving.questions import Request, ignore_crops, parse, question_of

#: Sequences in one `generate` call; more requests are answered in turn.
MAX_BATCH = 16


class ExplainerService:
    """Answers questions about regions. One lock: calls from several threads wait for each other.

    A request's crop is shown to a model that was trained with crops, and ignored by others.

    Raises CheckpointError for an unusable folder and UntrainedHead for one whose region projection was never trained.
    """

    def __init__(self, checkpoint: Path, threads: int = 1, device: str = "cpu") -> None:
        self.card: Card = trained_card(checkpoint)
        torch.set_num_threads(threads)
        on_cpu = torch.device(device).type == "cpu"
        self._model, self._tokenizer = load(checkpoint, device, torch.float32 if on_cpu else torch.bfloat16)
        self._writer = PromptWriter(self._tokenizer, Reads.of(self._model.config))
        self._rows = (self._model.config.region_rows, self._model.config.region_dim)
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
        ends at once. References are ignored by a model that was not made for them. ValueError names the tensor that is
        missing or has the wrong shape; nothing is emitted then.
        """
        parsed = [parse(request, self._rows) for request in requests]
        if self._writer.crops is None:
            ignore_crops((question for question, _ in parsed), "the explainer was not trained with crops")
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
            question_of(text, rows, numbers, self._rows)
            for text, rows, numbers in zip(question_texts, appearance, geometry, strict=True)
        ]
        batch = self._writer.batch(questions).to(self._model.device)
        with self._lock:
            embedded = self._model.embed(batch.input_ids, batch.appearance, batch.geometry)
            hidden = self._model.model(
                input_ids=batch.input_ids, attention_mask=batch.attention_mask, inputs_embeds=embedded, use_cache=False
            ).last_hidden_state
        return hidden.float(), batch.attention_mask.bool()
