"""From options to a checkpoint and back: train, resume, refuse, evaluate."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from iad_unify.checkpoint import CheckpointError, UntrainedHead, read_card, write_card
from iad_unify.explainer import evaluation
from iad_unify.explainer.crop import AREAS_PX, FIELD, CropRule
from iad_unify.explainer.recipe import DEFAULT, Recipe
from iad_unify.explainer.session import Order, open_session
from iad_unify.explainer.storage import PROJECTION_HEAD, from_base, load, save
from iad_unify.explainer.training import Schedule
from iad_unify.serving.explainer import ExplainerService

SCHEDULE = Schedule(minutes=0, steps=2, batch=4, half=False)


def ignore(*values):
    return None


@pytest.fixture(scope="module")
def run(expert, tmp_path_factory):
    order = Order(expert, tmp_path_factory.mktemp("run"), drawings=16)
    session = open_session(order, SCHEDULE)
    session.trainer.run(ignore, session.checkpoint)
    return order, session.finish()


def test_a_finished_run_serves(run):
    order, card = run
    assert card.data == ("procedural",)
    assert card.steps == 2
    assert ExplainerService(order.out).model_version == card.model_version


def test_a_resumed_run_goes_on_and_a_changed_one_is_refused(run):
    order, _ = run
    again = open_session(replace(order, resume=True), replace(SCHEDULE, steps=3))
    assert again.trainer.done.steps == 2
    again.trainer.run(ignore, again.checkpoint)
    assert again.trainer.done.steps == 3
    with pytest.raises(CheckpointError, match="the run differs in: drawings"):
        open_session(replace(order, resume=True, drawings=24), SCHEDULE)


def test_there_is_no_run_to_resume_in_a_new_folder(expert, tmp_path):
    with pytest.raises(CheckpointError, match="no run to resume"):
        open_session(Order(expert, tmp_path, drawings=8, resume=True), SCHEDULE)


def test_the_report_has_every_mode_with_intervals_and_reaches_the_card(run, tmp_path):
    order, _ = run
    report = evaluation.evaluate(
        evaluation.Order(order.out, order.expert, tmp_path / "report.json", pictures=8, resamples=20, record=True)
    )
    assert json.loads((tmp_path / "report.json").read_text()) == report
    names = set(report["figures"])
    assert {
        "oracle_type",
        "oracle_location",
        "predicted_type",
        "none_location",
        "predicted_alert_not_contradicted",
    } <= names
    for one in report["figures"].values():
        assert one["ci"][0] <= one["value"] <= one["ci"][1]
    card = read_card(order.out)
    assert card.figures["oracle_type"].value == report["figures"]["oracle_type"]["value"]
    assert "iad-unify evaluate understanding" in card.figures["oracle_type"].command
    assert any("oracle_location" in line for line in evaluation.lines(report))


def test_a_full_size_checkpoint_is_trained_by_its_projection_alone(run, expert, tmp_path, parts):
    base = tmp_path / "base"
    save(base, *parts, parts[0].dtype)
    model, tokenizer = from_base(str(base), token_dim=64)
    save(tmp_path / "untrained", model, tokenizer, model.dtype)
    order = Order(expert, tmp_path / "out", config="full", base=str(base), drawings=8)
    session = open_session(order, SCHEDULE)
    card = session.finish()
    assert card.trained_heads == ()
    with pytest.raises(UntrainedHead, match=PROJECTION_HEAD):
        ExplainerService(order.out)
    session.trainer.run(ignore, session.checkpoint)
    assert session.finish().trained_heads == (PROJECTION_HEAD,)
    assert ExplainerService(order.out).card.config == "full"


def test_a_run_may_start_from_another_explainer_with_its_words(run, tmp_path):
    order = replace(run[0], out=tmp_path / "next", start_from=shutil.copytree(run[0].out, tmp_path / "donor"))
    write_card(order.start_from, replace(read_card(order.start_from), data=("lot_7",)))
    session = open_session(order, SCHEDULE)
    donor, tokenizer = load(order.start_from)
    assert session.tokenizer.get_vocab() == tokenizer.get_vocab()
    assert session.trainer.done.steps == 0
    weights = dict(session.model.named_parameters())
    for name, weight in donor.named_parameters():
        assert torch.equal(weights[name], weight)
    card = session.finish()
    assert card.data == ("lot_7", "procedural")  # it was trained on drawings, and descends from real parts
    assert "pictures of lot_7 and procedural" in card.note


def test_a_run_with_crops_says_so_and_one_that_goes_on_without_them_does_not(run, expert, tmp_path):
    plain = json.loads((run[0].out / "config.json").read_text())
    assert FIELD not in plain
    seen = {"drawings": 16, "keep": run[0].out / "state"}
    order = Order(expert, tmp_path / "sees", recipe=Recipe(crops=1.0), **seen)
    session = open_session(order, SCHEDULE)
    before = session.model.model.visual.pos_embed.weight.detach().clone()
    session.trainer.run(ignore, session.checkpoint)
    assert not torch.equal(session.model.model.visual.pos_embed.weight, before)
    card = session.finish()
    assert card.trained_heads == (PROJECTION_HEAD, "language_model", "vision_tower")
    assert "the frame" in card.note
    assert "--crops 1.0" in card.note
    assert json.loads((order.out / "config.json").read_text()) == plain | {FIELD: list(AREAS_PX["tiny"])}
    assert CropRule.of(load(order.out)[0].config) is not None
    assert open_session(replace(order, resume=True), SCHEDULE).trainer.done.steps == 2
    with pytest.raises(CheckpointError, match="the run differs in: crops"):
        open_session(replace(order, resume=True, recipe=DEFAULT), SCHEDULE)
    open_session(Order(expert, tmp_path / "next", start_from=order.out, **seen), SCHEDULE).finish()
    assert FIELD not in json.loads((tmp_path / "next" / "config.json").read_text())
