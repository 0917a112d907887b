"""The three models on a real Triton: answers, padding, batches, streams, cancelling, a full queue, a server that dies."""

import asyncio
import contextlib
import hashlib
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tests.services import Services

from iad_unify import catalog
from iad_unify.checkpoint import model_version, read_card, read_config
from iad_unify.geometry import Letterbox
from iad_unify.procedural import draw
from inspectd.errors import CalibrateAgain, ModelFailed, Overloaded, TooLate, Unavailable
from inspectd.records import Image, RegionTokens
from inspectd.settings import TritonSettings
from inspectd.stack.plan import Plan
from inspectd.stack.stack import Stack
from inspectd.vision.editor import Edit
from inspectd.vision.explainer import Question
from inspectd.vision.tensors import expert_inputs, explainer_inputs, reference_from_tensors, reference_inputs
from inspectd.vision.triton import TritonServer

pytestmark = pytest.mark.service("triton")

SHARED_MEMORY = Path("/dev/shm")
WIDTH, HEIGHT = 320, 200
#: So low that a model of any quality proposes regions.
LOW = 0.01


@pytest.fixture
async def server(stack: Services) -> AsyncIterator[TritonServer]:
    server = TritonServer(settings=TritonSettings(url=stack.triton, timeout_s=60, explain_timeout_s=120))
    yield server
    await server.close()


def plan(stack: Services) -> Plan:
    found = Plan.load(stack.start("triton").state_dir)
    assert found is not None
    return found


def image(seed: int = 0, side: int = catalog.EXPERT_SIZE) -> Image:
    drawing = draw("metal_tile", np.random.default_rng(seed), size=WIDTH, defect_types=("hole", "scratch"))
    letterbox = Letterbox.fit(WIDTH, HEIGHT, side)
    return Image(letterbox.apply(drawing.image[:HEIGHT]), letterbox.as_array(), WIDTH, HEIGHT)


def tokens(stack: Services, regions: int = 1) -> RegionTokens:
    config = read_config(Path(plan(stack).explainer_checkpoint))
    random = np.random.default_rng(regions)
    appearance = random.normal(size=(regions, catalog.APPEARANCE_ROWS, config["region_dim"]))
    return RegionTokens(appearance.astype(np.float16), random.uniform(0.1, 0.5, size=(regions, 5)).astype(np.float32))


async def test_frames_are_compared_with_the_memory_and_the_template_that_they_name(
    server: TritonServer, stack: Services
) -> None:
    from iad_unify.serving.references import ReferenceService
    from iad_unify.serving.region_expert import RegionExpertService

    triton, expert = stack.start("triton"), Path(plan(stack).expert_checkpoint)
    folder = Path(triton.settings()["vision.references"])
    name = reference_from_tensors(
        ReferenceService(expert, folder).build(reference_inputs([image(seed) for seed in range(6)], template=image(50)))
    )
    assert len(name) == 25
    frames = [image(seed) for seed in range(8)]
    asked = [(frame, name if index % 2 else "") for index, frame in enumerate(frames)]
    found = await asyncio.gather(*(server.expert.find_regions(one, LOW, wanted) for one, wanted in asked))
    service = RegionExpertService(expert, references=folder)
    for (frame, wanted), there in zip(asked, found, strict=True):
        here = service.infer(expert_inputs([frame], LOW, reference=wanted))
        assert there.image_score == pytest.approx(float(here["IMAGE_SCORE"][0, 0]), abs=1e-3)
    alone = await server.expert.find_regions(frames[1], LOW)
    assert found[1].image_score != pytest.approx(alone.image_score, abs=1e-3)
    assert found[1].tokens.reference is None
    described = await asyncio.gather(
        *(server.expert.find_regions(one, LOW, wanted, describe_reference=True) for one, wanted in asked)
    )
    assert [one.tokens.reference is not None for one in described] == [bool(wanted) for _, wanted in asked]
    assert len(described[1].tokens.reference) == len(described[1].regions)
    assert await answer(server, Question("What is it?", described[1].tokens.strongest(8)))


async def test_a_memory_that_is_not_there_names_the_mend_and_fails_alone(server: TritonServer) -> None:
    results = await asyncio.gather(
        *(server.expert.find_regions(image(), LOW, name) for name in ("", "0123456789ab", "")), return_exceptions=True
    )
    assert isinstance(results[1], CalibrateAgain)
    assert "calibrate again with good parts" in str(results[1])
    assert not isinstance(results[0], BaseException)
    assert not isinstance(results[2], BaseException)


async def test_a_request_may_leave_the_memory_out(server: TritonServer) -> None:
    inputs = expert_inputs([image()], LOW)
    del inputs["REFERENCE"]
    outputs = await server.infer(catalog.REGION_EXPERT, inputs, 60)
    assert outputs["IMAGE_SCORE"][0, 0] == pytest.approx((await server.expert.find_regions(image(), LOW)).image_score)


