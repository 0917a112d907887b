"""Drawings beside their golden template: the same drawings, rows of the template at the regions, half of the examples."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from iad_unify.checkpoint import CheckpointError, model_version
from iad_unify.data.samples import DataError
from iad_unify.explainer import evaluation, sightings_file
from iad_unify.explainer.collected import Pictures
from iad_unify.explainer.compared import Comparing, golden
from iad_unify.explainer.config import takes_references
from iad_unify.explainer.corpus import Corpus
from iad_unify.explainer.recipe import Recipe
from iad_unify.explainer.referenced import Referenced
from iad_unify.explainer.session import Order, open_session
from iad_unify.explainer.sightings import Spotter, drawn, gather
from iad_unify.explainer.storage import load
from iad_unify.explainer.training import Schedule
from iad_unify.region_expert import model as region_expert
from iad_unify.serving.explainer import ExplainerService

SCHEDULE = Schedule(minutes=0, steps=2, batch=4, half=False)


@pytest.fixture(scope="module")
def seen(expert):
    return gather(Spotter(expert, 0.02), "train", 0, 12)


@pytest.fixture(scope="module")
def compared(expert):
    return gather(Comparing(expert, 0.02), "train", 0, 12)


def test_the_same_drawings_are_seen_and_every_region_has_the_rows_of_the_template(seen, compared):
    for plain, one in zip(seen, compared, strict=True):
        assert one.oracle.rles == plain.oracle.rles
        np.testing.assert_array_equal(one.oracle.appearance, plain.oracle.appearance)  # this expert takes no template
        assert plain.oracle.reference is None
        for regions in (one.oracle, one.predicted):
            assert regions.reference.shape == regions.appearance.shape
    rows = np.concatenate([one.oracle.reference - one.oracle.appearance for one in compared])
    assert (np.abs(rows).max(axis=(1, 2)) > 0.01).all()


def test_an_expert_that_takes_templates_is_given_them(expert, tmp_path):
    torch.manual_seed(0)
    config = replace(region_expert.load(expert).config, template=True)
    region_expert.save(region_expert.RegionExpert(config), tmp_path, config)
    (tmp_path / "card.json").write_bytes((expert / "card.json").read_bytes())
    alone, beside = (kind(tmp_path, 0.02).see("train", 0, [1])[0] for kind in (Spotter, Comparing))
    assert alone.oracle.rles == beside.oracle.rles
    assert not np.allclose(alone.oracle.appearance, beside.oracle.appearance, atol=1e-2)
    assert not np.allclose(beside.oracle.reference, beside.oracle.appearance, atol=1e-2)


def test_a_template_is_another_picture_of_the_same_part_and_always_the_same():
    clean = drawn("train", 0, 1).clean
    np.testing.assert_array_equal(golden(clean), golden(clean.copy()))
    apart = np.abs(golden(clean).astype(int) - clean).mean()
    assert 0.5 < apart < 20


@pytest.mark.parametrize("older", [False, True])
def test_the_file_keeps_the_rows_and_one_without_has_none(seen, compared, older, tmp_path):
    for name, sightings in (("with", compared), ("without", seen)):
        sightings_file.write(tmp_path / f"{name}.npz", "key", sightings)
        if older and name == "without":  # one that was written before there were references
            arrays = dict(np.load(tmp_path / f"{name}.npz"))
            del arrays["reference"]
            np.savez_compressed(tmp_path / f"{name}.npz", **arrays)
        back = sightings_file.read(tmp_path / f"{name}.npz", "key")
        for one, before in zip(back, sightings, strict=True):
            if before.oracle.reference is None:
                assert one.oracle.reference is one.predicted.reference is None
            else:
                assert np.array_equal(one.oracle.reference, before.oracle.reference)
                assert np.array_equal(one.predicted.reference, before.predicted.reference)


@pytest.mark.parametrize("progress", [0.0, 0.5])
def test_half_of_the_examples_show_references(seen, compared, progress):
    drawn_ones = Referenced(seen, compared).draw(np.random.default_rng(0), 400, progress)
    asked = [one.question for one in drawn_ones if len(one.question.geometry)]
    shown = [one for one in asked if one.reference is not None]
    assert 0.4 < len(shown) / len(asked) < 0.6
    assert all(one.reference.shape == one.appearance.shape for one in shown)
    plain = Corpus(seen).draw(np.random.default_rng(0), 40, progress)
    assert not any(one.question.reference is not None for one in plain)


def test_a_run_with_references_serves_goes_on_and_starts_like_one_without(expert, tmp_path):
    order = Order(expert, tmp_path / "with", drawings=12, recipe=Recipe(references=True), keep=tmp_path / "kept")
    session = open_session(order, SCHEDULE)
    plain = open_session(replace(order, out=tmp_path / "without", recipe=Recipe()), SCHEDULE)
    started = session.model.state_dict()
    for name, weight in plain.model.state_dict().items():
        assert torch.equal(started[name], weight), name
    assert session.tokenizer.get_vocab() == plain.tokenizer.get_vocab()
    session.trainer.run(lambda *told: None, session.checkpoint)
    card = session.finish()
    assert "--references" in card.note
    assert ExplainerService(order.out).model_version == card.model_version == model_version(order.out)
    assert takes_references(load(order.out)[0].config)
    again = open_session(replace(order, resume=True), replace(SCHEDULE, steps=3))
    again.trainer.run(lambda *told: None, again.checkpoint)
    assert again.trainer.done.steps == 3
    asked = evaluation.Order(order.out, expert, tmp_path / "report.json", pictures=8, resamples=20, references=True)
    report = evaluation.evaluate(asked)
    assert "--references" in report["command"]
    assert report["figures"].keys() == evaluation.evaluate(replace(asked, references=False))["figures"].keys()
    plain.finish()
    with pytest.raises(CheckpointError, match="trained without references"):
        evaluation.evaluate(replace(asked, checkpoint=tmp_path / "without"))
    further = replace(order, out=tmp_path / "further", start_from=tmp_path / "without")
    assert takes_references(open_session(further, SCHEDULE).model.config)


def test_a_data_set_has_no_references_to_learn_from(expert, tmp_path):
    order = Order(expert, tmp_path, recipe=Recipe("gt", references=True), pictures=Pictures("parts"))
    with pytest.raises(DataError, match="drawings alone"):
        open_session(order, SCHEDULE)
