"""Continuous batching: sequences that are generated together, each joining when it comes and leaving when it is over.

One pass of the model is one more token of each, so that nobody waits for another's last word and no pass is spent on a
sequence that is over. It knows prompts and tokens; what a token means to its sequence is `Speaker`'s.
"""

from collections.abc import Sequence
from typing import Protocol, cast

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer, LinearAttentionLayer

from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.prompt import Batch


class Speaker(Protocol):
    """One sequence of the batch."""

    #: Whether its tokens are its own to choose; else the likeliest is taken.
    chooses: bool

    def choose(self, scores: Tensor) -> int:
        """The next token, given float32 scores [vocabulary], which are its own to change."""

    def take(self, token: int) -> bool:
        """Hears its next token; returns whether it wants another."""


class ContinuousBatch:
    """The sequences under way and what the model remembers of them. `silent` are the ids that no answer may contain."""

    def __init__(self, model: RegionQwen, silent: Tensor) -> None:
        self._model, self._silent = model, silent.to(model.device)
        self._speakers: list[Speaker] = []
        self._cache: Cache | None = None
        self._mask = torch.zeros((0, 0), dtype=torch.int64, device=model.device)  # [B, T], 0 on the left padding
        self._shifts = torch.zeros((0, 1), dtype=torch.int64, device=model.device)  # of M-RoPE behind a picture, [B, 1]
        self._tokens = torch.zeros(0, dtype=torch.int64, device=model.device)  # [B], said and not yet read

    def __len__(self) -> int:
        return len(self._speakers)

    @torch.inference_mode()
    def join(self, batch: Batch, speakers: Sequence[Speaker]) -> None:
        """Reads the prompts of a left-padded batch and says the first token of each. What this raises changes nothing."""
        batch = batch.to(self._model.device)
        cache = DynamicCache(config=self._model.config.text_config)
        positions, shifts = self._positions(batch)
        logits = self._model(
            **batch.arguments(), position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1
        ).logits[:, -1]
        tokens, rows = self._said(logits, speakers)
        if not rows:
            return
        kept = torch.tensor(rows, device=self._model.device)
        if len(rows) < len(speakers):
            cache.reorder_cache(kept)
        if self._cache is None:
            self._cache, self._mask = cache, batch.attention_mask[kept]
        else:
            self._mask = _below(self._cache, self._mask, cache, batch.attention_mask[kept])
        self._shifts = torch.cat([self._shifts, shifts[kept]])
        self._tokens = torch.cat([self._tokens, tokens[kept]])
        self._speakers += [speakers[row] for row in rows]

    @torch.inference_mode()
    def step(self) -> None:
        """Says one more token of every sequence."""
        self._mask = torch.cat([self._mask, self._mask.new_ones((len(self), 1))], dim=1)
        place = self._mask.sum(dim=1, keepdim=True) - 1  # [B, 1] of the token that is read now
        logits = self._model(
            input_ids=self._tokens[:, None],
            attention_mask=self._mask,
            position_ids=torch.stack([place, *[place + self._shifts] * 3]),
            past_key_values=self._cache,
            use_cache=True,
        ).logits[:, -1]
        self._tokens, rows = self._said(logits, self._speakers)
        if len(rows) < len(self):
            self._keep(rows)

    def _positions(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Positions [4, B, T], of the text and the three of M-RoPE, and how far the latter are ahead at the end, [B, 1]."""
        mask = batch.attention_mask
        text = (mask.cumsum(dim=1) - 1).clamp_min(0)
        if batch.images is None:
            return text.expand(4, -1, -1), torch.zeros_like(mask[:, :1])
        seen, shifts = self._model.model.get_rope_index(
            batch.input_ids,
            mm_token_type_ids=batch.images.mm_token_type_ids,
            image_grid_thw=batch.images.image_grid_thw,
            attention_mask=mask,
        )
        return torch.cat([text[None], seen.to(text)]), shifts.to(text)

    def _said(self, logits: Tensor, speakers: Sequence[Speaker]) -> tuple[Tensor, list[int]]:
        """The next token of each, int64 [B], and the rows that want another."""
        scores = logits.float().index_fill(1, self._silent, -torch.inf)
        tokens = scores.argmax(dim=1)
        for row, speaker in enumerate(speakers):
            if speaker.chooses:
                tokens[row] = speaker.choose(scores[row])
        heard = zip(speakers, tokens.tolist(), strict=True)
        return tokens, [row for row, (speaker, token) in enumerate(heard) if speaker.take(token)]

    def _keep(self, rows: Sequence[int]) -> None:
        """Forgets every sequence but these."""
        self._speakers = [self._speakers[row] for row in rows]
        kept = torch.tensor(rows, dtype=torch.int64, device=self._model.device)
        self._shifts, self._tokens, self._mask = self._shifts[kept], self._tokens[kept], self._mask[kept]
        if not rows:
            self._cache, self._mask = None, self._mask[:, :0]
            return
        cache = cast(Cache, self._cache)
        cache.reorder_cache(kept)
        empty = int(self._mask.argmax(dim=1).min())  # columns that were padding for all who are left
        if empty:
            self._mask = self._mask[:, empty:]
            for layer in _attended(cache):
                layer.keys, layer.values = layer.keys[..., empty:, :], layer.values[..., empty:, :]


def _below(cache: Cache, mask: Tensor, other: Cache, others: Tensor) -> Tensor:
    """Puts the rows of another cache below those of `cache`; both masks as one, the narrower padded on the left."""
    width = max(mask.shape[1], others.shape[1])
    for mine, theirs in zip(cache.layers, other.layers, strict=True):
        if isinstance(mine, LinearAttentionLayer):
            for state in range(mine.number_of_states):
                mine.conv_states[state] = torch.cat([mine.conv_states[state], theirs.conv_states[state]])
                mine.recurrent_states[state] = torch.cat([mine.recurrent_states[state], theirs.recurrent_states[state]])
    for mine, theirs in zip(_attended(cache), _attended(other), strict=True):
        mine.keys = torch.cat([_widened(mine.keys, width), _widened(theirs.keys, width)])
        mine.values = torch.cat([_widened(mine.values, width), _widened(theirs.values, width)])
    return torch.cat([pad(one, (width - one.shape[1], 0)) for one in (mask, others)])


def _attended(cache: Cache) -> list[DynamicLayer]:
    return [layer for layer in cache.layers if isinstance(layer, DynamicLayer)]


def _widened(states: Tensor, width: int) -> Tensor:
    """[B, heads, T, D] with zeros before, which the mask hides."""
    return pad(states, (0, 0, width - states.shape[2], 0))
