"""The ladder from pictures to a report: drawings, a folder, checkpoints trained without regions, refusals."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from iad_unify.checkpoint import CheckpointError, model_version
from iad_unify.data.samples import DataError
from iad_unify.explainer.ladder import measure
from iad_unify.explainer.ladder.asking import questions_of
from iad_unify.explainer.ladder.figures import of_expert
from iad_unify.explainer.ladder.settings import OF_ONE, Setting, asking, others
from iad_unify.explainer.ladder.views import Viewer, drawings, views_of
from iad_unify.explainer.recipe import Recipe, write_recipe
from iad_unify.explainer.sightings import Spotter
from iad_unify.explainer.storage import write_random_checkpoint
from iad_unify.language.scoring import correct
from iad_unify.procedural import draw_random
from iad_unify.region_expert.evaluation.resampling import Resampling


@pytest.fixture(scope="module")
def views(expert):
    torch.set_num_threads(1)
    return views_of(Viewer(expert), drawings("test", 0, 10))


@pytest.fixture(scope="module")
def explainer(tmp_path_factory):
    return write_random_checkpoint(tmp_path_factory.mktemp("explainer"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set of drawings, two pictures a group."""
    place, rows = tmp_path_factory.mktemp("data"), []
    for index in range(8):
        drawing = draw_random(np.random.default_rng(index), 256, good_share=0.0)
        mask = np.any([defect.mask for defect in drawing.defects], axis=0)
        cv2.imwrite(str(place / f"{index}.png"), drawing.image)
        cv2.imwrite(str(place / f"{index}-mask.png"), mask.astype(np.uint8) * 255)
        slug = drawing.defects[0].defect_type if index else "warp"  # of which the explainer has no word
        rows.append(
            {"image": f"{index}.png", "mask": f"{index}-mask.png", "defect_type": slug, "group": f"g{index // 2}"}
        )
    (place / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


def test_the_oracle_is_what_the_explainer_trains_on(views, expert):
    seen = Spotter(expert, 0.02).see("test", 0, [int(view.group) for view in views])
    for view, sighting in zip(views, seen, strict=True):
        assert len(sighting.oracle.rles) == 1
        np.testing.assert_allclose(view.oracle.appearance, sighting.oracle.appearance[0], atol=0.02)
        np.testing.assert_array_equal(view.oracle.geometry, sighting.oracle.geometry[0])


def test_one_question_in_every_setting_and_only_the_region_differs(views):
    mean = np.zeros(views[0].oracle.appearance.shape, np.float32)
    view, other = views[0], others(views)[0]
    given = {setting: asking(setting, "Where?", view, other, mean) for setting in OF_ONE}
    assert {one.text for setting, one in given.items() if setting is not Setting.TEXT} == {"Where?"}
    assert given[Setting.TEXT].text.endswith("Where?")
    assert [len(given[setting].geometry) for setting in (Setting.NONE, Setting.TEXT)] == [0, 0]
    assert given[Setting.WHOLE].geometry.tolist() == [[0.5, 0.5, 1.0, 1.0, 1.0]]
    assert np.array_equal(given[Setting.GEOMETRY].geometry, given[Setting.ORACLE].geometry)
    assert not given[Setting.GEOMETRY].appearance.any()
    assert other.fact.cell != view.fact.cell


def test_what_the_expert_says_counts_where_it_proposes_and_where_there_is_a_word_for_it(views):
    truth = views[0].fact.defect_type
    right = replace(views[0], oracle=replace(views[0].oracle, named=truth), known_type=True)
    seen = [
        replace(right, predicted=replace(right.oracle, named=truth)),
        replace(right, predicted=replace(right.oracle, named="warp")),
        replace(right, predicted=None),
        replace(right, known_type=False),
    ]
    found = of_expert(seen, Resampling.of(["a", "b", "c", "d"], 20))
    assert found["S1"]["type"] == 100
    assert found["S2"]["type"] == pytest.approx(100 / 3)
    assert all(view.oracle.named for view in views)


def test_a_true_answer_is_right_and_no_question_counts_on_a_numbered_region(views):
    for examples in questions_of(views, 0):
        for one in examples:
            assert correct(one, one.answer)
            assert "region 1" not in one.question


def test_the_report_has_every_setting_in_percent_and_a_chart(explainer, expert, tmp_path):
    order = measure.Order(
        explainer, expert, "procedural:test", tmp_path / "ladder.json", pictures=10, resamples=20, plots=tmp_path
    )
    shares = []
    report = measure.evaluate(order, shares.append)
    assert shares == sorted(shares)
    assert json.loads((tmp_path / "ladder.json").read_text()) == report
    assert set(report["settings"]) == {str(setting) for setting in OF_ONE}
    for one in report["settings"].values():
        assert {"location", "location_ci", "type", "type_ci", "n", "location_soft", "type_contains"} <= set(one)
        assert 0 <= one["location"] <= one["location_soft"] <= 100
    assert 100 / 9 <= report["majority_location"] <= 100
    assert report["settings"]["wrong_region"]["location_follows_ci"]
    assert [sorted(report["expert_type"][setting]) for setting in ("S1", "S2")] == [["type", "type_ci"]] * 2
    assert report["expert"] == model_version(expert)
    assert set(report["differences"]) == {"S1-S2", "S2-S3", "S2-S4"}
    assert any(line.startswith("S3") for line in measure.lines(report))
    assert (tmp_path / "ladder.png").stat().st_size > 1000


def test_a_folder_is_asked_by_group_and_words_that_are_lacking_are_not_asked_for(explainer, expert, folder, tmp_path):
    order = measure.Order(explainer, expert, str(folder), tmp_path / "ladder.json", resamples=20)
    report = measure.evaluate(order)
    assert (report["views"], report["groups"], report["resampled_by"]) == (8, 4, "group")
    assert report["settings"]["S1"]["type_n"] == 7
    assert report["data"] == folder.name


def test_checkpoints_trained_without_regions_are_asked_as_they_were_trained(explainer, expert, tmp_path):
    seeds = [write_random_checkpoint(tmp_path / f"none-{seed}", seed=seed) for seed in (1, 2)]
    whole = write_random_checkpoint(tmp_path / "whole", seed=3)
    for place in seeds:
        write_recipe(place, Recipe(regions="none"))
    write_recipe(whole, Recipe(regions="whole"))
    order = measure.Order(
        explainer, expert, "procedural:test", tmp_path / "r.json", pictures=10, resamples=20, without=(*seeds, whole)
    )
    report = measure.evaluate(order)
    assert len(report["settings"]["S4t"]["checkpoints"]) == 2
    assert report["settings"]["S3t"]["n"] == report["settings"]["S1"]["n"]
    assert {"S2-S3t", "S2-S4t"} <= set(report["differences"])
    assert report["settings"]["S4t"]["steps"] == [report["steps"]] * 2
    assert not any("not a fair control" in line for line in measure.lines(report))
    longer = report | {"steps": report["steps"] + 1}
    assert sum("not a fair control" in line for line in measure.lines(longer)) == 2
    with pytest.raises(CheckpointError, match="it saw regions"):
        measure.evaluate(replace(order, without=(explainer,)))


def test_what_does_not_fit_is_refused(expert, tmp_path):
    strange = write_random_checkpoint(tmp_path / "strange", token_dim=32)
    order = measure.Order(strange, expert, "procedural:test", tmp_path / "r.json", pictures=8)
    with pytest.raises(CheckpointError, match="reads other region tokens"):
        measure.evaluate(order)
    with pytest.raises(DataError):
        measure.evaluate(replace(order, data=str(tmp_path)))
