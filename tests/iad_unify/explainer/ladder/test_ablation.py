"""The table of schedules: interrupted and gone on with, nothing done twice, differences between arms."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from iad_unify.checkpoint import CheckpointError, UntrainedHead
from iad_unify.data.samples import DataError
from iad_unify.explainer.collected import Pictures
from iad_unify.explainer.ladder import ablation
from iad_unify.serving.explainer import ExplainerService


def train(name, session):
    session.trainer.run(lambda done, share: None, session.checkpoint)
    return True


@pytest.fixture(scope="module")
def order(expert, tmp_path_factory):
    torch.set_num_threads(1)
    return ablation.Order(
        expert,
        tmp_path_factory.mktemp("table"),
        steps=1,
        seeds=1,
        arms=("gt", "joint", "S3t", "S4t"),
        drawings=8,
        views=8,
        batch=4,
        resamples=20,
    )


def test_an_interrupted_table_lists_what_is_left_and_goes_on(order):
    trained = []

    def stopping(name, session):
        trained.append(name)
        return train(name, session) and name != "joint-0"

    first = ablation.run(order, stopping)
    assert trained == ["gt-0", "joint-0"]
    assert first["unfinished"] == ["joint-0", "S3t-0", "S4t-0"]
    assert list(first["arms"]) == ["gt"]
    trained.clear()
    result = ablation.run(order, lambda name, session: trained.append(name) or train(name, session))
    assert trained == ["joint-0", "S3t-0", "S4t-0"]
    assert result["unfinished"] == []
    assert json.loads((order.out / "report.json").read_text()) == result
    settings = result["arms"]["joint"]["settings"]
    assert {"S1", "S2", "oracle_iou_90", "oracle_iou_70", "oracle_iou_50", "S3", "S4"} == set(settings)
    assert len(settings["S2"]["location_by_seed"]) == 1
    assert list(result["arms"]["S3t"]["settings"]) == ["S3t"]
    gaps = result["differences"]
    assert {"joint - gt, S1", "joint - gt, S2", "joint - S3t, S2", "joint - S4t, S2"} <= set(gaps)
    assert (result["data"], result["split"], result["batch"], result["resamples"]) == ("procedural:test", "test", 4, 20)
    assert result["resampled_by"]
    assert "--data procedural --drawings 8 --pictures 8 --steps 1 --seeds 1 --arm gt --arm joint" in result["command"]
    low, high = gaps["joint - gt, S2"]["location"]["ci"]
    assert low <= gaps["joint - gt, S2"]["location"]["value"] <= high
    assert any(line.startswith("joint ") and "96.3 / 93.3" in line for line in ablation.lines(result))


def test_what_learned_without_regions_does_not_serve(order):
    ablation.run(order, train)
    with pytest.raises(UntrainedHead):
        ExplainerService(order.out / "S4t-0")


def test_a_finished_table_is_only_read_and_another_is_refused(order):
    ablation.run(order, train)
    assert ablation.unfinished(order) == []

    def never(name, session):
        raise AssertionError(name)

    assert ablation.run(order, never)["unfinished"] == []
    assert str(ablation.unfinished(replace(order, seeds=2))[0]) == "gt-1"
    with pytest.raises(CheckpointError, match="the table there differs in: steps"):
        ablation.unfinished(replace(order, steps=3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set of eight good pictures; nothing of it is learned here."""
    place = tmp_path_factory.mktemp("parts")
    for index in range(8):
        cv2.imwrite(str(place / f"{index}.png"), np.full((16, 16, 3), 90, np.uint8))
    return place


def test_a_table_on_parts_tells_its_data_and_takes_no_other_pictures_to_ask_about(expert, folder, tmp_path):
    split = tmp_path / "groups.json"

    def divide(*test):
        split.write_text(json.dumps({"train": ["0.png", "1.png"], "validation": [], "test": test}))

    divide("2.png", "3.png")
    pictures = Pictures(str(folder), split, folds=(expert,))
    order = ablation.Order(expert, tmp_path / "table", steps=1, data=pictures, arms=("gt",))
    assert len(ablation.unfinished(order)) == 3
    result = ablation.result_of(order)
    assert (result["data"], result["split"]) == (folder.name, "test")
    assert f"--data {folder.name} --groups groups.json --fold-expert FOLD --steps 1" in result["command"]
    assert "--batch 16 --learning-rate 0.001" in result["command"]
    assert str(folder.parent) not in json.dumps(result)
    divide("2.png", "4.png")
    with pytest.raises(CheckpointError, match="the table there differs in: asked"):
        ablation.unfinished(order)
    divide()
    with pytest.raises(DataError, match="no sample in the test part"):
        ablation.unfinished(order)


def test_a_table_from_before_goes_on_and_writes_down_what_it_asks_about(expert, folder, tmp_path):
    order = ablation.Order(expert, tmp_path, steps=1, data=Pictures(str(folder)), arms=("gt",))
    ablation.unfinished(order)
    path = tmp_path / ablation.RUN
    before = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in before.items() if name != "asked"}))
    assert ablation.unfinished(order)
    assert json.loads(path.read_text()) == before
