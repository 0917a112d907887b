"""Learning from a data set: proposals by the expert that held a picture's group out, tokens by the one that serves."""

import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from iad_unify.checkpoint import read_card, write_card
from iad_unify.data.samples import DataError
from iad_unify.explainer.collected import GROUPS, Collector, Pictures, covered, held_out
from iad_unify.explainer.recipe import NAME, Recipe, recipe_of
from iad_unify.explainer.session import Order, open_session
from iad_unify.explainer.sightings import Spotter
from iad_unify.explainer.training import Schedule
from iad_unify.procedural import draw_random
from iad_unify.region_expert.config import HEADS
from iad_unify.region_expert.model import create, load, save
from iad_unify.types import DEFECT_TYPES, UNKNOWN


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place, rows = tmp_path_factory.mktemp("data"), []
    for index in range(6):
        drawing = draw_random(np.random.default_rng(index), 256, good_share=0.0)
        mask = np.any([defect.mask for defect in drawing.defects], axis=0)
        cv2.imwrite(str(place / f"{index}.png"), drawing.image)
        cv2.imwrite(str(place / f"{index}-mask.png"), mask.astype(np.uint8) * 255)
        slug = drawing.defects[0].defect_type if index else "warp"
        rows.append({"image": f"{index}.png", "mask": f"{index}-mask.png", "defect_type": slug, "group": f"g{index}"})
    (place / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


def fold(expert, place, test, threshold=0.02):
    shutil.copytree(expert, place)
    (place / GROUPS).write_text(json.dumps({"train": ["g9"], "validation": [], "test": test}))
    write_card(place, replace(read_card(place), proposal_threshold=threshold))
    return place


@pytest.fixture(scope="module")
def folds(expert, tmp_path_factory):
    place = tmp_path_factory.mktemp("folds")
    blind = fold(expert, place / "b", ["g2", "g3", "g4"], threshold=0.9999)  # it proposes nothing
    return fold(expert, place / "a", ["g0", "g1"]), blind


def test_each_group_is_proposed_on_by_the_fold_that_held_it_out(expert, folder, folds):
    collector = Collector(expert, 0.02, folds)
    those = covered(Pictures(str(folder)).samples(), folds)
    assert [sample.group for sample in those] == ["g0", "g1", "g2", "g3", "g4"]  # no fold held g5 out
    seen = [collector.collect(sample)[0] for sample in those]
    assert all(one.predicted.rles for one in seen[:2])
    assert not any(one.predicted.rles for one in seen[2:])
    assert seen[0].oracle.drawn_types == (UNKNOWN,)  # of a type that the explainer has no word for
    assert seen[1].oracle.type_logits.shape == (1, len(DEFECT_TYPES) + 1)


def test_a_fold_cuts_its_regions_as_it_would_serve_them(expert, folder, tmp_path):
    place = fold(expert, tmp_path / "wide", ["g0"], threshold=0.1)
    config = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps(config | {"merge_gap_px": 25, "grow_share": 0.5}))
    asked = []
    collector = Collector(expert, 0.02, [place])
    collector._predicted = lambda drawing, frame, proposing, level: (
        asked.append(level) or Spotter._predicted(collector, drawing, frame, proposing, level)
    )
    collector.collect(Pictures(str(folder)).samples()[0])
    assert [(level.threshold, level.merge_gap_px, level.grow_share) for level in asked] == [(0.1, 25, 0.5)]
    assert (collector.level.merge_gap_px, collector.level.grow_share) == (5, 1.0)


def compares(place):
    """The expert, said to compare with templates, with random weights for it."""
    model = create(replace(load(place).config, template=True, trained_heads=HEADS))
    with torch.no_grad():
        for value in model.parameters():
            value.add_(torch.randn_like(value) * 0.05)
    shutil.rmtree(place)
    save(model, place, model.config)
    return place


def test_an_expert_that_compares_sees_the_template_and_so_does_the_fold(expert, folder, tmp_path):
    torch.manual_seed(0)
    card = (expert / "card.json").read_text()
    reads, proposes = (compares(shutil.copytree(expert, tmp_path / name)) for name in ("reads", "proposes"))
    for place in (reads, proposes):
        (place / "card.json").write_text(card)
    (proposes / GROUPS).write_text(json.dumps({"train": ["g9"], "validation": [], "test": ["g0"]}))
    write_card(proposes, replace(read_card(proposes), proposal_threshold=0.02))
    alone = Pictures(str(folder)).samples()[0]
    rgb = cv2.imread(str(folder / "0.png"))[..., ::-1]
    cv2.imwrite(str(tmp_path / "golden.png"), np.full_like(rgb, 90))
    beside = replace(alone, template=tmp_path / "golden.png")
    collector = Collector(reads, 0.02, [proposes])
    without, seen = (collector.collect(sample)[0] for sample in (alone, beside))
    assert without.oracle.reference is None
    assert seen.oracle.reference.shape == seen.oracle.appearance.shape
    assert not np.array_equal(without.oracle.appearance, seen.oracle.appearance)
    assert without.predicted.rles != seen.predicted.rles
    cv2.imwrite(str(tmp_path / "golden.png"), np.full((8, 9, 3), 90, np.uint8))
    with pytest.raises(DataError, match=f"a template of 9x8 for {rgb.shape[1]}x{rgb.shape[0]}"):
        collector.collect(beside)


def test_a_group_that_two_folds_hold_out_is_refused(expert, folds, tmp_path):
    third = fold(expert, tmp_path / "c", ["g1"])
    with pytest.raises(DataError, match="group g1 is held out by another fold too"):
        held_out([*folds, third])


def test_a_run_on_a_folder_names_its_data_and_its_recipe(expert, folder, folds, tmp_path):
    pictures = Pictures(str(folder), folds=folds)
    order = Order(expert, tmp_path / "run", recipe=Recipe("joint"), pictures=pictures)
    schedule = Schedule(minutes=0, steps=2, batch=4, half=False)
    session = open_session(order, schedule)
    session.trainer.run(lambda done, share: None, session.checkpoint)
    card = session.finish()
    assert card.data == (folder.name,)
    assert "--schedule joint --fold-expert FOLD --fold-expert FOLD" in card.note
    assert (order.out / NAME).is_file()
    assert recipe_of(order.out) == Recipe("joint")
    assert open_session(replace(order, resume=True), schedule).trainer.done.steps == 2


def test_nothing_to_learn_from_is_said(expert, folder, folds, tmp_path):
    only = fold(expert, tmp_path / "d", ["elsewhere"])
    order = Order(expert, tmp_path / "run", pictures=Pictures(str(folder), folds=(only,)))
    with pytest.raises(DataError, match="no defect with a mask or boxes"):
        open_session(order, Schedule(minutes=0, steps=1))


def test_the_pictures_of_a_data_set_are_shown_beside_its_regions(expert, folder, folds, tmp_path):
    recipe = Recipe("joint", crops=1.0)
    order = Order(expert, tmp_path, recipe=recipe, pictures=Pictures(str(folder), folds=folds))
    session = open_session(order, Schedule(minutes=0, steps=1, batch=4, half=False))
    shown = [one.question.crop for one in session.trainer.supply(np.random.default_rng(0), 20, 0.5)]
    assert {crop.shape for crop in shown} == {(128, 128, 3)}
    pictures = {cv2.imread(str(path))[..., ::-1].mean().round() for path in folder.glob("?.png")}
    assert all(np.min(np.abs(np.array([*pictures]) - crop.mean())) < 1 for crop in shown)
    assert (tmp_path / "state" / "frames-train.npz").is_file()
