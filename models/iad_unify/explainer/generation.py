"""Answers that are generated together and streamed: text pieces of each as its tokens come.

Each has its own temperature, seed and length, and a generator of its own, so that a sampled answer does not depend on
what else is in the batch. Knows nothing of requests or wire formats.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from iad_unify.explainer.continuous import ContinuousBatch
from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.prompt import Batch, PromptWriter, Question
from iad_unify.explainer.reads import Reads

#: What an incomplete UTF-8 sequence decodes to.
REPLACEMENT = "\ufffd"

Emit = Callable[[int, str, bool], None]
Cancelled = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Decoding:
    """How one sequence is decoded."""

    max_tokens: int = 64
    temperature: float = 0.0  # 0 is greedy
    seed: int = 0
    choices: tuple[str, ...] = ()  # the answer is one of these, whatever `max_tokens`; none: it is free


class _TextOf:
    """Token ids of one sequence turned into text pieces that are valid UTF-8 on their own."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._given = 0

    def push(self, token: int) -> str:
        """The text that `token` completed; empty while a character is still open."""
        self._ids.append(token)
        text = self._text()
        if text.endswith(REPLACEMENT):
            return ""
        piece, self._given = text[self._given :], len(text)
        return piece

    def rest(self) -> str:
        """What a cut-off answer still holds back, without its unfinished character."""
        text = self._text().rstrip(REPLACEMENT)
        return text[self._given :]

    def _text(self) -> str:
        return self._tokenizer.decode(self._ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


#: Tokens that may come next, each with what may follow; empty where only the end may.
_Branches = dict[int, Any]


def _branches(paths: Sequence[Sequence[int]], end: int) -> _Branches:
    root: _Branches = {}
    for path in paths:
        place = root
        for token in (*path, end):
            place = place.setdefault(token, {})
    return root


class Answer:
    """One sequence of a `ContinuousBatch`: what it may say, and the text pieces of what it says.

    One piece is held back, so that the last piece can carry the final flag and no empty message follows. A temperature
    samples by Gumbel-max: argmax(scores / T + Gumbel noise) is a sample of softmax(scores / T).
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        decoding: Decoding,
        emit: Callable[[str, bool], None],
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._text, self._emit, self._cancelled = _TextOf(tokenizer), emit, cancelled
        self._end = int(tokenizer.eos_token_id)
        self._held, self._left = "", decoding.max_tokens
        self._temperature = decoding.temperature
        self._generator = torch.Generator().manual_seed(decoding.seed)
        self._choices: _Branches | None = None
        if decoding.choices:
            paths = [tokenizer.encode(text, add_special_tokens=False) for text in decoding.choices]
            self._choices = _branches(paths, self._end)
            self._left = max(map(len, paths)) + 1  # and the end
        self.chooses = self._choices is not None or self._temperature > 0

    def choose(self, scores: Tensor) -> int:
        """See `Speaker`."""
        if self._choices is not None:
            allowed = torch.tensor(list(self._choices) or [self._end], device=scores.device)
            kept = scores[allowed]
            scores = torch.full_like(scores, -torch.inf).index_copy(0, allowed, kept)
        if self._temperature > 0:
            uniform = torch.rand(len(scores), generator=self._generator).clamp_min(1e-20)
            scores = scores / self._temperature - torch.log(-torch.log(uniform)).to(scores)
        return int(scores.argmax())

    def take(self, token: int) -> bool:
        """See `Speaker`."""
        if self._choices is not None:
            self._choices = self._choices.get(token, {})
        self._left -= 1
        if token != self._end:
            piece = self._text.push(token)
            if piece:
                if self._held:
                    self._emit(self._held, False)
                self._held = piece
            if self._left > 0 and not self._cancelled():
                return True
        self._emit(self._held + self._text.rest(), True)
        return False


def continuous(model: RegionQwen, tokenizer: PreTrainedTokenizerBase) -> ContinuousBatch:
    """An empty batch that `Answer`s may join."""
    end = int(tokenizer.eos_token_id)
    spare = range(len(tokenizer), model.config.text_config.vocab_size)  # embedding rows that no token has
    return ContinuousBatch(
        model, torch.tensor([*(token for token in tokenizer.all_special_ids if token != end), *spare])
    )


def stream(
    model: RegionQwen,
    tokenizer: PreTrainedTokenizerBase,
    batch: Batch,
    decodings: Sequence[Decoding],
    emit: Emit,
    cancelled: Cancelled = lambda index: False,
) -> None:
    """Generate answers for a left-padded batch; one with choices follows their tokens, and picks where they part.

    Calls `emit(row, piece, is_final)` as text comes; the last piece of a row has is_final True, and is empty only when
    nothing else was left to say. `cancelled(row)` is asked at each step. What `emit` raises ends the batch.
    """
    together = continuous(model, tokenizer)
    together.join(
        batch,
        [
            Answer(tokenizer, decoding, partial(emit, row), partial(cancelled, row))
            for row, decoding in enumerate(decodings)
        ],
    )
    while len(together):
        together.step()


def answers(model: RegionQwen, tokenizer: PreTrainedTokenizerBase, batch: Batch, max_tokens: int = 64) -> list[str]:
    """Greedy answers of a left-padded batch as whole texts."""
    texts = ["" for _ in range(len(batch.input_ids))]

    def collect(index: int, piece: str, is_final: bool) -> None:
        texts[index] += piece

    stream(model, tokenizer, batch, [Decoding(max_tokens)] * len(texts), collect)
    return texts


#: Questions that `answers_to_all` answers together.
BATCH = 48


def answers_to_all(
    model: RegionQwen,
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[Question],
    max_tokens: int,
    report: Callable[[float], None] = lambda share: None,
) -> list[str]:
    """Greedy answers to any number of questions, in their order; those of like length are answered together."""
    writer, texts = PromptWriter(tokenizer, Reads.of(model.config)), ["" for _ in questions]
    order = sorted(range(len(questions)), key=lambda row: (len(questions[row].geometry), len(questions[row].text)))
    for start in range(0, len(order), BATCH):
        chunk = order[start : start + BATCH]
        found = answers(model, tokenizer, writer.batch([questions[row] for row in chunk]), max_tokens)
        for row, text in zip(chunk, found, strict=True):
            texts[row] = text
        report(min(1.0, (start + BATCH) / len(order)))
    return texts
