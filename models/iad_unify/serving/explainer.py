"""The explainer as a service: answers batched token by token, streamed, cancellable; and hidden states for the editor.

It takes and returns the catalog's tensors; it knows nothing of Triton, queues or the checking of claims.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iad_unify.checkpoint import Card, model_version
from iad_unify.explainer.continuous import ContinuousBatch
from iad_unify.explainer.generation import Answer, Decoding, continuous
from iad_unify.explainer.prompt import PromptWriter, Question
from iad_unify.explainer.reads import Reads
from iad_unify.explainer.storage import load, trained_card
from iad_unify.serving.questions import Request, ignore_crops, parse, question_of

#: Sequences under way at a time; more requests wait for one to end.
MAX_BATCH = 16
#: Newcomers are read together, which costs less than one by one: when they are this share of those under way, or after so
#: many tokens.
JOINING_SHARE, JOINING_TOKENS = 0.5, 8


class ExplainerService:
    """Answers questions about regions. One lock: calls from several threads take turns, token by token.

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

    def check(self, request: Request) -> None:
        """ValueError names the tensor that is missing or has the wrong shape."""
        parse(request, self._rows)

    def generate(
        self,
        requests: Sequence[Request],
        emit: Callable[[int, str, bool], None],
        cancelled: Callable[[int], bool] = lambda index: False,
        join: Callable[[], Sequence[Request]] = lambda: (),
    ) -> None:
        """Answer catalog requests (each without a batch dimension), streaming `emit(index, text_delta, is_final)`.

        Every request gets exactly one final message. A request that is cancelled at the start or between two tokens
        ends at once. Between two tokens `join` is asked for more requests, which take the next indices and were held
        against `check`. References are ignored by a model that was not made for them. ValueError as of `check`; nothing
        is emitted then.
        """
        waiting = deque(enumerate(self._parsed(requests)))
        come, patience = len(requests), JOINING_TOKENS
        together = continuous(self._model, self._tokenizer)
        while len(together) or waiting:
            room, enough = MAX_BATCH - len(together), len(waiting) >= JOINING_SHARE * len(together)
            if waiting and room and (enough or patience <= 0):
                self._join(together, [waiting.popleft() for _ in range(min(room, len(waiting)))], emit, cancelled)
                patience = JOINING_TOKENS
            if len(together):
                with self._lock:
                    together.step()
            patience -= bool(waiting)
            newcomers = self._parsed(join())
            waiting.extend(enumerate(newcomers, come))
            come += len(newcomers)

    def _parsed(self, requests: Sequence[Request]) -> list[tuple[Question, Decoding]]:
        parsed = [parse(request, self._rows) for request in requests]
        if self._writer.crops is None:
            ignore_crops((question for question, _ in parsed), "the explainer was not trained with crops")
        return parsed

    def _join(
        self,
        together: ContinuousBatch,
        newcomers: Sequence[tuple[int, tuple[Question, Decoding]]],
        emit: Callable[[int, str, bool], None],
        cancelled: Callable[[int], bool],
    ) -> None:
        live = []
        for index, asked in newcomers:
            if cancelled(index):
                emit(index, "", True)
            else:
                live.append((index, *asked))
        if not live:
            return
        batch = self._writer.batch([question for _, question, _ in live])
        speakers = [
            Answer(self._tokenizer, decoding, partial(emit, index), partial(cancelled, index))
            for index, _, decoding in live
        ]
        with self._lock:
            together.join(batch, speakers)

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
