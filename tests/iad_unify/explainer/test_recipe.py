"""Recipes: where regions come from over a run, how they are written down, what does not go together."""

import json

import pytest

from iad_unify.checkpoint import CheckpointError
from iad_unify.explainer.recipe import DEFAULT, NAME, Recipe, recipe_of, write_recipe


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        ("mixed", [0.45, 0.45, 0.45, 0.45]),
        ("gt", [1.0, 1.0, 1.0, 1.0]),
        ("gt-then-predicted", [1.0, 0.6, 0.4, 0.0]),
        ("stage-wise", [1.0, 1.0, 0.0, 0.0]),
        ("joint", [0.5, 0.5, 0.5, 0.5]),
    ],
)
def test_the_share_of_true_regions_follows_the_schedule(schedule, shares):
    found = [Recipe(schedule).oracle_share(progress, 0.45) for progress in (0.0, 0.4, 0.6, 1.0)]
    assert found == pytest.approx(shares)
    assert Recipe(schedule).stages == (2 if schedule == "stage-wise" else 1)


@pytest.mark.parametrize(
    "changes",
    [
        *({"schedule": "curriculum"}, {"regions": "some"}, {"lora": -1}, {"lora": 4, "whole": True}),
        *({"crops": 1.5}, {"crops": 0.5, "regions": "none"}),
        {"regions": "none", "references": True},
        {"crops": 0.5, "references": True},
    ],
)
def test_what_does_not_exist_or_go_together_is_refused(changes):
    with pytest.raises(ValueError):  # noqa: PT011 each says its own
        Recipe(**changes)


def test_a_recipe_is_read_back_and_the_default_needs_no_file(tmp_path):
    recipe = Recipe("joint", lora=8, checkpointing=True)
    write_recipe(tmp_path, recipe)
    assert recipe_of(tmp_path) == recipe
    assert recipe.options() == " --schedule joint --lora 8 --gradient-checkpointing"
    assert Recipe(simple=True).options() == " --simple"
    write_recipe(tmp_path, DEFAULT)
    assert not (tmp_path / NAME).exists()
    assert recipe_of(tmp_path) == DEFAULT
    assert DEFAULT.options() == ""


def test_a_file_from_before_there_were_crops_is_read(tmp_path):
    write_recipe(tmp_path, Recipe("joint", crops=0.5))
    assert recipe_of(tmp_path) == Recipe("joint", crops=0.5)
    values = json.loads((tmp_path / NAME).read_text())
    del values["crops"]
    (tmp_path / NAME).write_text(json.dumps(values))
    assert recipe_of(tmp_path) == Recipe("joint")
    assert Recipe(crops=0.5).options() == " --crops 0.5"


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / NAME).write_text("{}")
    with pytest.raises(CheckpointError, match=r"recipe\.json is damaged"):
        recipe_of(tmp_path)


def test_a_file_from_before_there_were_references_is_read_as_one_without(tmp_path):
    write_recipe(tmp_path, Recipe("joint"))
    older = json.loads((tmp_path / NAME).read_text())
    del older["references"]
    (tmp_path / NAME).write_text(json.dumps(older))
    assert recipe_of(tmp_path) == Recipe("joint")
    assert Recipe(references=True).options() == " --references"
