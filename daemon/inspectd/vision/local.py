"""The models on this machine, each in a worker process: the embedded mode's adapters. They do what Triton's do."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import numpy as np
from numpy.typing import NDArray

from iad_unify.catalog import CALIBRATE_AGAIN, EXPERT_SIZE, TOO_LATE
from inspectd.errors import CalibrateAgain, ModelFailed, TooLate
from inspectd.records import Findings, Image
from inspectd.vision.editor import Edit
from inspectd.vision.expert import ExpertCard
from inspectd.vision.explainer import Piece, Question
from inspectd.vision.process import ModelProcess, Tensors
from inspectd.vision.tensors import (
    card_from_tensors,
    editor_inputs,
    expert_inputs,
    explainer_inputs,
    findings_from_tensors,
    picture_from_tensors,
    reference_from_tensors,
    reference_inputs,
)
from inspectd.vision.warmup import blank_image


def _row(tensors: Tensors) -> Tensors:
    return {name: values[0] for name, values in tensors.items()}


class LocalRegionExpert:
    """Frames that wait together are inspected in one batch, by the process's own batcher."""

    def __init__(self, *, process: ModelProcess) -> None:
        self._process = process

    async def describe(self, side: int = EXPERT_SIZE) -> ExpertCard:
        """See the port."""
        return card_from_tensors(await self._infer(expert_inputs([blank_image(side)])))

    async def find_regions(
        self, image: Image, proposal: float = 0.0, reference: str = "", *, describe_reference: bool = False
    ) -> Findings:
        """See the port."""
        try:
            inputs = expert_inputs([image], proposal, reference=reference, describe_reference=describe_reference)
            outputs = await self._infer(inputs)
        except ModelFailed as error:
            if CALIBRATE_AGAIN in str(error):
                raise CalibrateAgain(str(error)) from error
            raise
        return findings_from_tensors(outputs, 0, image)

    async def close(self) -> None:
        """See the port."""
        await self._process.close()

    async def _infer(self, inputs: Tensors) -> Tensors:
        outputs = await self._process.call(_row(inputs))
        return {name: values[None] for name, values in outputs.items()}


class LocalReferenceBuilder:
    """Builds in a process with torch, whichever backend inspects; the folder of references is the process's."""

    def __init__(self, *, process: ModelProcess) -> None:
        self._process = process

    async def model_version(self) -> str:
        """See the port."""
        return await self._process.start()

    async def build(self, images: Sequence[Image], *, memory: bool = True, template: Image | None = None) -> str:
        """See the port."""
        inputs = reference_inputs(images, memory=memory, template=template)
        return reference_from_tensors(await self._process.call(inputs))

    async def close(self) -> None:
        """See the port."""
        await self._process.close()


class LocalExplainer:
    """Questions are answered together; one that comes joins those under way."""

    def __init__(self, *, process: ModelProcess) -> None:
        self._process = process

    async def answer(self, question: Question) -> AsyncIterator[Piece]:
        """See the port."""
        version = await self._process.start()
        inputs = explainer_inputs(question, question.left_s())
        try:
            async with aclosing(self._process.stream(inputs, question.deadline)) as messages:
                async for _, (text, _final) in messages:
                    yield Piece(text, version)
        except ModelFailed as error:
            if TOO_LATE in str(error):
                raise TooLate(str(error)) from error
            raise

    async def close(self) -> None:
        """See the port."""
        await self._process.close()


class LocalDefectEditor:
    """One edit at a time; the process starts at the first."""

    def __init__(self, *, process: ModelProcess) -> None:
        self._process = process

    async def paint(self, edit: Edit) -> NDArray[np.uint8]:
        """See the port."""
        return picture_from_tensors(await self._process.call(editor_inputs(edit)), edit)

    async def close(self) -> None:
        """See the port."""
        await self._process.close()
