"""`iad-unify pretrain` on small sets, in seconds: what it writes, how it goes on, what it refuses."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.checkpoints import write_expert
from transformers import AutoModel, Dinov2Model, Dinov2WithRegistersModel
from typer.testing import CliRunner

from iad_unify.checkpoint import model_version, read_card, write_card
from iad_unify.cli import app
from iad_unify.data import samples, splits
from iad_unify.region_expert import backbone
from iad_unify.region_expert.pretraining import shapes
from iad_unify.region_expert.pretraining import trainer as training

QUICK = ("--size", "64", "--view", "32", "--batch", "4")


def call(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    return result.exit_code, " ".join(result.output.split())


def pretrain(data: Path | str, out: Path, *more: object) -> tuple[int, str]:
    return call("pretrain", "--data", data, "--out", out, *QUICK, *more)


@pytest.fixture(scope="module")
def split(tile_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("split") / "groups.json"
    splits.write(splits.by_group(samples.read(tile_folder), 0.5, 0.2, seed=0), path)
    return path


@pytest.fixture(scope="module")
def trained(tile_folder: Path, split: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    code, words = pretrain(tile_folder, out, "--groups", split, "--steps", 12)
    assert code == 0, words
    return out


def test_it_writes_a_folder_that_transformers_opens(trained: Path) -> None:
    assert {"config.json", "model.safetensors", "card.json", "MODEL_CARD.md", "curves.png"} <= {
        file.name for file in trained.iterdir()
    }
    model = AutoModel.from_pretrained(trained)
    assert isinstance(model, Dinov2Model)
    assert model.config.image_size == 64
    first = shapes.new("tiny", 64, 0, seed=0)
    assert not torch.equal(model.embeddings.mask_token, first.embeddings.mask_token)
    frozen, _ = backbone.fetch(str(trained))
    assert frozen(torch.zeros(1, 3, 64, 64)).shape == (1, 2 * 48, 4, 4)


def test_the_card_tells_data_steps_loss_and_variety_and_no_path(trained: Path, tile_folder: Path, split: Path) -> None:
    card = read_card(trained)
    assert (card.role, card.steps, card.seed, card.data) == ("backbone", 12, 0, (tile_folder.name,))
    assert card.model_version == model_version(trained)
    names = {"spread", "patch_rank", "picture_rank", "patch_rank_at_the_start", "hidden_patch_loss", "class_token_loss"}
    assert names <= set(card.figures)
    learnt = len(splits.select(samples.read(tile_folder), splits.read(split).train))
    assert f"Picture files: {learnt}." in card.note
    assert str(tile_folder.parent) not in (trained / "card.json").read_text()


def test_an_expert_is_trained_on_it_as_it_is_and_names_what_it_has_seen(
    trained: Path, tile_folder: Path, split: Path, tmp_path: Path
) -> None:
    base = shutil.copytree(trained, tmp_path / "base")
    donor = write_expert(tmp_path / "donor")
    write_card(base, replace(read_card(base), data=("lot_7", "procedural")))
    write_card(donor, replace(read_card(donor), data=("lot_8", "lot_7")))
    code, words = call(
        "train", "region-expert", "--data", tile_folder, "--groups", split, "--backbone", base, "--init", donor,
        "--size", 128, "--crop", 128, "--batch", 2, "--steps", 2, "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0, words
    card = read_card(tmp_path / "out")
    assert card.data == ("lot_8", "lot_7", "procedural", tile_folder.name)
    assert "--init donor --backbone base" in card.note
    ours = load_file(trained / "model.safetensors")["embeddings.mask_token"]
    theirs = load_file(tmp_path / "out" / "model.safetensors")["backbone.model.embeddings.mask_token"]
    torch.testing.assert_close(theirs.float(), ours, atol=1e-3, rtol=1e-3)


def test_with_registers_it_is_a_dinov2_with_registers_and_can_be_gone_on_from(
    tile_folder: Path, tmp_path: Path
) -> None:
    assert pretrain(tile_folder, tmp_path / "a", "--registers", 2, "--steps", 2)[0] == 0
    model = AutoModel.from_pretrained(tmp_path / "a")
    assert isinstance(model, Dinov2WithRegistersModel)
    assert model.config.num_register_tokens == 2
    write_card(tmp_path / "a", replace(read_card(tmp_path / "a"), data=("lot_7",)))
    assert pretrain(tile_folder, tmp_path / "b", "--backbone", tmp_path / "a", "--steps", 2)[0] == 0
    assert json.loads((tmp_path / "b" / "config.json").read_text())["model_type"] == "dinov2_with_registers"
    assert read_card(tmp_path / "b").config == "a"
    assert read_card(tmp_path / "b").data == ("lot_7", tile_folder.name)


def test_drawings_alone_are_data_too(tmp_path: Path) -> None:
    assert pretrain("procedural", tmp_path, "--steps", 2, "--batch", 2)[0] == 0
    assert read_card(tmp_path).data == ("procedural",)


def _interrupt_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    step = training.Trainer._step

    def interrupted(self: training.Trainer, share: float) -> tuple[float, float]:
        if self.done.step == steps:
            raise KeyboardInterrupt
        return step(self, share)

    monkeypatch.setattr(training.Trainer, "_step", interrupted)


def test_an_interrupted_training_goes_on_to_where_it_would_have_ended(
    trained: Path, tile_folder: Path, split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _interrupt_after(patch, 5)
        code, words = pretrain(tile_folder, tmp_path, "--groups", split, "--steps", 12)
    assert code == 130
    assert "--resume goes on" in words
    assert not (tmp_path / "model.safetensors").exists()
    code, words = pretrain(tile_folder, tmp_path, "--groups", split, "--steps", 12, "--resume")
    assert code == 0, words
    whole, gone_on = (load_file(folder / "model.safetensors") for folder in (trained, tmp_path))
    for name, value in whole.items():
        torch.testing.assert_close(gone_on[name], value, atol=1e-5, rtol=1e-4)


def test_another_training_is_not_gone_on_with(trained: Path, tile_folder: Path, tmp_path: Path) -> None:
    code, words = pretrain(tile_folder, trained, "--steps", 20, "--resume")  # all groups this time
    assert (code, "with the same options" in words) == (2, True)
    code, words = pretrain(tile_folder, tmp_path, "--steps", 2, "--resume")
    assert (code, "no training to go on with" in words) == (2, True)


def test_pictures_that_are_all_the_same_end_in_a_collapse_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((64, 64), 120, np.uint8))
    monkeypatch.setattr(training, "_GRACE_STEPS", 3)
    code, words = pretrain(tmp_path, tmp_path / "out", "--steps", 24)
    assert code == 1
    assert "collapsed at step" in words
    assert "more varied pictures" in words
    assert (tmp_path / "out" / "curves.png").is_file()
    assert not (tmp_path / "out" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--data", "nowhere"), "no such folder"),
        (("--data", "procedural", "--config", "huge"), "no such configuration; there are tiny, compact, small"),
        (("--data", "procedural", "--groups", "nowhere.json"), "no picture to divide"),
    ],
)
def test_a_wrong_option_ends_with_one_line_and_code_2(arguments: Sequence[str], words: str, tmp_path: Path) -> None:
    code, said = call("pretrain", *arguments, "--out", tmp_path, "--steps", 1)
    assert (code, words in said) == (2, True), said


def test_what_is_no_dinov2_cannot_be_gone_on_from(tmp_path: Path) -> None:
    code, said = call("pretrain", "--data", "procedural", "--backbone", tmp_path, "--out", tmp_path / "out")
    assert (code, "not a model that transformers knows" in said) == (2, True), said
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit"}))
    code, said = call("pretrain", "--data", "procedural", "--backbone", tmp_path, "--out", tmp_path / "out")
    assert (code, "'vit' is not one of dinov2" in said) == (2, True), said


def test_the_named_shapes_are_those_of_the_published_models() -> None:
    with torch.device("meta"):
        counts = {name: sum(p.numel() for p in shapes.new(name, 518, 0, 0).parameters()) for name in shapes.NAMES}
    millions = {name: round(count / 1e6) for name, count in counts.items()}
    assert millions == {"tiny": 0, "compact": 1, "small": 22, "base": 87, "large": 304, "giant": 1136}
