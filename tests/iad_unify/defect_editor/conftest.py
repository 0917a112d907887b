"""Small real editors and a stand-in backbone of the right shapes."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from iad_unify.defect_editor.condition import Reference
from iad_unify.defect_editor.config import EditorConfig
from iad_unify.defect_editor.flow import FlowEditor

HIDDEN = 24
SMALL = EditorConfig(
    name="small", crop=32, condition_size=16, block_channels=(8, 16, 16), attention_heads=2, norm_groups=4
).trained_with(HIDDEN, "explainer000", "expert000000")


class DrawnBackbone:
    """States drawn from the text, so that equal texts have equal states; references change them."""

    model_version = "explainer000"
    hidden_size = HIDDEN

    def states(self, texts: Sequence[str], references: Sequence[Reference | None]) -> list[np.ndarray]:
        return [self._one(text, reference) for text, reference in zip(texts, references, strict=True)]

    def _one(self, text: str, reference: Reference | None) -> np.ndarray:
        rng = np.random.default_rng(list(text.encode()))
        states = rng.standard_normal((len(text.split()) + 2, HIDDEN)).astype(np.float32)
        return states if reference is None else states + float(reference.appearance.mean())


@pytest.fixture(scope="session")
def backbone() -> DrawnBackbone:
    return DrawnBackbone()


@pytest.fixture
def small_config() -> EditorConfig:
    return SMALL


@pytest.fixture
def small_editor() -> FlowEditor:
    """Random weights that do change pixels: a fresh editor predicts no change."""
    torch.manual_seed(0)
    model = FlowEditor(SMALL)
    torch.nn.init.normal_(model.network.conv_out.weight, std=0.2)
    return model.eval()
