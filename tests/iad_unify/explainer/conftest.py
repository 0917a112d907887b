"""A small random explainer that writes varied text, shared by the tests of this folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerBase

from iad_unify.catalog import APPEARANCE_ROWS
from iad_unify.checkpoint import Card, write_card
from iad_unify.explainer import corpus
from iad_unify.explainer.generation import REPLACEMENT
from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.prompt import Batch, PromptWriter, Question
from iad_unify.explainer.storage import fresh_tiny
from iad_unify.region_expert.config import HEADS, ExpertConfig
from iad_unify.region_expert.model import create
from iad_unify.region_expert.model import save as save_expert
from iad_unify.types import DEFECT_TYPES

SENTENCES = (
    "There is a scratch at the top left.",
    "Where is the largest region?",
    "Two holes cover 1.5 % of the part.",
)


@pytest.fixture(scope="session")
def parts() -> tuple[RegionQwen, PreTrainedTokenizerBase]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, tokenizer = fresh_tiny(SENTENCES)
    with torch.no_grad():  # fresh weights are so small that every answer is one repeated token
        for name, weight in model.named_parameters():
            if weight.ndim == 2:
                weight.mul_(2.0 if "embed" in name else 4.0)
    return model, tokenizer


@pytest.fixture(scope="session")
def writer(parts: tuple[RegionQwen, PreTrainedTokenizerBase]) -> PromptWriter:
    return PromptWriter(parts[1])


@pytest.fixture(scope="session")
def uncached(parts: tuple[RegionQwen, PreTrainedTokenizerBase]) -> Callable[[RegionQwen, Batch, int], list[str]]:
    """Greedy answers by the model's own `generate`, which computes everything anew for each token."""
    tokenizer = parts[1]
    end = int(tokenizer.eos_token_id)

    def generated(model: RegionQwen, batch: Batch, max_tokens: int) -> list[str]:
        silent = [token for token in range(model.config.text_config.vocab_size) if not tokenizer.decode([token])]
        silent += [token for token in tokenizer.all_special_ids if token != end]
        ids = model.generate(
            **batch.arguments(), max_new_tokens=max_tokens, do_sample=False, use_cache=False, eos_token_id=end,
            pad_token_id=end, suppress_tokens=sorted({*silent} - {end}),
        )  # fmt: skip
        texts = tokenizer.batch_decode(ids[:, batch.input_ids.shape[1] :], skip_special_tokens=True)
        return [text.rstrip(REPLACEMENT) for text in texts]  # an unfinished character is no text

    return generated


@pytest.fixture
def ask() -> Callable[..., Question]:
    """Questions with random regions, the same in every order of the tests."""
    random = np.random.default_rng(3)

    def question(text: str, regions: int) -> Question:
        geometry = random.uniform(0.05, 0.9, size=(regions, 5)).astype(np.float32)
        return Question(text, random.normal(size=(regions, APPEARANCE_ROWS, 64)).astype(np.float32), geometry)

    return question


@pytest.fixture(scope="session")
def expert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A region expert with random weights and a proposal threshold that lets some regions through."""
    folder = tmp_path_factory.mktemp("expert")
    torch.manual_seed(0)
    model = create(ExpertConfig(trained_heads=HEADS))
    save_expert(model, folder)
    count = sum(weight.numel() for weight in model.parameters())
    write_card(folder, Card("region_expert", "tiny", count, (), 0, 0, 0.0, HEADS, {}, 0.5, 0.02, DEFECT_TYPES))
    return folder


@pytest.fixture(scope="session", autouse=True)
def short_tokenizer_training() -> Iterator[None]:
    """A few hundred sentences give the same code path as some thousands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "TOKENIZER_EXAMPLES", 200)
        yield
