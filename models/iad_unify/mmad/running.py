"""Asks MMAD's questions: the region expert finds regions, the explainer reads them and answers with an option.

The pictures themselves never reach the language model, only their regions: that is the design which is measured. The
good picture of the 1-shot prompt goes to an expert that compares with a golden template; another expert ignores it.
"""

import json
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from iad_unify.checkpoint import CheckpointError, UntrainedHead, model_version, read_card
from iad_unify.data.pictures import read_rgb
from iad_unify.data.samples import DataError
from iad_unify.explainer import generation, storage
from iad_unify.explainer.prompt import PromptWriter, Question
from iad_unify.geometry import Letterbox
from iad_unify.mmad.answers import Answer, AnswerFile
from iad_unify.mmad.choices import letter_of
from iad_unify.mmad.layout import Asked, Picture
from iad_unify.mmad.order import Order
from iad_unify.region_expert import model as experts
from iad_unify.region_expert.inspection import Inspected, inspect
from iad_unify.region_expert.template import align

#: What a full-size language model is told; the shipped one knows no instructions.
INSTRUCTION = "You inspect industrial products. Answer with the letter of one option only."
#: Said after it when the regions come from a comparison with a good picture.
COMPARED = "The regions were found by comparing the product with a picture of a good one."
#: Pictures whose questions are answered in one `generate` call, and the longest reply.
CHUNK, MAX_TOKENS = 8, 32


def run(order: Order, pictures: Sequence[Picture], advance: Callable[[int], None]) -> None:
    """Answer what the file of answers lacks; `advance` is told the pictures done.

    Every few pictures their answers are written; an exception, Ctrl-C included, loses only those in hand. Raises
    CheckpointError, and DataError for a picture that cannot be read or a file that another model began.
    """
    sitter = Sitter(order)
    _claim(order, sitter)
    file = AnswerFile(order.answers)
    done = _answered(file.answers)
    left = [one for one in pictures if done.get(one.image, 0) < len(one.questions)]
    advance(len(pictures) - len(left))
    torn = {one.image for one in left if one.image in done}
    if torn:  # a crash cut the answers of a picture short
        kept = [one for one in file.answers if one.image not in torn]
        order.answers.unlink()
        file = AnswerFile(order.answers)
        file.append(kept)
    for start in range(0, len(left), CHUNK):
        chunk = left[start : start + CHUNK]
        file.append(sitter.answer(chunk))
        advance(len(pictures) - len(left) + start + len(chunk))


class Sitter:
    """Sits the examination: one expert, one explainer."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self.expert = experts.load(order.expert).to(order.device)
        card = read_card(order.expert)
        if card.default_threshold is None or card.proposal_threshold is None:
            raise CheckpointError(order.expert, "train it again", "its card has no thresholds")
        self._decision, self._proposal = card.default_threshold, card.proposal_threshold
        if storage.PROJECTION_HEAD not in read_card(order.checkpoint).trained_heads:
            raise UntrainedHead(order.checkpoint, storage.PROJECTION_HEAD, storage.TRAIN_COMMAND)
        dtype = torch.float32 if torch.device(order.device).type == "cpu" else torch.bfloat16
        self._model, self._tokenizer = storage.load(order.checkpoint, order.device, dtype)
        self._instructed = read_card(order.checkpoint).config != "tiny"
        self._writer = PromptWriter(self._tokenizer)
        self.versions = {"explainer": model_version(order.checkpoint), "expert": model_version(order.expert)}

    @property
    def compares(self) -> bool:
        """Whether a good picture is used."""
        return self._order.shots > 0 and self.expert.config.template

    def answer(self, pictures: Sequence[Picture]) -> list[Answer]:
        """The answers to all questions of some pictures, in order."""
        asked = [(one, number, question) for one in pictures for number, question in enumerate(one.questions, start=1)]
        regions = {one.image: self._regions(one) for one in pictures}
        prompts = [Question(self._prompt(question), *regions[one.image]) for one, _, question in asked]
        replies = generation.answers(self._model, self._tokenizer, self._writer.batch(prompts), MAX_TOKENS)
        return [
            Answer(
                one.image,
                question.kind,
                question.correct,
                letter_of(reply, question.options),
                question.as_entry(number) | {"reply": reply},
            )
            for (one, number, question), reply in zip(asked, replies, strict=True)
        ]

    def _prompt(self, question: Asked) -> str:
        told = [INSTRUCTION, *([COMPARED] if self.compares else [])] if self._instructed else []
        return "\n".join([*told, question.text, question.choices])

    def _regions(self, picture: Picture) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
        """Appearance [R, K, D] and geometry [R, 5] of the regions that the daemon would report, the strongest first."""
        rgb = read_rgb(self._order.data / picture.image)
        letterbox = Letterbox.fit(rgb.shape[1], rgb.shape[0], self.expert.config.size)
        square = letterbox.apply(rgb)
        found = inspect(
            self.expert, square[None], [letterbox], [self._proposal], [0.0], self._template(picture, square, letterbox)
        )[0]
        return self._decided(found, letterbox)

    def _template(self, picture: Picture, square: NDArray[np.uint8], letterbox: Letterbox) -> NDArray[np.uint8] | None:
        """The first good picture of the same size, aligned, uint8 [1, S, S, 3]; None when there is none."""
        if not self.compares:
            return None
        for path in picture.templates:
            rgb = read_rgb(self._order.data / path)
            if rgb.shape[:2] == (letterbox.height, letterbox.width):
                return align(letterbox.apply(rgb), square)[None]
        return None

    def _decided(self, found: Inspected, letterbox: Letterbox) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
        kept = [index for index, one in enumerate(found.proposals) if one.score >= self._decision]
        rows = [found.proposals[index].geometry(letterbox) for index in kept]
        return found.appearance[kept], np.stack(rows) if rows else np.zeros((0, 5), np.float32)


def _answered(answers: Sequence[Answer]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in answers:
        counts[one.image] = counts.get(one.image, 0) + 1
    return counts


def _claim(order: Order, sitter: Sitter) -> None:
    """Note beside the answers whose they are; refuse to go on with those of another model."""
    path = order.answers.with_name(order.answers.name + ".run")
    mine = sitter.versions | {"shots": int(sitter.compares), "templates": order.templates}
    if order.answers.exists():
        try:
            begun = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            begun = None
        if begun != mine:
            raise DataError(
                order.answers, f"was begun by {begun or 'something else'}, this is {mine}; name another file"
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(mine) + "\n", encoding="utf-8")
