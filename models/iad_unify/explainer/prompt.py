"""Prompts: regions and a question as token ids, alone or as a padded batch with the tensors of `RegionQwen`.

The wording of questions and answers is not known here; the only text that it adds is the chat template, an ordinal before
each region, so that "region 2" has something to point at, and a line of what regions like these were confirmed as.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from iad_unify.explainer.config import MAX_PROMPT_REGIONS, TOKENS_PER_REGION
from iad_unify.types import spoken

#: Label of positions that are no answer; the loss skips them.
IGNORED = -100


@dataclass(frozen=True, slots=True)
class Question:
    """A question about regions in order of score; the regions beyond the first eight are left out of the prompt."""

    text: str
    appearance: NDArray[np.floating]  # [R, K, D]; R may be 0
    geometry: NDArray[np.floating]  # [R, 5]
    # of each region the types that regions like it were confirmed as, slugs with commas; "" where there are none
    confirmed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of one padded batch; `labels` only in training."""

    input_ids: Tensor  # int64 [B, T]
    attention_mask: Tensor  # int64 [B, T]
    appearance: Tensor  # float32 [N, K, D], the regions of all rows in order
    geometry: Tensor  # float32 [N, 5]
    labels: Tensor | None = None  # int64 [B, T]

    def arguments(self) -> dict[str, Tensor]:
        """Keyword arguments for `RegionQwen.forward` and `.generate`."""
        tensors = {
            "input_ids": self.input_ids,
            "attention_mask": self.attention_mask,
            "appearance": self.appearance,
            "geometry": self.geometry,
        }
        return tensors if self.labels is None else tensors | {"labels": self.labels}

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        labels = None if self.labels is None else self.labels.to(device)
        return Batch(
            self.input_ids.to(device),
            self.attention_mask.to(device),
            self.appearance.to(device),
            self.geometry.to(device),
            labels,
        )


class PromptWriter:
    """Writes prompts with one tokenizer; of confirmed neighbours only where the model was trained with them."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, neighbours: bool = False) -> None:
        self.tokenizer, self._neighbours = tokenizer, neighbours
        self._special = re.compile("|".join(re.escape(token) for token in tokenizer.all_special_tokens))

    def ids(self, text: str, regions: int, confirmed: Sequence[str] = ()) -> list[int]:
        """Token ids of the prompt; `confirmed` as in `Question`.

        Special tokens inside the texts are dropped: a question cannot forge a turn, and neither can a reviewer's label.
        """
        content: list[dict[str, str]] = []
        for ordinal in range(1, min(regions, MAX_PROMPT_REGIONS) + 1):
            content.append({"type": "text", "text": str(ordinal)})
            content.extend({"type": "region"} for _ in range(TOKENS_PER_REGION))
        labels = [self._plain(slugs) for slugs in confirmed[:MAX_PROMPT_REGIONS]] if self._neighbours else []
        if told := _told(labels):
            content.append({"type": "text", "text": told + "\n"})
        content.append({"type": "text", "text": self._plain(text)})
        rendered = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        return list(self.tokenizer(rendered, add_special_tokens=False)["input_ids"])

    def _plain(self, text: str) -> str:
        """The text without special tokens, those included that appear when others are taken out."""
        while (found := self._special.sub("", text)) != text:
            text = found
        return text

    def answer_ids(self, text: str) -> list[int]:
        """Token ids of an answer with the token that ends it."""
        return [*self.tokenizer(text, add_special_tokens=False)["input_ids"], int(self.tokenizer.eos_token_id)]

    def batch(self, questions: Sequence[Question]) -> Batch:
        """A left-padded batch for generation."""
        rows = [self.ids(question.text, len(question.geometry), question.confirmed) for question in questions]
        width = max(len(row) for row in rows)
        ids = torch.full((len(rows), width), int(self.tokenizer.pad_token_id))
        mask = torch.zeros_like(ids)
        for index, row in enumerate(rows):
            ids[index, width - len(row) :] = torch.tensor(row)
            mask[index, width - len(row) :] = 1
        return Batch(ids, mask, *_regions(questions))

    def training_batch(self, questions: Sequence[Question], rows: Sequence[tuple[list[int], list[int]]]) -> Batch:
        """A right-padded batch; `rows` are (prompt ids, answer ids), and only the answers are labelled."""
        width = max(len(prompt) + len(answer) for prompt, answer in rows)
        ids = torch.full((len(rows), width), int(self.tokenizer.pad_token_id))
        mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORED)
        for index, (prompt, answer) in enumerate(rows):
            end = len(prompt) + len(answer)
            ids[index, :end] = torch.tensor(prompt + answer)
            mask[index, :end] = 1
            labels[index, len(prompt) : end] = torch.tensor(answer)
        return Batch(ids, mask, *_regions(questions), labels)


def _told(confirmed: Sequence[str]) -> str:
    """`Confirmed: 1 missing part; 3 scratch, hole`; empty when nothing is known of any region. In one line, always."""
    words = [", ".join(" ".join(spoken(slug).split()) for slug in slugs.split(",")) for slugs in confirmed]
    known = [f"{ordinal} {types}" for ordinal, types in enumerate(words, 1) if types.strip(", ")]
    return f"Confirmed: {'; '.join(known)}" if known else ""


def _regions(questions: Sequence[Question]) -> tuple[Tensor, Tensor]:
    appearance = np.concatenate([question.appearance[:MAX_PROMPT_REGIONS] for question in questions])
    geometry = np.concatenate([question.geometry[:MAX_PROMPT_REGIONS] for question in questions])
    return torch.from_numpy(appearance.astype(np.float32)), torch.from_numpy(geometry.astype(np.float32))
