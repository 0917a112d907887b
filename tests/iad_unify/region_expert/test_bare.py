"""An expert of a DINOv2 alone: silent without a reference, and with a memory of good parts it finds what they lack."""

from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from transformers import Dinov2Config, Dinov2Model

from iad_unify.checkpoint import CheckpointError, read_card
from iad_unify.geometry import Letterbox
from iad_unify.region_expert import bare, commands
from iad_unify.region_expert.evaluation import measure
from iad_unify.region_expert.reference import CalibrateAgain
from iad_unify.serving.references import ReferenceService
from iad_unify.serving.region_expert import RegionExpertService

SIDE = 64
BOX = Letterbox.fit(SIDE, SIDE, SIDE)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bare")
    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, patch_size=8, image_size=SIDE
    )
    Dinov2Model(config).save_pretrained(folder / "dinov2")
    commands.bare(backbone=str(folder / "dinov2"), out=folder / "expert", size=SIDE)
    return folder / "expert"


def part(seed: int, hole: bool = False) -> NDArray[np.uint8]:
    picture = np.random.default_rng(seed).normal(140, 4, (SIDE, SIDE, 3)).clip(0, 255).astype(np.uint8)
    if hole:
        picture[16:32, 32:48] = 10
    return picture


def tensors(pictures: list[NDArray[np.uint8]], reference: str = "") -> dict[str, NDArray[np.generic]]:
    count = len(pictures)
    return {
        "IMAGE": np.stack(pictures),
        "LETTERBOX": np.stack([BOX.as_array()] * count),
        "PROPOSAL": np.zeros((count, 2), np.float32),
        "REFERENCE": np.array([[reference.encode()]] * count, dtype=object),
    }


def test_it_finds_by_a_memory_alone_and_names_no_type(checkpoint: Path, tmp_path: Path) -> None:
    built = ReferenceService(checkpoint, tmp_path).build(tensors([part(seed) for seed in range(12)]))
    service = RegionExpertService(checkpoint, references=tmp_path)
    found = service.infer(tensors([part(100), part(101, hole=True)], built["REFERENCE"][0].decode()))
    good, bad = found["IMAGE_SCORE"][:, 0].tolist()
    assert good < 0.5 < bad
    assert found["COUNT"][:, 0].tolist() == [0, 1]
    x, y, width, height = found["BOXES"][1, 0].tolist()
    assert (x < 48, x + width > 32) == (y < 32, y + height > 16) == (True, True)
    slugs = [slug.decode() for slug in found["TYPE_SLUGS"][1]]
    assert slugs[int(found["TYPE_LOGITS"][1, 0].argmax())] == "unknown"


def test_its_backbone_may_see_the_square_at_any_multiple_of_the_patch(checkpoint: Path, tmp_path: Path) -> None:
    dinov2, out = str(checkpoint.parent / "dinov2"), tmp_path / "larger"
    commands.bare(backbone=dinov2, out=out, size=SIDE, backbone_size=136)
    built = ReferenceService(out, tmp_path).build(tensors([part(seed) for seed in range(12)]))
    found = RegionExpertService(out, references=tmp_path).infer(
        tensors([part(100), part(101, hole=True)], built["REFERENCE"][0].decode())
    )
    assert found["COUNT"][:, 0].tolist() == [0, 1]
    x, y, width, height = found["BOXES"][1, 0].tolist()
    assert (x < 48, x + width > 32) == (y < 32, y + height > 16) == (True, True)
    with pytest.raises(typer.BadParameter, match="patch 8 cannot see at 130 pixels; the nearest are 128 and 136"):
        commands.bare(backbone=dinov2, out=tmp_path / "none", size=SIDE, backbone_size=130)


def test_without_a_reference_it_judges_no_part(checkpoint: Path, tmp_path: Path) -> None:
    service = RegionExpertService(checkpoint, references=tmp_path)
    with pytest.raises(CalibrateAgain, match=r"only compares.*calibrate"):
        service.infer(tensors([part(1)]))
    plain = service.infer(tensors([np.full((SIDE, SIDE, 3), 127, np.uint8)]))  # who asks for its card
    assert plain["IMAGE_SCORE"][0, 0] == pytest.approx(0, abs=1e-6)
    assert plain["DEFAULTS"][0].tolist() == [0.5, 0.5]


def test_its_card_says_what_it_is_and_it_is_not_measured_as_a_detector(checkpoint: Path, tmp_path: Path) -> None:
    card = read_card(checkpoint)
    assert (card.config, card.trained_heads, card.data, card.steps) == ("bare", (), (), 0)
    with pytest.raises(CheckpointError, match="--cold-start"):
        measure.evaluate(measure.Order(checkpoint, "procedural:test", tmp_path / "r.json"), Console(quiet=True))


def test_equal_backbones_make_equal_checkpoints(checkpoint: Path, tmp_path: Path) -> None:
    again = bare.make(str(checkpoint.parent / "dinov2"), tmp_path, SIDE)
    assert again.model_version == read_card(checkpoint).model_version


def test_a_folder_that_is_no_backbone_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(typer.Exit):
        commands.bare(backbone=str(tmp_path), out=tmp_path / "out", size=SIDE)
    assert "not a model that transformers knows" in capsys.readouterr().out.replace("\n", " ")
    with pytest.raises(typer.BadParameter, match="the nearest are 192 and 256"):
        commands.bare(backbone=str(tmp_path), out=tmp_path / "out", size=224)
