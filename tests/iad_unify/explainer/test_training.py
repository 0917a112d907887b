"""Training learns, resumes where it stopped, and leaves a pretrained language model alone when asked to."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from iad_unify.catalog import APPEARANCE_ROWS
from iad_unify.checkpoint import CheckpointError
from iad_unify.explainer.crop import AREAS_PX, CropRule
from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.prompt import PromptWriter, Question
from iad_unify.explainer.reads import Reads
from iad_unify.explainer.training import Example, Schedule, Trainer, answer_loss


def places(rng, count, progress=1.0):
    """A toy corpus: the answer follows from where the region is."""
    found = []
    for _ in range(count):
        geometry = rng.uniform(0.05, 0.95, size=(1, 5)).astype(np.float32)
        answer = "left" if geometry[0, 0] < 0.5 else "right"
        found.append(Example(Question("Where?", rng.normal(size=(1, APPEARANCE_ROWS, 64)), geometry), answer))
    return found


def trainer(parts, writer, whole=True, **changes):
    torch.manual_seed(0)
    schedule = Schedule(**({"minutes": 0, "steps": 8, "batch": 8, "warmup_steps": 1, "half": False} | changes))
    return Trainer(RegionQwen(copy.deepcopy(parts[0].config)), writer, places, schedule, whole)


def run(one, checkpoint=lambda: None):
    losses = []
    one.run(lambda done, share: losses.append(done.loss), checkpoint)
    return losses


def test_the_loss_falls(parts, writer):
    losses = run(trainer(parts, writer, steps=25))
    assert losses[-1] < 0.8 * losses[0]


def test_the_loss_is_that_of_the_stock_forward(parts, writer):
    examples = places(np.random.default_rng(0), 4)
    rows = [(writer.ids("Where?", 1), writer.answer_ids(one.answer)) for one in examples]
    batch = writer.training_batch([one.question for one in examples], rows)
    with torch.no_grad():
        ours, stock = answer_loss(parts[0], batch), parts[0](**batch.arguments()).loss
    torch.testing.assert_close(ours, stock, atol=1e-4, rtol=1e-4)


def test_a_resumed_run_goes_on_with_its_weights_and_its_optimizer(parts, writer, tmp_path):
    first = trainer(parts, writer, steps=4)
    run(first)
    first.save_state(tmp_path)
    second = trainer(parts, writer, steps=6)
    second.load_state(tmp_path)
    assert second.done.steps == 4
    for name, weight in second.learned.items():
        assert torch.equal(weight, first.learned[name])
    assert len(run(second)) == 2
    assert second.optimizer.state_dict()["adamw"]["state"][0]["step"] == 6


def test_there_is_nothing_to_resume_in_an_empty_folder(parts, writer, tmp_path):
    with pytest.raises(CheckpointError, match="no run to resume"):
        trainer(parts, writer).load_state(tmp_path)


def test_only_the_projection_learns_on_a_pretrained_language_model(parts, writer):
    one = trainer(parts, writer, whole=False, steps=2)
    before = {name: weight.detach().clone() for name, weight in one.model.named_parameters()}
    run(one)
    changed = {name for name, weight in one.model.named_parameters() if not torch.equal(weight, before[name])}
    assert changed
    assert all(name.startswith("region_projection.") for name in changed)


def shown_places(rng, count, progress=1.0):
    """The toy corpus with a picture beside every second question."""
    pictures = rng.integers(0, 256, (count, 96, 128, 3), dtype=np.uint8)
    examples = places(rng, count, progress)
    return [
        replace(one, question=replace(one.question, crop=pictures[index] if index % 2 else None))
        for index, one in enumerate(examples)
    ]


def test_the_vision_tower_learns_where_it_is_shown_crops_and_is_resumed(parts, writer, tmp_path):
    sees = PromptWriter(parts[1], Reads(crops=CropRule(*AREAS_PX["tiny"])))
    for shows, learns in ((sees, True), (writer, False)):
        torch.manual_seed(0)
        schedule = Schedule(minutes=0, steps=2, batch=4, warmup_steps=1, half=False)
        one = Trainer(RegionQwen(copy.deepcopy(parts[0].config)), shows, shown_places, schedule)
        before = {name: weight.detach().clone() for name, weight in one.model.named_parameters()}
        run(one)
        tower = [name for name in before if name.startswith("model.visual.")]
        moved = [name for name in tower if not torch.equal(one.model.get_parameter(name), before[name])]
        assert len(moved) == (len(tower) if learns else 0)
        assert any(name in one.learned for name in tower) is learns
        one.save_state(tmp_path)
        one.load_state(tmp_path)


def test_the_loss_with_crops_is_that_of_the_stock_forward(parts):
    sees = PromptWriter(parts[1], Reads(crops=CropRule(*AREAS_PX["tiny"])))
    examples = shown_places(np.random.default_rng(0), 4)
    rows = [(sees.prompt(one.question), sees.answer_ids(one.answer)) for one in examples]
    batch = sees.training_batch([one.question for one in examples], rows)
    with torch.no_grad():
        ours, stock = answer_loss(parts[0], batch), parts[0](**batch.arguments()).loss
    torch.testing.assert_close(ours, stock, atol=1e-4, rtol=1e-4)
