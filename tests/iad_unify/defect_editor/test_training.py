"""Pairs, the trainer, and runs that stop and go on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from iad_unify.catalog import APPEARANCE_ROWS
from iad_unify.checkpoint import CheckpointError
from iad_unify.defect_editor.condition import Backbone, Reference
from iad_unify.defect_editor.config import EditorConfig
from iad_unify.defect_editor.flow import FlowEditor
from iad_unify.defect_editor.pairs import PairSet, drawings, prepare
from iad_unify.defect_editor.training import Progress, Schedule, Trainer, averaged_model
from iad_unify.types import DEFECT_TYPES


def find(image: np.ndarray, mask: np.ndarray) -> Reference:
    return Reference(np.full((1, APPEARANCE_ROWS, 8), image.mean(), np.float16), np.zeros((1, 5), np.float32))


@pytest.fixture(scope="module")
def pairs(backbone: Backbone) -> PairSet:
    return prepare(20, 0, 32, backbone, find)


def test_training_drawings_have_one_defect_each_and_every_type_in_turn() -> None:
    kinds = [drawing.defects[0].defect_type for drawing in drawings(10, 0)]
    assert kinds == list(DEFECT_TYPES)


def test_targets_differ_from_clean_crops_inside_the_allowed_area_only(pairs: PairSet) -> None:
    assert len(pairs) == 40
    differs = (pairs.clean != pairs.target).any(3)
    assert not (differs & ~pairs.allowed).any()
    assert differs.any((1, 2)).mean() > 0.8


def test_a_batch_has_matching_rows(pairs: PairSet) -> None:
    crops, target, keep = pairs.batch(np.random.default_rng(0), 6)
    assert crops.clean.shape == target.shape == (6, 3, 32, 32)
    assert crops.hidden.shape[:2] == crops.real.shape
    assert keep.dtype == torch.bool
    outside = crops.allowed.expand_as(target) == 0
    assert torch.equal(crops.clean[outside], target[outside])


def test_references_steer_some_rows(pairs: PairSet) -> None:
    row = next(iter(pairs.referenced))
    drawn = [pairs._states(row, np.random.default_rng(seed)) for seed in range(30)]
    assert 2 < sum(one is pairs.referenced[row] for one in drawn) < 28


def new_trainer(config: EditorConfig, pairs: PairSet, steps: int) -> Trainer:
    torch.manual_seed(0)
    return Trainer(FlowEditor(config), pairs, Schedule(minutes=0, steps=steps, batch=4, half=False))


def test_a_run_ends_after_its_steps_and_averages_the_weights(small_config: EditorConfig, pairs: PairSet) -> None:
    trainer = new_trainer(small_config, pairs, 4)
    seen: list[int] = []
    trainer.run(lambda done, share: seen.append(done.steps), lambda: None)
    assert seen == [1, 2, 3, 4]
    weight = "network.conv_in.weight"
    assert not torch.equal(trainer.tensors[weight], trainer.learned[weight])
    assert torch.equal(dict(averaged_model(trainer).learned())[weight], trainer.tensors[weight])


def test_an_interrupted_run_goes_on_where_it_stopped(
    small_config: EditorConfig, pairs: PairSet, tmp_path: Path
) -> None:
    first = new_trainer(small_config, pairs, 6)

    def stop(done: Progress, share: float) -> None:
        if done.steps == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        first.run(stop, lambda: None)
    first.save_state(tmp_path)
    second = new_trainer(small_config, pairs, 6)
    second.load_state(tmp_path)
    assert second.done == first.done
    for name, tensor in first.tensors.items():
        assert torch.equal(second.tensors[name], tensor)
    second.run(lambda done, share: None, lambda: None)
    assert second.done.steps == 6


def test_resuming_nothing_is_refused(small_config: EditorConfig, pairs: PairSet, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no run to resume"):
        new_trainer(small_config, pairs, 1).load_state(tmp_path)


def test_the_learning_rate_warms_up_and_falls() -> None:
    schedule = Schedule(minutes=1, warmup_steps=10)
    rates = [schedule.rate(0, 0.0), schedule.rate(20, 0.1), schedule.rate(500, 0.99)]
    assert rates[0] < rates[2] * 10
    assert rates[1] > 10 * rates[2]
    assert schedule.progress(10**6, 0.5) == 0.5
    assert Schedule(minutes=10, steps=100).progress(50, 9) == 0.9