async def answer(server: TritonServer, question: Question) -> str:
    return "".join([piece.text async for piece in server.explainer.answer(question)])


def batch_sizes(stack: Services, model: str) -> set[int]:
    port = plan(stack).ports["triton_http"]
    found = httpx.get(f"http://127.0.0.1:{port}/v2/models/{model}/stats").json()["model_stats"][0]["batch_stats"]
    return {int(entry["batch_size"]) for entry in found}


async def test_it_says_which_model_it_is(server: TritonServer, stack: Services) -> None:
    folder = Path(plan(stack).expert_checkpoint)
    card = await server.expert.describe()
    assert card.model_version == model_version(folder)
    assert card.default_threshold == pytest.approx(read_card(folder).default_threshold)
    assert card.proposal_threshold == pytest.approx(read_card(folder).proposal_threshold)
    assert await server.ready()


async def test_a_frame_gets_regions_in_its_own_pixels(server: TritonServer) -> None:
    findings = await server.expert.find_regions(image(), LOW)
    assert 1 <= len(findings.regions) <= catalog.MAX_REGIONS
    assert len(findings.tokens.appearance) == len(findings.regions)
    for region in findings.regions:
        x, y, width, height = region.box
        assert 0 <= x < x + width <= WIDTH + 1e-3
        assert 0 <= y < y + height <= HEIGHT + 1e-3
        assert region.area_px > 0
        assert sum(region.type_probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert region.score <= findings.image_score + 1e-6


async def test_the_tensors_are_padded_to_the_shapes_of_the_catalog(server: TritonServer) -> None:
    outputs = await server.infer(catalog.REGION_EXPERT, expert_inputs([image(0), image(1)], LOW), 60)
    assert set(outputs) == {tensor.name for tensor in catalog.REGION_EXPERT.outputs}
    for tensor in catalog.REGION_EXPERT.outputs:
        values = outputs[tensor.name]
        assert values.shape[0] == 2
        assert all(want in (-1, have) for want, have in zip(tensor.shape, values.shape[1:], strict=True)), tensor.name
    for row in range(2):
        count = int(outputs["COUNT"][row, 0])
        assert count > 0
        assert all(outputs["MASKS"][row, :count])
        assert not any(outputs["MASKS"][row, count:])
        assert not outputs["SCORES"][row, count:].any()


async def test_a_proposal_threshold_that_nothing_reaches_leaves_no_region(server: TritonServer) -> None:
    findings = await server.expert.find_regions(image(), 1.0)
    assert findings.regions == ()
    assert findings.tokens.appearance.shape[0] == 0


async def test_frames_side_by_side_are_batched_and_each_gets_its_own_answer(
    server: TritonServer, stack: Services
) -> None:
    images = [image(seed) for seed in range(8)]
    alone = [await server.expert.find_regions(one, LOW) for one in images]
    together = await asyncio.gather(*(server.expert.find_regions(one, LOW) for one in images))
    for one, other in zip(alone, together, strict=True):
        assert one.image_score == pytest.approx(other.image_score, abs=1e-3)
        assert len(one.regions) == len(other.regions)
    assert len({findings.image_score for findings in together}) == 8
    assert max(batch_sizes(stack, "region_expert")) > 1


async def test_a_served_answer_is_the_one_of_the_same_model_in_process(server: TritonServer, stack: Services) -> None:
    from iad_unify.serving.region_expert import RegionExpertService
    from inspectd.vision.tensors import findings_from_tensors

    service = RegionExpertService(Path(plan(stack).expert_checkpoint))
    here = findings_from_tensors(service.infer(expert_inputs([image()], LOW)), 0, image())
    there = await server.expert.find_regions(image(), LOW)
    assert there.model_version == here.model_version
    assert [region.mask for region in there.regions] == [region.mask for region in here.regions]
    np.testing.assert_allclose(there.tokens.geometry, here.tokens.geometry, atol=1e-6)
    np.testing.assert_allclose(there.tokens.appearance, here.tokens.appearance, atol=2e-2)


async def test_a_frame_that_breaks_the_model_fails_alone(server: TritonServer) -> None:
    broken = replace(image(), letterbox=np.zeros(5, np.float32))
    results = await asyncio.gather(
        *(server.expert.find_regions(one) for one in (image(0), broken, image(1))), return_exceptions=True
    )
    assert [type(result).__name__ for result in results] == ["Findings", "ModelFailed", "Findings"]
    assert "letterbox" in str(results[1])


async def test_a_tensor_of_another_shape_is_the_inputs_fault(server: TritonServer) -> None:
    small = replace(image(), pixels=np.zeros((64, 72, 3), np.uint8))
    with pytest.raises(ModelFailed, match="IMAGE"):
        await server.expert.find_regions(small)


async def test_a_full_queue_is_overload_and_the_others_are_served(server: TritonServer) -> None:
    one = image()
    results = await asyncio.gather(*(server.expert.find_regions(one) for _ in range(200)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert refused
    assert {type(error) for error in refused} == {Overloaded}
    assert len(refused) < len(results)
    await server.expert.find_regions(one)


async def test_text_streams_in_pieces_and_names_its_model(server: TritonServer, stack: Services) -> None:
    question = Question("What is it?", tokens(stack), temperature=5.0, seed=3, max_tokens=24)
    pieces = [piece async for piece in server.explainer.answer(question)]
    assert len(pieces) > 1
    assert all(piece.text for piece in pieces)
    assert {piece.model_version for piece in pieces} == {model_version(Path(plan(stack).explainer_checkpoint))}


async def test_questions_side_by_side_get_the_answers_that_they_get_alone(
    server: TritonServer, stack: Services
) -> None:
    questions = [Question("Where is it?", tokens(stack, 1 + number % 3), max_tokens=16) for number in range(8)]
    alone = [await answer(server, question) for question in questions]
    assert await asyncio.gather(*(answer(server, question) for question in questions)) == alone


async def test_a_question_that_is_given_up_frees_the_model(server: TritonServer, stack: Services) -> None:
    # so hot that an end is unlikely before the bound
    rambling = Question("Tell me all.", tokens(stack), temperature=10.0, seed=1, max_tokens=128)
    begin = time.monotonic()
    assert len(await answer(server, rambling)) > 64
    whole_s = time.monotonic() - begin
    pieces = server.explainer.answer(rambling)
    await anext(pieces)
    await pieces.aclose()
    begin = time.monotonic()
    await answer(server, replace(rambling, max_tokens=1))
    assert time.monotonic() - begin < whole_s / 2


async def test_a_cancelled_task_frees_the_model_too(server: TritonServer, stack: Services) -> None:
    rambling = Question("Tell me all.", tokens(stack), temperature=10.0, seed=1, max_tokens=128)
    task = asyncio.create_task(answer(server, rambling))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await answer(server, replace(rambling, max_tokens=1)) is not None


async def test_a_question_past_its_deadline_is_told_so_by_the_server_and_the_others_go_on(
    server: TritonServer, stack: Services
) -> None:
    rambling = Question("Tell me all.", tokens(stack), temperature=10.0, seed=1, max_tokens=128)
    alone = await answer(server, rambling)

    async def told(left_s: float) -> list[Any]:
        """What the server itself says to a caller who would wait for longer."""
        return [one async for one in server.stream(catalog.EXPLAINER, explainer_inputs(rambling, left_s), 60)]

    within = replace(rambling, deadline=time.monotonic() + 600)
    asked = (answer(server, rambling), told(0.001), told(0.05), answer(server, within))
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [found[0], found[3]] == [alone] * 2
    for error in found[1:3]:
        assert isinstance(error, TooLate)
        assert catalog.TOO_LATE in str(error)
    with pytest.raises(TooLate):
        await answer(server, replace(rambling, deadline=time.monotonic() + 0.05))
    assert await answer(server, rambling) == alone


async def test_a_bad_question_fails_alone(server: TritonServer, stack: Services) -> None:
    good = Question("What is it?", tokens(stack), max_tokens=4)
    wide = RegionTokens(np.ones((1, catalog.APPEARANCE_ROWS, 3), np.float16), np.ones((1, 5), np.float32))
    results = await asyncio.gather(
        *(answer(server, one) for one in (good, replace(good, tokens=wide), good)), return_exceptions=True
    )
    assert isinstance(results[1], ModelFailed)
    assert "APPEARANCE" in str(results[1])
    assert results[0] == results[2]
    assert isinstance(results[0], str)


async def test_confirmed_neighbours_reach_the_model_one_for_each_region(server: TritonServer, stack: Services) -> None:
    plain = Question("What is it?", tokens(stack, 2), max_tokens=8)
    for kind in ("scratch", "hole"):  # what a person confirmed is named, whatever the look
        assert kind in await answer(server, replace(plain, confirmed=(kind, "")))
    with pytest.raises(ModelFailed, match="CONFIRMED takes one text"):
        await answer(server, replace(plain, confirmed=("scratch",)))


async def test_a_question_about_nothing_is_answered(server: TritonServer, stack: Services) -> None:
    none = tokens(stack, 1)
    empty = RegionTokens(none.appearance[:0], none.geometry[:0])
    assert isinstance(await answer(server, Question("Is there a defect?", empty, max_tokens=8)), str)


async def test_squares_of_two_sides_are_served_side_by_side_and_their_versions_differ(
    server: TritonServer, stack: Services
) -> None:
    usual, larger = (model_version(Path(plan(stack).expert_checkpoint)) + end for end in ("", "@320"))
    asked = [image(seed, side) for seed in range(3) for side in (256, 320)]
    alone = [await server.expert.find_regions(one, LOW) for one in asked]
    together = await asyncio.gather(*(server.expert.find_regions(one, LOW) for one in asked))
    for one, other in zip(alone, together, strict=True):
        assert one.image_score == pytest.approx(other.image_score, abs=1e-3)
    assert [found.model_version for found in together] == [usual, larger] * 3
    assert (await server.expert.describe(320)).model_version == larger
    with pytest.raises(ModelFailed, match="128 pixels is smaller than the expert's input of 256"):
        await server.expert.describe(128)


def edit(stack: Services, **changes: Any) -> Edit:
    clean = np.random.default_rng(0).integers(0, 255, (100, 140, 3), dtype=np.uint8)
    mask = np.zeros((100, 140), bool)
    mask[30:60, 40:80] = True
    return replace(Edit(clean, mask, "scratch", tokens(stack), seed=1, steps=4), **changes)


async def test_an_edit_changes_the_mask_only_and_is_the_same_for_a_seed(server: TritonServer, stack: Services) -> None:
    asked = edit(stack)
    edited = await server.editor.paint(asked)
    assert np.array_equal(edited[~asked.mask], asked.clean[~asked.mask])
    assert not np.array_equal(edited, asked.clean)
    assert np.array_equal(edited, await server.editor.paint(asked))
    assert not np.array_equal(edited, await server.editor.paint(replace(asked, seed=2)))


async def test_an_edit_of_a_type_that_does_not_exist_is_the_inputs_fault(server: TritonServer, stack: Services) -> None:
    with pytest.raises(ModelFailed, match="DEFECT_TYPE"):
        await server.editor.paint(edit(stack, defect_type="gremlin"))


async def test_a_deadline_is_kept(stack: Services) -> None:
    server = TritonServer(settings=TritonSettings(url=stack.triton, timeout_s=0.5, explain_timeout_s=0.5))
    stack.pause("triton")
    try:
        begin = time.monotonic()
        with pytest.raises(Unavailable):
            await server.expert.find_regions(image())
        assert not await server.ready()
        assert time.monotonic() - begin < 5
    finally:
        stack.resume("triton")
    await server.close()


async def test_a_model_whose_process_died_is_loaded_again_and_no_frame_is_blamed(
    server: TritonServer, stack: Services
) -> None:
    # Triton goes on calling the model ready and fails every request as an internal error
    kill_stub(stack.start("triton"), "region_expert")
    with pytest.raises(Unavailable, match="not healthy"):
        await server.expert.find_regions(image(), LOW)
    assert not await server.ready()
    for _ in range(1200):
        with contextlib.suppress(Unavailable):
            assert (await server.expert.find_regions(image(), LOW)).regions
            break
        await asyncio.sleep(0.1)
    await wait_until_ready(server)


def kill_stub(triton: Stack, model: str) -> None:
    """Kills the process that runs a model, as the kernel does when memory runs out."""
    folder = f"{triton.state_dir}/triton/repository/{model}/".encode()
    for path in processes_of(triton):
        if folder in _read(path):
            os.kill(int(path.parent.name), signal.SIGKILL)


async def test_a_killed_server_is_unavailable_leaves_nothing_behind_and_works_again_when_it_is_back(
    server: TritonServer, stack: Services
) -> None:
    before = await server.expert.find_regions(image(), LOW)
    address, triton = stack.triton, stack.start("triton")
    assert shared_memory_of(triton)
    stack.kill("triton")
    with pytest.raises(Unavailable):
        await server.expert.find_regions(image(), LOW)
    with pytest.raises(Unavailable):
        await answer(server, Question("What is it?", tokens(stack)))
    assert not await server.ready()
    triton.down()
    assert processes_of(triton) == []
    assert shared_memory_of(triton) == []
    stack.revive("triton")
    assert stack.triton == address
    await wait_until_ready(server)
    after = await server.expert.find_regions(image(), LOW)
    assert [region.mask for region in after.regions] == [region.mask for region in before.regions]


async def wait_until_ready(server: TritonServer) -> None:
    for _ in range(100):
        if await server.ready():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("not ready again within 10 s")


def shared_memory_of(triton: Stack) -> list[Path]:
    """The regions whose names have the mark of this state directory."""
    mark = hashlib.sha256(str(triton.state_dir).encode()).hexdigest()[:12]
    return list(SHARED_MEMORY.glob(f"*_{mark}_*"))


def processes_of(triton: Stack) -> list[Path]:
    """Every process that has the state directory in its command."""
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(triton.state_dir).encode() in _read(path)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
