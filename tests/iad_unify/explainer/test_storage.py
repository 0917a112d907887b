"""Checkpoint folders: a stock Qwen3.5 becomes an explainer, and unusable folders say what to do."""

import json

import pytest
import torch
from transformers import Qwen3_5Config, Qwen3_5ForConditionalGeneration

from iad_unify.catalog import APPEARANCE_ROWS
from iad_unify.checkpoint import CheckpointError
from iad_unify.explainer.generation import answers
from iad_unify.explainer.prompt import PromptWriter
from iad_unify.explainer.storage import from_base, load, save
from iad_unify.explainer.tokenizer import train_tokenizer


@pytest.fixture
def stock_checkpoint(tmp_path, parts):
    """A checkpoint of the real class as one downloads it: no region token, no projection, bf16."""
    model, _ = parts
    tokenizer = train_tokenizer(["Where is the scratch?"])
    fields = json.loads(model.config.to_json_string())
    for name in [name for name in fields if name.startswith("region_")]:
        del fields[name]
    fields["text_config"]["vocab_size"] = len(tokenizer)
    torch.manual_seed(1)
    stock = Qwen3_5ForConditionalGeneration(Qwen3_5Config(**fields)).to(torch.bfloat16)
    stock.save_pretrained(tmp_path / "stock")
    # `<|region|>` is the last special token: rename it, so that the folder knows no region token
    tokenizer.save_pretrained(tmp_path / "stock")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        path = tmp_path / "stock" / file
        path.write_text(path.read_text(encoding="utf-8").replace("<|region|>", "<think>"), encoding="utf-8")
    return tmp_path / "stock", stock


def test_a_stock_qwen_becomes_an_explainer_with_a_fresh_projection(stock_checkpoint, ask, tmp_path):
    base, stock = stock_checkpoint
    model, tokenizer = from_base(str(base), token_dim=64, dtype=torch.float32)
    own = dict(model.model.language_model.layers.named_parameters())
    for name, weight in stock.model.language_model.layers.named_parameters():
        torch.testing.assert_close(own[name], weight.float())
    first = model.region_projection.appearance[0]
    assert abs(float(first.weight.std().detach()) * first.in_features**0.5 - 1) < 0.05
    assert torch.equal(model.region_projection.deviation, torch.ones(APPEARANCE_ROWS, 64))
    region = tokenizer.convert_tokens_to_ids("<|region|>")
    assert model.config.region_token_id == region < model.get_input_embeddings().num_embeddings

    writer = PromptWriter(tokenizer)
    batch = writer.batch([ask("Where is it?", 2)])
    assert tokenizer.decode(batch.input_ids[0]).endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    save(tmp_path / "saved", model, tokenizer, torch.bfloat16)
    loaded = load(tmp_path / "saved", dtype=torch.bfloat16)
    assert answers(*loaded, batch, 8) == answers(model.to(torch.bfloat16).eval(), tokenizer, batch, 8)


def test_a_folder_without_weights_names_what_is_missing(tmp_path):
    with pytest.raises(CheckpointError, match=r"config.json is missing; train one with `iad-unify train explainer"):
        load(tmp_path)


def test_a_stock_folder_is_refused_with_the_way_to_use_it(stock_checkpoint):
    with pytest.raises(CheckpointError, match=r"no region tokens; name it as --base"):
        load(stock_checkpoint[0])


def test_damaged_weights_are_a_checkpoint_error(parts, tmp_path):
    save(tmp_path, *parts, torch.float16)
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        load(tmp_path)


def test_a_base_that_is_not_there_is_a_checkpoint_error(tmp_path):
    with pytest.raises(CheckpointError, match="cannot be read"):
        from_base(str(tmp_path), token_dim=64)
