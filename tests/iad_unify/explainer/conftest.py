"""A small random explainer that writes varied text, shared by the tests of this folder."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.prompt import PromptWriter, Question
from iad_unify.explainer.storage import fresh_tiny
from transformers import PreTrainedTokenizerBase

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
def ask() -> Callable[..., Question]:
    random = np.random.default_rng(3)

    def question(text: str, regions: int) -> Question:
        geometry = random.uniform(0.05, 0.9, size=(regions, 5)).astype(np.float32)
        return Question(text, random.normal(size=(regions, 2, 64)).astype(np.float32), geometry)

    return question
