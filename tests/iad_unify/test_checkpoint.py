"""The checkpoint folder: its version, its card, and the refusals; and where shipped folders lie."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from iad_unify import checkpoint, resources
from iad_unify.checkpoint import Card, CheckpointError, Figure


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_bytes(b'{"size": 1}')
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


CARD = Card(
    role="region_expert",
    config="tiny",
    parameters=1234567,
    data=("procedural",),
    steps=4000,
    seed=7,
    minutes=12.5,
    trained_heads=("map", "type"),
    figures={"image_auroc": Figure(0.91, (0.88, 0.94), "iad-unify evaluate segmentation")},
    default_threshold=0.4,
    proposal_threshold=0.2,
    type_slugs=("scratch", "crack"),
)


def test_the_version_is_the_hash_of_config_and_weights(folder: Path) -> None:
    expected = hashlib.sha256(b'{"size": 1}weights').hexdigest()[:12]
    assert checkpoint.model_version(folder) == expected
    (folder / "model.safetensors").write_bytes(b"other")
    assert checkpoint.model_version(folder) != expected


def test_a_card_is_read_back_with_the_version_of_its_files(folder: Path) -> None:
    written = checkpoint.write_card(folder, CARD)
    assert checkpoint.read_card(folder) == written
    assert written.model_version == checkpoint.model_version(folder)
    assert written.figures["image_auroc"].ci == (0.88, 0.94)


def test_the_readable_card_says_what_the_machine_readable_one_says(folder: Path) -> None:
    card = checkpoint.write_card(folder, CARD)
    text = (folder / "MODEL_CARD.md").read_text()
    for part in ("1,234,567", "0.91", "0.88 to 0.94", "seed 7", "map, type", card.model_version, "0.4"):
        assert part in text


def test_a_card_speaks_of_type_confidence_only_when_it_was_calibrated(folder: Path) -> None:
    checkpoint.write_card(folder, CARD)
    assert "type_level" not in json.loads((folder / checkpoint.CARD).read_text())
    assert checkpoint.read_card(folder).type_temperature == 1.0
    checkpoint.write_card(folder, replace(CARD, type_temperature=1.5, type_level=0.25))
    read = checkpoint.read_card(folder)
    assert (read.type_temperature, read.type_level) == (1.5, 0.25)
    assert "temperature 1.5" in (folder / checkpoint.CARD_TEXT).read_text()


def test_weights_have_seen_what_those_have_that_they_start_from(folder: Path, tmp_path: Path) -> None:
    checkpoint.write_card(folder, replace(CARD, data=("lot_7", "procedural")))
    bare = tmp_path / "bare"
    bare.mkdir()
    origins = (None, "", "facebook/dinov2-base", bare, folder)
    assert checkpoint.data_seen(("procedural", "lot_8"), *origins) == ("lot_7", "procedural", "lot_8")
    (folder / checkpoint.CARD).write_text("{}")
    with pytest.raises(CheckpointError, match="lacks"):
        checkpoint.data_seen(("procedural",), folder)


def test_a_missing_checkpoint_names_its_path_and_the_mend(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read.*iad-unify train") as caught:
        checkpoint.model_version(tmp_path)
    assert caught.value.path == tmp_path


@pytest.mark.parametrize("broken", ["", "[]", "{}", "null"])
def test_a_damaged_card_is_refused(folder: Path, broken: str) -> None:
    (folder / "card.json").write_text(broken)
    with pytest.raises(CheckpointError):
        checkpoint.read_card(folder)


@pytest.mark.parametrize(("name", "value"), [("figures", 3), ("type_slugs", "scratch"), ("steps", "many")])
def test_a_card_with_a_field_of_another_kind_is_refused(folder: Path, name: str, value: object) -> None:
    checkpoint.write_card(folder, CARD)
    raw = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(raw | {name: value}))
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.read_card(folder)


def test_shipped_weights_lie_beside_the_package_or_inside_it() -> None:
    assert resources.weights("explainer").name == "explainer"
    assert resources.weights("explainer").parent.name == "weights"
    assert resources.repository().name == "repository"
    with pytest.raises(ValueError, match="unknown role"):
        resources.weights("oracle")
