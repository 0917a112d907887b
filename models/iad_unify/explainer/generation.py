"""Batched generation that streams: one `generate` call, text pieces per sequence as tokens come.

Each sequence has its own temperature, seed and length; sampling is Gumbel-max with a generator per sequence, so that a
sampled answer does not depend on what else is in the batch. Knows nothing of requests or wire formats.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedTokenizerBase,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.generation.streamers import BaseStreamer

from iad_unify.explainer.crop import CropRule
from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.prompt import Batch, PromptWriter, Question

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


class _Stream(BaseStreamer, StoppingCriteria):
    """Receives each step's tokens and says which sequences are over.

    One piece is held back per sequence, so that the last piece can carry the final flag and no empty message follows.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        decodings: Sequence[Decoding],
        ends: frozenset[int],
        emit: Emit,
        cancelled: Cancelled,
    ) -> None:
        self._texts = [_TextOf(tokenizer) for _ in decodings]
        self._held = ["" for _ in decodings]
        self._left = [decoding.max_tokens for decoding in decodings]
        self._over = [False for _ in decodings]
        self._ends, self._emit, self._cancelled = ends, emit, cancelled
        self._prompt_seen = False

    def put(self, value: Tensor) -> None:
        if not self._prompt_seen:  # generate() announces the prompt first
            self._prompt_seen = True
            return
        for index, token in enumerate(value.tolist()):
            if not self._over[index]:
                self._take(index, token)

    def _take(self, index: int, token: int) -> None:
        self._left[index] -= 1
        if token in self._ends:
            self._finish(index)
            return
        piece = self._texts[index].push(token)
        if piece:
            if self._held[index]:
                self._emit(index, self._held[index], False)
            self._held[index] = piece
        if self._left[index] <= 0 or self._cancelled(index):
            self._finish(index)

    def _finish(self, index: int) -> None:
        self._over[index] = True
        self._emit(index, self._held[index] + self._texts[index].rest(), True)

    def end(self) -> None:
        for index, over in enumerate(self._over):
            if not over:
                self._finish(index)

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        return torch.tensor(self._over, device=input_ids.device)


class _Sampling(LogitsProcessor):
    """Gumbel-max: argmax(logits / T + Gumbel noise) samples softmax(logits / T); rows with T = 0 stay greedy."""

    def __init__(self, decodings: Sequence[Decoding], silent: Tensor) -> None:
        self._temperatures = [decoding.temperature for decoding in decodings]
        self._generators = [torch.Generator().manual_seed(decoding.seed) for decoding in decodings]
        self._silent = silent  # ids of special tokens that no answer may contain

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        scores = scores.index_fill(1, self._silent.to(scores.device), -torch.inf)
        for row, (temperature, generator) in enumerate(zip(self._temperatures, self._generators, strict=True)):
            if temperature > 0:
                uniform = torch.rand(scores.shape[1], generator=generator).clamp_min(1e-20)
                scores[row] = scores[row] / temperature - torch.log(-torch.log(uniform)).to(scores.device, scores.dtype)
        return scores


#: Tokens that may come next, each with what may follow; empty where only the end may.
_Branches = dict[int, Any]


class _Choosing(LogitsProcessor):
    """Leaves a sequence only the tokens that go on along one of its choices; a sequence without any is free."""

    def __init__(self, chosen: Sequence[Sequence[Sequence[int]]], end: int) -> None:
        self._places = [_branches(paths, end) if paths else None for paths in chosen]
        self._end, self._begun = end, False

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        for row, place in enumerate(self._places):
            if place is None:
                continue
            if self._begun:
                place = self._places[row] = place.get(int(input_ids[row, -1]), {})
            allowed = torch.tensor(list(place) or [self._end], device=scores.device)
            kept = scores[row, allowed]
            scores[row] = -torch.inf
            scores[row, allowed] = kept
        self._begun = True
        return scores


def _branches(paths: Sequence[Sequence[int]], end: int) -> _Branches:
    root: _Branches = {}
    for path in paths:
        place = root
        for token in (*path, end):
            place = place.setdefault(token, {})
    return root


@torch.inference_mode()
def stream(
    model: RegionQwen,
    tokenizer: PreTrainedTokenizerBase,
    batch: Batch,
    decodings: Sequence[Decoding],
    emit: Emit,
    cancelled: Cancelled = lambda index: False,
    *,
    use_cache: bool = True,
) -> None:
    """Generate answers for a left-padded batch; one with choices follows their tokens, and picks where they part.

    Calls `emit(row, piece, is_final)` as text comes; the last piece of a row has is_final True, and is empty only when
    nothing else was left to say. `cancelled(row)` is asked at each step. What `emit` raises ends the batch.
    """
    end = int(tokenizer.eos_token_id)
    chosen = [[tokenizer.encode(text, add_special_tokens=False) for text in one.choices] for one in decodings]
    lengths = [max(map(len, paths)) + 1 if paths else 0 for paths in chosen]  # and the end
    decodings = [
        replace(one, max_tokens=length) if length else one for one, length in zip(decodings, lengths, strict=True)
    ]
    spare = range(len(tokenizer), model.config.text_config.vocab_size)  # embedding rows that no token has
    silent = torch.tensor([*(token for token in tokenizer.all_special_ids if token != end), *spare])
    watcher = _Stream(tokenizer, decodings, frozenset({end}), emit, cancelled)
    model.generate(
        **batch.to(model.device).arguments(),
        max_new_tokens=max(decoding.max_tokens for decoding in decodings),
        do_sample=False,
        use_cache=use_cache,
        eos_token_id=end,
        pad_token_id=int(tokenizer.pad_token_id),
        streamer=watcher,
        stopping_criteria=StoppingCriteriaList([watcher]),
        logits_processor=LogitsProcessorList([_Choosing(chosen, end), _Sampling(decodings, silent)]),
    )


def answers(
    model: RegionQwen, tokenizer: PreTrainedTokenizerBase, batch: Batch, max_tokens: int = 64, *, use_cache: bool = True
) -> list[str]:
    """Greedy answers of a left-padded batch as whole texts."""
    texts = ["" for _ in range(len(batch.input_ids))]

    def collect(index: int, piece: str, is_final: bool) -> None:
        texts[index] += piece

    stream(model, tokenizer, batch, [Decoding(max_tokens)] * len(texts), collect, use_cache=use_cache)
    return texts


#: Questions in one `generate` call of `answers_to_all`.
BATCH = 48


def answers_to_all(
    model: RegionQwen,
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[Question],
    max_tokens: int,
    report: Callable[[float], None] = lambda share: None,
) -> list[str]:
    """Greedy answers to any number of questions, in their order; those of like length are answered together."""
    writer, texts = PromptWriter(tokenizer, CropRule.of(model.config)), ["" for _ in questions]
    order = sorted(range(len(questions)), key=lambda row: (len(questions[row].geometry), len(questions[row].text)))
    for start in range(0, len(order), BATCH):
        chunk = order[start : start + BATCH]
        found = answers(model, tokenizer, writer.batch([questions[row] for row in chunk]), max_tokens)
        for row, text in zip(chunk, found, strict=True):
            texts[row] = text
        report(min(1.0, (start + BATCH) / len(order)))
    return texts
