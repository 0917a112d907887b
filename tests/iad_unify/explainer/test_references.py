"""Reference tokens: what a good part looks like at a region's place, and the difference, where a model was made for them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import Qwen3_5Config

from iad_unify.catalog import APPEARANCE_ROWS
from iad_unify.explainer.config import takes_references, tiny_config
from iad_unify.explainer.generation import answers, answers_to_all
from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.prompt import PromptWriter, Question
from iad_unify.explainer.reads import Reads
from iad_unify.explainer.storage import load, save
from iad_unify.explainer.training import answer_loss
from iad_unify.explainer.vllm import PromptEmbedder


@pytest.fixture(scope="module")
def compares(parts):
    """The model of the other tests with random branches for references, and a writer that shows them."""
    torch.manual_seed(1)
    model = RegionQwen(Qwen3_5Config.from_dict(parts[0].config.to_dict())).eval()
    model.load_state_dict(parts[0].state_dict())
    model.take_references()
    with torch.no_grad():
        for branch in (model.region_projection.reference, model.region_projection.difference):
            for weight in branch.parameters():
                weight.mul_(4.0)
    return model, PromptWriter(parts[1], Reads(references=True))


@pytest.fixture(scope="module")
def mixed():
    """Questions with references, without, and without regions."""
    random = np.random.default_rng(5)

    def asked(text, regions, compared):
        rows = random.normal(size=(2, regions, APPEARANCE_ROWS, 64)).astype(np.float32)
        geometry = random.uniform(0.05, 0.9, size=(regions, 5)).astype(np.float32)
        return Question(text, rows[0], geometry, rows[1] if compared else None)

    told = (("Where is it?", 2, True), ("How many regions are there on this part?", 9, False), ("What?", 1, True))
    return [*(asked(*one) for one in told), asked("Any?", 0, True)]


def test_each_region_takes_four_placeholders_with_a_reference_and_two_without(compares, mixed, parts):
    model, writer = compares
    batch = writer.batch(mixed)
    placeholders = (batch.input_ids == model.config.region_token_id).sum(dim=1)
    assert placeholders.tolist() == [8, 16, 4, 0]
    assert batch.reference.shape == (3, 3, 64)
    assert batch.referenced.tolist() == [True] * 2 + [False] * 8 + [True]
    assert batch.to("cpu").arguments().keys() == batch.arguments().keys()


def test_a_model_that_was_not_made_for_them_ignores_references(parts, writer, mixed):
    plain = [replace(one, reference=None) for one in mixed]
    assert writer.batch(mixed).reference is None
    assert torch.equal(writer.batch(mixed).input_ids, writer.batch(plain).input_ids)
    assert answers_to_all(*parts, mixed, 8) == answers_to_all(*parts, plain, 8)
    with pytest.raises(ValueError, match="not made for reference"):
        parts[0].region_projection.compare(torch.zeros(1, 3, 64), torch.zeros(1, 5), torch.zeros(1, 3, 64))


def test_without_references_it_answers_as_before_it_was_made_for_them(compares, parts, writer, mixed):
    model, compared = compares
    questions = [replace(one, reference=None) for one in mixed]
    assert answers(model, parts[1], compared.batch(questions), 12) == answers(*parts, writer.batch(questions), 12)


def test_cached_single_and_batched_answers_with_and_without_references_are_equal(compares, parts, mixed, uncached):
    model, writer = compares
    together = answers(model, parts[1], writer.batch(mixed), 12)
    assert together == uncached(model, writer.batch(mixed), 12)
    assert together == [answers(model, parts[1], writer.batch([one]), 12)[0] for one in mixed]
    assert answers_to_all(model, parts[1], mixed, 12) == together


@pytest.mark.parametrize("right", [False, True])
def test_padded_logits_equal_unpadded(compares, mixed, right):
    model, writer = compares

    def logits(questions):
        rows = [(writer.prompt(one), writer.answer_ids("There.")) for one in questions]
        batch = writer.training_batch(questions, rows) if right else writer.batch(questions)
        with torch.no_grad():
            return model(**batch.arguments()).logits

    for index, one in enumerate(mixed):
        alone, both = logits([one])[0], logits(mixed)[index]
        kept = both[: len(alone)] if right else both[-len(alone) :]
        torch.testing.assert_close(kept, alone, atol=5e-4, rtol=5e-4)


def test_the_reference_and_only_the_difference_to_it_reach_the_answer(compares, mixed):
    model, writer = compares
    one = mixed[0]
    tokens = model.region_projection.in_order
    moved = replace(one, appearance=one.appearance + 1, reference=one.reference + 1)
    whole, other = (tokens(**_regions(writer.batch([asked]))).unflatten(0, (2, 4)) for asked in (one, moved))
    torch.testing.assert_close(other[:, 3], whole[:, 3])  # the difference
    for kind in (0, 2):  # what is there, what a good part has there
        assert not torch.allclose(other[:, kind], whole[:, kind], atol=1e-2)
    torch.testing.assert_close(other[:, 1], whole[:, 1])  # the place


def _regions(batch):
    return {name: getattr(batch, name) for name in ("appearance", "geometry", "reference", "referenced")}


def test_reference_rows_must_be_as_many_as_regions_with_one(compares, mixed):
    batch = compares[1].batch(mixed)
    with pytest.raises(ValueError, match="2 reference rows for 3 regions"):
        compares[0](**batch.arguments() | {"reference": batch.reference[:2]})


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_trains_and_generates_at_both_precisions(compares, parts, mixed, dtype):
    writer = compares[1]
    torch.manual_seed(0)
    model = RegionQwen(compares[0].config).to(dtype)
    short = [one for one in mixed if len(one.geometry) < 9]
    rows = [(writer.prompt(one), writer.answer_ids("A scratch at the top left.")) for one in short]
    batch = writer.training_batch(short, rows)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for _ in range(4):
        loss = model(**batch.arguments()).loss
        torch.testing.assert_close(answer_loss(model, batch), loss, atol=0.05, rtol=0.05)
        loss.backward()
        assert all(weight.grad is not None for weight in model.region_projection.parameters())
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.05
    assert len(answers(model.eval(), parts[1], writer.batch(mixed), 4)) == len(mixed)


def test_a_saved_model_still_takes_references_and_answers_the_same(compares, parts, mixed, tmp_path):
    model, writer = compares
    save(tmp_path, model, parts[1], torch.float32)
    loaded, tokenizer = load(tmp_path)
    assert takes_references(loaded.config)
    assert answers(loaded, tokenizer, writer.batch(mixed), 12) == answers(model, parts[1], writer.batch(mixed), 12)


def test_a_configuration_without_them_starts_with_the_same_weights_as_ever(parts):
    config = tiny_config(parts[1])
    assert not takes_references(config)
    assert not hasattr(config, "region_reference")
    assert not any("reference" in name or "difference" in name for name in RegionQwen(config).state_dict())


def test_prompts_for_vllm_are_embedded_with_their_references(compares, mixed):
    model, writer = compares
    embedder = PromptEmbedder(model.config)
    embedder.embed_tokens.weight = model.get_input_embeddings().weight
    embedder.region_projection.load_state_dict(model.region_projection.state_dict())
    batch = writer.batch(mixed)
    with torch.no_grad():
        expected = model.embed(batch.input_ids, **_regions(batch))
    for row, found in enumerate(embedder(batch)):
        torch.testing.assert_close(found, expected[row, -len(found) :])
