"""The shipped checkpoints: all three are there, small, honest about their data, and the files that their cards speak of."""

import json
from pathlib import Path

import pytest
from tests.project.tree import ROOT, tracked

from iad_unify import resources
from iad_unify.checkpoint import CARD, CARD_TEXT, CONFIG, TENSORS, model_version, read_card, render
from iad_unify.types import DEFECT_TYPES

#: All of them together, in bytes.
LARGEST = 40 * 1024 * 1024


@pytest.mark.parametrize("role", resources.ROLES)
def test_a_checkpoint_is_whole_and_kept_by_git(role: str) -> None:
    place = resources.weights(role).relative_to(ROOT)
    kept = {name.name for name in tracked() if name.parent == place}
    assert {CONFIG, TENSORS, CARD, CARD_TEXT} <= kept


@pytest.mark.parametrize("role", resources.ROLES)
def test_a_card_is_of_these_very_files(role: str) -> None:
    folder = resources.weights(role)
    card = read_card(folder)
    assert card.role == role
    assert card.model_version == model_version(folder)
    assert (folder / CARD_TEXT).read_text() == render(json.loads((folder / CARD).read_text()))


@pytest.mark.parametrize("role", resources.ROLES)
def test_a_shipped_model_has_seen_procedural_data_only(role: str) -> None:
    card = read_card(resources.weights(role))
    assert card.data == ("procedural",)
    assert card.trained_heads
    assert card.steps > 0
    assert set(card.type_slugs) <= set(DEFECT_TYPES)


@pytest.mark.parametrize("role", resources.ROLES)
def test_a_figure_names_its_command(role: str) -> None:
    figures = read_card(resources.weights(role)).figures
    assert figures
    assert all(figure.command.startswith("iad-unify ") for figure in figures.values())
    assert not any(word.startswith("/") for figure in figures.values() for word in figure.command.split())
    assert all(figure.ci is None or figure.ci[0] <= figure.value <= figure.ci[1] for figure in figures.values())


def test_the_checkpoints_are_small() -> None:
    folder = Path("models/weights")
    files = [name for name in tracked() if name.is_relative_to(folder)]
    size = sum((ROOT / name).stat().st_size for name in files)
    assert 0 < size <= LARGEST, f"{size / 1024**2:.1f} MiB"
