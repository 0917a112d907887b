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

from iad_unify.explainer.config import IMAGE_TOKEN, MAX_PROMPT_REGIONS, TOKENS_PER_REFERENCE, TOKENS_PER_REGION
from iad_unify.explainer.crop import CropRule
from iad_unify.explainer.reads import Reads
from iad_unify.types import spoken

#: Label of positions that are no answer; the loss skips them.
IGNORED = -100


@dataclass(frozen=True, slots=True)
class Question:
    """A question about regions in order of score; the regions beyond the first eight are left out of the prompt."""

    text: str
    appearance: NDArray[np.floating]  # [R, K, D]; R may be 0
    geometry: NDArray[np.floating]  # [R, 5]
    #: [R, K, D], of a good part at the same places, for a model made for it; None: there is nothing to compare with.
    reference: NDArray[np.floating] | None = None
    #: Of each region the types that regions like it were confirmed as, slugs with commas; "" where there are none.
    confirmed: tuple[str, ...] = ()
    #: RGB [h, w, 3], the frame.
    crop: NDArray[np.uint8] | None = None


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
    reference: Tensor | None = None  # float32 [M, K, D], of those regions whose question has references
    referenced: Tensor | None = None  # bool [N], which those are; None: no question has
    images: Images | None = None  # None: no row has a crop

    def arguments(self) -> dict[str, Tensor]:
        """Keyword arguments for `RegionQwen.forward` and `.generate`."""
        return self._own() | ({} if self.images is None else self.images.arguments())

    def _own(self) -> dict[str, Tensor]:
        tensors = {
            "input_ids": self.input_ids,
            "attention_mask": self.attention_mask,
            "appearance": self.appearance,
            "geometry": self.geometry,
        }
        rest = {"labels": self.labels, "reference": self.reference, "referenced": self.referenced}
        return tensors | {name: tensor for name, tensor in rest.items() if tensor is not None}

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        tensors = {name: tensor.to(device) for name, tensor in self._own().items()}
        return Batch(**tensors, images=None if self.images is None else self.images.to(device))


class PromptWriter:
    """Writes prompts with one tokenizer, of what a model reads; the rest of a question is left out."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, reads: Reads = Reads()) -> None:
        self.tokenizer, self._reads = tokenizer, reads
        self._image = int(tokenizer.convert_tokens_to_ids(IMAGE_TOKEN))
        self._special = re.compile("|".join(re.escape(token) for token in tokenizer.all_special_tokens))

    @property
    def crops(self) -> CropRule | None:
        """How pictures are shown; None: no prompt has one, whatever its question has."""
        return self._reads.crops

    def prompt(self, question: Question) -> list[int]:
        """`ids` of a question."""
        shown = 0 if self.crops is None or question.crop is None else self.crops.tokens(question.crop)
        compared = self._shown(question) is not None
        return self.ids(question.text, len(question.geometry), question.confirmed, compared, shown)

    def ids(
        self,
        text: str,
        regions: int,
        confirmed: Sequence[str] = (),
        references: bool = False,
        image_tokens: int = 0,
    ) -> list[int]:
        """Token ids of the prompt; `confirmed` as in `Question`.

        Special tokens inside the texts are dropped: a question cannot forge a turn, and neither can a reviewer's label.
        """
        tokens = TOKENS_PER_REGION + (TOKENS_PER_REFERENCE if references else 0)
        content: list[dict[str, str]] = [{"type": "image"}] if image_tokens else []
        for ordinal in range(1, min(regions, MAX_PROMPT_REGIONS) + 1):
            content.append({"type": "text", "text": str(ordinal)})
            content.extend({"type": "region"} for _ in range(tokens))
        labels = [self._plain(slugs) for slugs in confirmed[:MAX_PROMPT_REGIONS]] if self._reads.neighbours else []
        if told := _told(labels):
            content.append({"type": "text", "text": told + "\n"})
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
        """The text without special tokens, those included that appear when others are taken out."""
        while (found := self._special.sub("", text)) != text:
            text = found
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
        return Batch(ids, mask, **self._regions(questions), images=self._images(questions, ids))

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
        tensors = self._regions(questions)
        return Batch(ids, mask, **tensors, labels=labels, images=self._images(questions, ids))

    def _shown(self, question: Question) -> NDArray[np.floating] | None:
        """The reference rows that are shown to the model."""
        return question.reference if self._reads.references else None

    def _regions(self, questions: Sequence[Question]) -> dict[str, Tensor]:
        """The tensors of a batch that are of regions."""
        found = {
            "appearance": _joined([question.appearance for question in questions]),
            "geometry": _joined([question.geometry for question in questions]),
        }
        shown = [self._shown(question) for question in questions]
        rows = [one for one in shown if one is not None and len(one)]
        if not rows:
            return found
        told = [
            (one is not None, min(len(question.geometry), MAX_PROMPT_REGIONS))
            for question, one in zip(questions, shown, strict=True)
        ]
        referenced = torch.tensor([flag for flag, count in told for _ in range(count)])
        return found | {"reference": _joined(rows), "referenced": referenced}

    def _images(self, questions: Sequence[Question], ids: Tensor) -> Images | None:
        if self.crops is None:
            return None
        shown = [self.crops.patches(question.crop) for question in questions if question.crop is not None]
        if not shown:
            return None
        patches, grids = zip(*shown, strict=True)
        placeholders = (ids == self._image).to(torch.int32)
        return Images(torch.from_numpy(np.concatenate(patches)), torch.tensor(grids), placeholders)


def _told(confirmed: Sequence[str]) -> str:
    """`Confirmed: 1 missing part; 3 scratch, hole`; empty when nothing is known of any region. In one line, always."""
    words = [", ".join(" ".join(spoken(slug).split()) for slug in slugs.split(",")) for slugs in confirmed]
    known = [f"{ordinal} {types}" for ordinal, types in enumerate(words, 1) if types.strip(", ")]
    return f"Confirmed: {'; '.join(known)}" if known else ""


def _joined(rows: Sequence[NDArray[np.floating]]) -> Tensor:
    return torch.from_numpy(np.concatenate([some[:MAX_PROMPT_REGIONS] for some in rows]).astype(np.float32))
