"""The models in processes of their own: batched, cancellable, started anew when they die, refused when they cannot serve."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.checkpoints import write_expert, write_explainer

from iad_unify.catalog import APPEARANCE_ROWS, TOO_LATE
from iad_unify.serving.references import ReferenceService
from inspectd.errors import Misconfigured, ModelFailed, TooLate, Unavailable
from inspectd.records import Image, RegionTokens
from inspectd.vision.explainer import Question
from inspectd.vision.local import LocalExplainer, LocalRegionExpert
from inspectd.vision.process import ModelProcess
from inspectd.vision.tensors import explainer_inputs, reference_from_tensors, reference_inputs
from inspectd.vision.warmup import blank_image


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    write_expert(folder / "region_expert")
    write_explainer(folder / "explainer")
    return folder


@pytest.fixture
async def expert_process(checkpoints: Path) -> AsyncIterator[ModelProcess]:
    process = ModelProcess(
        role="region_expert", checkpoint=checkpoints / "region_expert", setting="vision.expert_checkpoint"
    )
    yield process
    await process.close()


def noise(seed: int) -> Image:
    blank = blank_image()
    pixels = np.random.default_rng(seed).integers(0, 255, blank.pixels.shape, np.uint8)
    return Image(pixels, blank.letterbox, blank.width, blank.height)


async def test_frames_that_wait_together_get_the_answers_that_they_get_alone(expert_process: ModelProcess) -> None:
    expert = LocalRegionExpert(process=expert_process)
    images = [noise(seed) for seed in range(6)]
    alone = [await expert.find_regions(image) for image in images]
    together = await asyncio.gather(*(expert.find_regions(image) for image in images))
    for one, other in zip(alone, together, strict=True):
        assert one.image_score == pytest.approx(other.image_score, abs=1e-4)
        assert len(one.regions) == len(other.regions)
    card = await expert.describe()
    assert card.model_version == alone[0].model_version
    assert (card.default_threshold, card.proposal_threshold) == (0.5, pytest.approx(0.3))


async def test_a_question_with_references_and_one_without_are_answered_side_by_side(checkpoints: Path) -> None:
    process = ModelProcess(
        role="explainer", checkpoint=checkpoints / "explainer", setting="vision.explainer_checkpoint"
    )
    explainer = LocalExplainer(process=process)
    rows, geometry = np.ones((2, APPEARANCE_ROWS, 64), np.float16), np.full((2, 5), 0.3, np.float32)

    async def answer(tokens: RegionTokens) -> str:
        question = Question("What is it?", tokens, max_tokens=4)
        return "".join([piece.text async for piece in explainer.answer(question)])

    told = [RegionTokens(rows, geometry, reference) for reference in (None, rows, None)]
    answers = await asyncio.gather(*(answer(one) for one in told))
    await process.close()
    assert answers[0] == answers[1] == answers[2]  # this explainer was not made for them


async def test_frames_with_and_without_a_wish_for_references_are_inspected_side_by_side(
    checkpoints: Path, tmp_path: Path
) -> None:
    expert = checkpoints / "region_expert"
    build = reference_inputs([noise(seed) for seed in range(6)], memory=False, template=noise(50))
    name = reference_from_tensors(ReferenceService(expert, tmp_path).build(build))
    process = ModelProcess(
        role="region_expert", checkpoint=expert, setting="vision.expert_checkpoint", references=tmp_path
    )
    local = LocalRegionExpert(process=process)
    wishes = (False, True, True, False)
    found = await asyncio.gather(
        *(local.find_regions(noise(row), 1e-6, name, describe_reference=wish) for row, wish in enumerate(wishes))
    )
    await process.close()
    assert all(one.regions for one in found)
    assert [one.tokens.reference is not None for one in found] == list(wishes)


async def test_a_killed_process_is_unavailable_and_then_started_again(expert_process: ModelProcess) -> None:
    expert = LocalRegionExpert(process=expert_process)
    await expert.describe()
    assert await expert_process.alive()
    process = expert_process._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)  # so that the call is certainly under way when it dies
    call = asyncio.create_task(expert.find_regions(noise(0)))
    await asyncio.sleep(0.3)
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(Unavailable):
        await call
    assert not await expert_process.alive()
    assert (await expert.find_regions(noise(0))).model_version


async def test_a_process_that_is_killed_while_it_loads_is_no_wrong_setting(checkpoints: Path) -> None:
    process = ModelProcess(
        role="region_expert", checkpoint=checkpoints / "region_expert", setting="vision.expert_checkpoint"
    )
    starting = asyncio.create_task(process.start())
    pid = await _child_of_ours()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Unavailable, match="killed while it loaded"):
        await starting
    await process.close()


async def _child_of_ours() -> int:
    """The model process, as soon as there is one."""
    children = Path(f"/proc/{os.getpid()}/task")
    before = _children(children)
    async with asyncio.timeout(60):
        while not (new := _children(children) - before):
            await asyncio.sleep(0.01)
    return new.pop()


def _children(tasks: Path) -> set[int]:
    found: set[int] = set()
    for task in tasks.iterdir():
        with suppress(OSError):  # a thread may end while it is read
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


async def test_a_model_that_was_loaded_once_is_waited_for_when_its_folder_is_away(tmp_path: Path) -> None:
    folder = write_expert(tmp_path / "region_expert")
    process = ModelProcess(role="region_expert", checkpoint=folder, setting="vision.expert_checkpoint")
    await process.start()
    await process.close()
    folder.rename(tmp_path / "away")
    with pytest.raises(Unavailable, match=r"cannot be loaded again: vision\.expert_checkpoint"):
        await process.start()
    await process.close()


async def test_a_request_that_breaks_the_model_fails_alone(expert_process: ModelProcess) -> None:
    good, broken = noise(1), noise(2)
    wrong = Image(broken.pixels, np.array([np.nan] * 5, np.float32), broken.width, broken.height)
    expert = LocalRegionExpert(process=expert_process)
    answers = await asyncio.gather(
        expert.find_regions(good), expert.find_regions(wrong), expert.find_regions(good), return_exceptions=True
    )
    assert isinstance(answers[1], ModelFailed)
    assert not isinstance(answers[0], BaseException)
    assert not isinstance(answers[2], BaseException)


async def test_a_folder_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    process = ModelProcess(role="region_expert", checkpoint=tmp_path, setting="vision.expert_checkpoint")
    with pytest.raises(Misconfigured, match=r"vision\.expert_checkpoint"):
        await process.start()
    await process.close()


async def test_answers_stream_side_by_side_and_can_be_cancelled(checkpoints: Path) -> None:
    process = ModelProcess(
        role="explainer", checkpoint=checkpoints / "explainer", setting="vision.explainer_checkpoint"
    )
    explainer = LocalExplainer(process=process)
    tokens = RegionTokens(np.zeros((1, APPEARANCE_ROWS, 64), np.float16), np.full((1, 5), 0.5, np.float32))

    async def whole(text: str) -> str:
        return "".join([piece.text async for piece in explainer.answer(Question(text, tokens, max_tokens=12))])

    try:
        alone = await whole("What is it?")
        together = await asyncio.gather(*(whole("What is it?") for _ in range(3)))
        assert together == [alone] * 3
        stream = explainer.answer(Question("Where is it?", tokens, max_tokens=200))
        await anext(stream)
        await stream.aclose()
        assert await whole("What is it?") == alone
        assert process._waiting == {}
    finally:
        await process.close()


async def test_a_question_past_its_deadline_ends_as_too_late_and_the_others_go_on(checkpoints: Path) -> None:
    process = ModelProcess(
        role="explainer", checkpoint=checkpoints / "explainer", setting="vision.explainer_checkpoint"
    )
    explainer = LocalExplainer(process=process)
    tokens = RegionTokens(np.zeros((1, APPEARANCE_ROWS, 64), np.float16), np.full((1, 5), 0.5, np.float32))
    # so hot that an end is unlikely before the bound
    rambling = Question("Tell me all.", tokens, temperature=10.0, seed=1, max_tokens=128)

    async def whole(question: Question) -> str:
        return "".join([piece.text async for piece in explainer.answer(question)])

    async def told(left_s: float) -> list[str]:
        """What the process itself says to a call whose caller would wait for ever."""
        return [payload[0] async for _, payload in process.stream(explainer_inputs(rambling, left_s))]

    try:
        alone = await whole(rambling)
        asked = (whole(rambling), told(0.001), whole(replace(rambling, deadline=time.monotonic() + 0.02)), told(0.05))
        found = await asyncio.gather(
            *asked, whole(replace(rambling, deadline=time.monotonic() + 600)), return_exceptions=True
        )
        assert [found[0], found[4]] == [alone] * 2
        assert isinstance(found[2], TooLate)
        for error in (found[1], found[3]):
            assert isinstance(error, ModelFailed)
            assert TOO_LATE in str(error)
        with pytest.raises(TooLate):
            await whole(replace(rambling, deadline=time.monotonic()))
        assert await whole(rambling) == alone
        assert process._waiting == {}
    finally:
        await process.close()
