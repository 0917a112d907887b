"""Prompts: regions and a question as token ids, alone or as a padded batch with the tensors of `RegionQwen`.

The wording of questions and answers is not known here; the only text that it adds is the chat template and an ordinal
before each region, so that "region 2" has something to point at.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from iad_unify.explainer.config import IMAGE_TOKEN, MAX_PROMPT_REGIONS, TOKENS_PER_REGION
from iad_unify.explainer.crop import CropRule

#: Label of positions that are no answer; the loss skips them.
IGNORED = -100


@dataclass(frozen=True, slots=True)
class Question:
    """A question about regions in order of score; the regions beyond the first eight are left out of the prompt."""

    text: str
    appearance: NDArray[np.floating]  # [R, K, D]; R may be 0
    geometry: NDArray[np.floating]  # [R, 5]
    crop: NDArray[np.uint8] | None = None  # RGB [h, w, 3], the frame; only for a model that was trained with crops


@dataclass(frozen=True, slots=True)
class Images:
    """The crops of a batch, in the order of the rows that have one."""

    pixel_values: Tensor  # float32 [P, patch], the patches of all crops
    image_grid_thw: Tensor  # int64 [crops, 3]
    mm_token_type_ids: Tensor  # int32 [B, T], 1 at image placeholders

    def arguments(self) -> dict[str, Tensor]:
        """Keyword arguments for the model."""
        return {
            "pixel_values": self.pixel_values,
            "image_grid_thw": self.image_grid_thw,
            "mm_token_type_ids": self.mm_token_type_ids,
        }

    def to(self, device: torch.device | str) -> "Images":
        """The same on another device."""
        return Images(*(tensor.to(device) for tensor in self.arguments().values()))


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of one padded batch; `labels` only in training."""

    input_ids: Tensor  # int64 [B, T]
    attention_mask: Tensor  # int64 [B, T]
    appearance: Tensor  # float32 [N, K, D], the regions of all rows in order
    geometry: Tensor  # float32 [N, 5]
    labels: Tensor | None = None  # int64 [B, T]
    images: Images | None = None  # None: no row has a crop

    def arguments(self) -> dict[str, Tensor]:
        """Keyword arguments for `RegionQwen.forward` and `.generate`."""
        tensors = {
            "input_ids": self.input_ids,
            "attention_mask": self.attention_mask,
            "appearance": self.appearance,
            "geometry": self.geometry,
            **({} if self.images is None else self.images.arguments()),
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
            None if self.images is None else self.images.to(device),
        )


class PromptWriter:
    """Writes prompts with one tokenizer. Without a rule for crops no prompt has one, whatever its question has."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, crops: CropRule | None = None) -> None:
        self.tokenizer, self.crops = tokenizer, crops
        self._image = int(tokenizer.convert_tokens_to_ids(IMAGE_TOKEN))
        self._special = re.compile("|".join(re.escape(token) for token in tokenizer.all_special_tokens))

    def prompt(self, question: Question) -> list[int]:
        """Token ids of a question's prompt."""
        shown = 0 if self.crops is None or question.crop is None else self.crops.tokens(question.crop)
        return self.ids(question.text, len(question.geometry), shown)

    def ids(self, text: str, regions: int, image_tokens: int = 0) -> list[int]:
        """Token ids of the prompt. Special tokens inside `text` are dropped: a question cannot forge a turn."""
        content: list[dict[str, str]] = [{"type": "image"}] if image_tokens else []
        for ordinal in range(1, min(regions, MAX_PROMPT_REGIONS) + 1):
            content.append({"type": "text", "text": str(ordinal)})
            content.extend({"type": "region"} for _ in range(TOKENS_PER_REGION))
        content.append({"type": "text", "text": self._plain(text)})
        rendered = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        ids = list(self.tokenizer(rendered, add_special_tokens=False)["input_ids"])
        if image_tokens:  # the template writes one placeholder
            at = ids.index(self._image)
            ids[at : at + 1] = [self._image] * image_tokens
        return ids

    def _plain(self, text: str) -> str:
        while (plain := self._special.sub("", text)) != text:  # what was around a token may be one in turn
            text = plain
        return text

    def answer_ids(self, text: str) -> list[int]:
        """Token ids of an answer with the token that ends it."""
        return [*self.tokenizer(text, add_special_tokens=False)["input_ids"], int(self.tokenizer.eos_token_id)]

    def batch(self, questions: Sequence[Question]) -> Batch:
        """A left-padded batch for generation."""
        rows = [self.prompt(question) for question in questions]
        width = max(len(row) for row in rows)
        ids = torch.full((len(rows), width), int(self.tokenizer.pad_token_id))
        mask = torch.zeros_like(ids)
        for index, row in enumerate(rows):
            ids[index, width - len(row) :] = torch.tensor(row)
            mask[index, width - len(row) :] = 1
        return Batch(ids, mask, *_regions(questions), images=self._images(questions, ids))

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
        return Batch(ids, mask, *_regions(questions), labels, self._images(questions, ids))

    def _images(self, questions: Sequence[Question], ids: Tensor) -> Images | None:
        if self.crops is None:
            return None
        shown = [self.crops.patches(question.crop) for question in questions if question.crop is not None]
        if not shown:
            return None
        patches, grids = zip(*shown, strict=True)
        placeholders = (ids == self._image).to(torch.int32)
        return Images(torch.from_numpy(np.concatenate(patches)), torch.tensor(grids), placeholders)


def _regions(questions: Sequence[Question]) -> tuple[Tensor, Tensor]:
    appearance = np.concatenate([question.appearance[:MAX_PROMPT_REGIONS] for question in questions])
    geometry = np.concatenate([question.geometry[:MAX_PROMPT_REGIONS] for question in questions])
    return torch.from_numpy(appearance.astype(np.float32)), torch.from_numpy(geometry.astype(np.float32))
