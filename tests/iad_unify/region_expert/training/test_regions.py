"""Which regions the heads are shown in training."""

import numpy as np
import pytest
import torch

from iad_unify.data.truth import MADE_UP
from iad_unify.region_expert.config import ExpertConfig
from iad_unify.region_expert.squares import Labelled, collate
from iad_unify.region_expert.training import regions

CONFIG = ExpertConfig(type_slugs=("scratch", "hole"), smoothing_px=0.0)
SCRATCH, HOLE = 1, 2


@pytest.fixture
def labels() -> np.ndarray:
    """A thin scratch above and a hole below it."""
    plane = np.zeros((64, 64), np.uint8)
    plane[10, 5:50] = SCRATCH
    plane[40:46, 20:26] = HOLE
    return plane


def drawn(labels: np.ndarray, probability: np.ndarray, rounds: int = 60) -> list[regions.TrueRegion]:
    square = Labelled(np.zeros((64, 64, 3), np.uint8), labels, np.ones((64, 64), bool))
    rng = np.random.default_rng(0)
    return [one for _ in range(rounds) for one in regions.regions_of(collate([square]), probability[None], rng, CONFIG)]


def test_a_defect_is_shown_as_its_mask_and_as_it_would_be_proposed(labels: np.ndarray) -> None:
    probability = np.zeros((64, 64), np.float32)
    probability[8:13, 5:50] = 0.9  # a wide band on the thin scratch, and nothing on the hole
    found = drawn(labels, probability)
    areas = {kind: {int(one.mask.sum()) for one in found if one.kind == kind} for kind in (0, 1)}
    assert areas == {0: {45, 5 * 45}, 1: {36}}
    wide = np.mean([one.mask.sum() > 45 for one in found if one.kind == 0])
    assert 0.4 < wide < 0.8


def test_a_proposal_that_holds_two_defects_is_shown_for_neither_but_the_larger(labels: np.ndarray) -> None:
    found = drawn(labels, np.full((64, 64), 0.9, np.float32))
    areas = {kind: {int(one.mask.sum()) for one in found if one.kind == kind} for kind in (0, 1)}
    assert areas == {0: {45, 64 * 64}, 1: {36}}


def test_nothing_is_proposed_outside_the_content() -> None:
    labels = np.zeros((64, 64), np.uint8)
    labels[30:34, 30:34] = MADE_UP
    square = Labelled(np.zeros((64, 64, 3), np.uint8), labels, np.zeros((64, 64), bool))
    square.content[:, :40] = True
    probability = np.full((1, 64, 64), 0.9, np.float32)
    rng = np.random.default_rng(0)
    batch = collate([square])
    assert torch.equal(batch.content[0], torch.from_numpy(square.content))
    found = [one for _ in range(40) for one in regions.regions_of(batch, probability, rng, CONFIG)]
    assert {one.kind for one in found} == {len(CONFIG.type_slugs)}  # "unknown"
    assert {int(one.mask.sum()) for one in found} == {16, 64 * 40}
    assert all(one.margins is None for one in found)
