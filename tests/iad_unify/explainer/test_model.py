"""The region-token model: same answers however it is run, at both precisions, after save and load."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from iad_unify.catalog import APPEARANCE_ROWS
from iad_unify.explainer.crop import AREAS_PX, CropRule
from iad_unify.explainer.generation import Answer, Decoding, answers, continuous
from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.prompt import Batch, PromptWriter, Question
from iad_unify.explainer.reads import Reads
from iad_unify.explainer.storage import load, save


def test_cached_generation_equals_uncached(parts, writer, ask, uncached):
    batch = writer.batch([ask("Where is it?", 2), ask("What is the type of region 3, and how large is it?", 3)])
    assert answers(*parts, batch, 16) == uncached(parts[0], batch, 16)


def test_answers_in_a_batch_equal_answers_alone(parts, writer, ask):
    questions = [ask("Where?", 1), ask("How many regions are there on this part?", 8), ask("Describe it.", 0)]
    together = answers(*parts, writer.batch(questions), 16)
    assert together == [answers(*parts, writer.batch([question]), 16)[0] for question in questions]
    assert len(set(together)) > 1


def test_left_padded_logits_equal_unpadded(parts, writer, ask):
    model, _ = parts
    short, long = ask("Where?", 1), ask("How large is the largest of all the regions?", 5)
    alone = _last_logits(model, writer.batch([short]))
    padded = _last_logits(model, writer.batch([short, long]))[:1]
    torch.testing.assert_close(padded, alone, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("size", [8, 64])
def test_how_many_tokens_are_read_together_changes_nothing(parts, writer, ask, size):
    batch = writer.batch([ask("How large is the largest of all the regions on this part?", 8), ask("Where?", 1)])
    with torch.inference_mode():
        usual, other = (parts[0](**batch.arguments(), **more).logits for more in ({}, {"chunk_size": size}))
    torch.testing.assert_close(other, usual, atol=2e-4, rtol=2e-4)


def test_right_padded_logits_equal_unpadded(parts, writer, ask):
    model, _ = parts
    short, long = ask("Where?", 1), ask("How large is the largest of all the regions?", 5)
    rows = [(writer.ids(q.text, len(q.geometry)), writer.answer_ids("There.")) for q in (short, long)]
    with torch.no_grad():
        both = model(**writer.training_batch([short, long], rows).arguments()).logits
        alone = model(**writer.training_batch([short], rows[:1]).arguments()).logits
    torch.testing.assert_close(both[:1, : alone.shape[1]], alone, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_trains_and_generates_at_both_precisions(parts, writer, ask, dtype):
    model = RegionQwen(parts[0].config).to(dtype)
    questions = [ask("Where is it?", 2), ask("What is it?", 1)]
    rows = [(writer.ids(q.text, len(q.geometry)), writer.answer_ids("A scratch at the top left.")) for q in questions]
    batch = writer.training_batch(questions, rows)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for _ in range(6):
        loss = model(**batch.arguments()).loss
        loss.backward()
        assert all(weight.grad is not None for weight in model.region_projection.parameters())
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.1
    assert len(answers(model.eval(), parts[1], writer.batch(questions), 4)) == 2


def test_a_saved_model_answers_the_same(parts, writer, ask, tmp_path):
    save(tmp_path, *parts, torch.float32)
    batch = writer.batch([ask("Where is it?", 2)])
    loaded = load(tmp_path)
    assert answers(*loaded, batch, 16) == answers(*parts, batch, 16)
    assert PromptWriter(loaded[1]).ids("Where is it?", 3) == writer.ids("Where is it?", 3)


def test_half_precision_storage_keeps_the_standardisation(parts, tmp_path):
    model = RegionQwen(parts[0].config)
    rows = torch.randn(100, APPEARANCE_ROWS, 64) * 7 + 3
    model.region_projection.standardise(rows)
    save(tmp_path, model, parts[1], torch.float16)
    loaded, _ = load(tmp_path)
    torch.testing.assert_close(loaded.region_projection.mean, rows.mean(0), atol=0.01, rtol=0.01)
    assert loaded.dtype == torch.float32
    assert (tmp_path / "model.safetensors").stat().st_size < 7_000_000


def test_place_and_look_of_a_region_reach_the_answer(parts, writer, ask):
    model, _ = parts
    question = ask("Where?", 1)
    moved = Question(question.text, question.appearance, question.geometry[:, [1, 0, 2, 3, 4]])
    other = Question(question.text, question.appearance + 1, question.geometry)
    base = _last_logits(model, writer.batch([question]))
    assert not torch.allclose(base, _last_logits(model, writer.batch([moved])), atol=1e-3)
    assert not torch.allclose(base, _last_logits(model, writer.batch([other])), atol=1e-3)


def test_regions_and_placeholders_must_agree_in_number(parts, writer, ask):
    model, _ = parts
    batch = writer.batch([ask("Where?", 2)])
    with pytest.raises(ValueError, match="4 region placeholders for 2 region tokens"):
        model(batch.input_ids, appearance=batch.appearance[:1], geometry=batch.geometry[:1])
    with pytest.raises(ValueError, match="without geometry"):
        model(batch.input_ids, appearance=batch.appearance)


def test_an_image_passes_through_beside_the_regions(parts, writer, ask):
    model, tokenizer = parts
    question = ask("Where?", 1)
    start, pad, end = tokenizer.convert_tokens_to_ids(["<|vision_start|>", "<|image_pad|>", "<|vision_end|>"])
    patches = [start, *[pad] * 4, end]  # 4x4 patches merge into 2x2 image tokens
    ids = torch.tensor([patches + writer.ids(question.text, 1)])
    arguments = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "mm_token_type_ids": (ids == pad).int(),
        "image_grid_thw": torch.tensor([[1, 4, 4]]),
        "appearance": torch.from_numpy(question.appearance),
        "geometry": torch.from_numpy(question.geometry),
    }
    picture = torch.randn(16, 3 * 2 * 16 * 16)
    with torch.no_grad():
        one = model(**arguments, pixel_values=picture).logits[:, -1]
        two = model(**arguments, pixel_values=-picture).logits[:, -1]
    assert not torch.allclose(one, two, atol=1e-4)
    cached, uncached = (
        model.generate(**arguments, pixel_values=picture, max_new_tokens=6, do_sample=False, use_cache=cache)
        for cache in (True, False)
    )
    assert np.array_equal(cached, uncached)


@pytest.fixture(scope="module")
def sees(parts):
    """A writer that shows crops."""
    return PromptWriter(parts[1], Reads(crops=CropRule(*AREAS_PX["tiny"])))


@pytest.fixture
def mixed(ask):
    """Questions with and without a crop, of several lengths and shapes."""
    random = np.random.default_rng(8)

    def shown(question, width, height):
        return replace(question, crop=random.integers(0, 256, (height, width, 3), dtype=np.uint8))

    return [
        shown(ask("Where is it?", 1), 256, 256),
        ask("What is the type of region 3, and how large is it?", 3),
        shown(ask("How many regions are there on this part?", 8), 300, 120),
        shown(ask("Describe it.", 0), 90, 250),
        ask("Describe it.", 0),
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_with_crops_cached_generation_equals_uncached(parts, sees, mixed, uncached, dtype):
    model = copy.deepcopy(parts[0]).to(dtype)
    batch = sees.batch(mixed)
    if dtype is torch.float32:
        assert answers(model, parts[1], batch, 8) == uncached(model, batch, 8)
    logits = [_second_logits(model, batch, cache) for cache in (True, False)]
    close = 2e-4 if dtype is torch.float32 else 0.1  # eight bits: a random model's near ties fall either way
    torch.testing.assert_close(*logits, atol=close, rtol=close)


@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 2e-4), (torch.bfloat16, 0.15)])
def test_a_row_is_the_same_alone_beside_others_and_padded_on_either_side(parts, sees, mixed, dtype, close):
    model = copy.deepcopy(parts[0]).to(dtype)
    together = _last_logits(model, sees.batch(mixed))
    rows = [(sees.prompt(question), sees.answer_ids("There.")) for question in mixed]
    with torch.no_grad():
        padded = model(**sees.training_batch(mixed, rows).arguments()).logits
        for row, question in enumerate(mixed):
            alone = _last_logits(model, sees.batch([question]))
            torch.testing.assert_close(together[row], alone[0], atol=close, rtol=close)
            whole = model(**sees.training_batch([question], [rows[row]]).arguments()).logits
            torch.testing.assert_close(padded[row, : whole.shape[1]], whole[0], atol=close, rtol=close)


def test_answers_with_crops_in_a_batch_equal_answers_alone(parts, sees, mixed):
    together = answers(*parts, sees.batch(mixed), 8)
    assert together == [answers(*parts, sees.batch([question]), 8)[0] for question in mixed]
    assert together != answers(*parts, PromptWriter(parts[1]).batch(mixed), 8)


def test_the_crop_reaches_the_answer_and_only_its_own_row(parts, sees, mixed):
    model, _ = parts
    other = [replace(mixed[0], crop=255 - mixed[0].crop), *mixed[1:]]
    before, after = (_last_logits(model, sees.batch(questions)) for questions in (mixed, other))
    assert not torch.allclose(before[0], after[0], atol=1e-3)
    torch.testing.assert_close(before[1:], after[1:], atol=2e-4, rtol=2e-4)


def test_a_batch_without_a_crop_is_what_it_was_before_there_were_any(parts, writer, sees, mixed):
    model, _ = parts
    questions = [mixed[1], mixed[4]]
    plain, able = writer.batch(questions), sees.batch(questions)
    assert (
        plain.arguments().keys() == able.arguments().keys() == {"input_ids", "attention_mask", "appearance", "geometry"}
    )
    assert torch.equal(_last_logits(model, plain), _last_logits(model, able))
    answers(*parts, sees.batch(mixed), 4)  # whose positions must not stay behind
    assert torch.equal(_last_logits(model, plain), _last_logits(model, able))
    assert answers(*parts, plain, 8) == [answers(*parts, writer.batch([one]), 8)[0] for one in questions]


def _second_logits(model: RegionQwen, batch: Batch, cache: bool) -> torch.Tensor:
    """Logits of the second new token, which the cache, if there is one, is used for."""
    found = model.generate(
        **batch.arguments(), max_new_tokens=2, do_sample=False, use_cache=cache, output_logits=True,
        return_dict_in_generate=True, eos_token_id=[],
    )  # fmt: skip
    return found.logits[1].float()


def _last_logits(model: RegionQwen, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        return model(**batch.arguments()).logits[:, -1]


def test_with_crops_who_joins_others_says_what_it_says_alone(parts, sees, mixed):
    model, tokenizer = parts
    texts = ["" for _ in mixed]

    def answer(row):
        def emit(piece, final):
            texts[row] += piece

        return Answer(tokenizer, Decoding(8), emit)

    together = continuous(model, tokenizer)
    for rows in ((0, 1), (2, 3), (4,)):
        together.join(sees.batch([mixed[row] for row in rows]), [answer(row) for row in rows])
        together.step()
    while len(together):
        together.step()
    assert texts == [answers(*parts, sees.batch([question]), 8)[0] for question in mixed]
