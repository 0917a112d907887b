"""The full-size path, on tiny checkpoints of the real diffusers classes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel

from iad_unify.checkpoint import Card, CheckpointError, write_card
from iad_unify.defect_editor.condition import stack_states
from iad_unify.defect_editor.config import FULL, EditorConfig
from iad_unify.defect_editor.editor import Crops
from iad_unify.defect_editor.inpaint import InpaintEditor
from iad_unify.defect_editor.weights import load, save

HIDDEN = 24


def write_public_model(folder: Path, channels: int = 9) -> Path:
    torch.manual_seed(0)
    UNet2DConditionModel(
        sample_size=8,
        in_channels=channels,
        out_channels=4,
        block_out_channels=(8, 8),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=4,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=4,
    ).save_pretrained(folder / "vae")
    DDPMScheduler(num_train_timesteps=50, beta_schedule="scaled_linear").save_pretrained(folder / "scheduler")
    return folder


@pytest.fixture(scope="module")
def full_config(tmp_path_factory: pytest.TempPathFactory) -> EditorConfig:
    source = write_public_model(tmp_path_factory.mktemp("public"))
    return replace(FULL, crop=64, source=str(source)).trained_with(HIDDEN, "explainer000", "")


@pytest.fixture
def crops() -> Crops:
    torch.manual_seed(1)
    allowed = torch.zeros(2, 1, 64, 64)
    allowed[:, :, 20:40, 16:50] = 1
    states = [torch.randn(4, HIDDEN).numpy(), torch.randn(6, HIDDEN).numpy()]
    return Crops(torch.rand(2, 3, 64, 64) * 2 - 1, allowed, torch.zeros_like(allowed), *stack_states(states))


def test_a_public_model_edits_inside_the_mask_only(full_config: EditorConfig, crops: Crops) -> None:
    model = InpaintEditor(full_config).eval()
    made = model.generate(crops, 2, 2.0, torch.Generator().manual_seed(0))
    outside = crops.allowed.expand_as(made) == 0
    assert torch.equal(made[outside], crops.clean[outside])
    assert not torch.equal(made, crops.clean)


def test_only_the_projection_learns(full_config: EditorConfig, crops: Crops) -> None:
    model = InpaintEditor(full_config)
    model.training_loss(crops, crops.clean.flip(-1), torch.tensor([True, False])).backward()
    assert {name for name, one in model.named_parameters() if one.grad is not None} == {
        name for name, _ in model.learned()
    }
    assert all(name.startswith("condition.") for name, _ in model.learned())


def test_only_the_projection_is_stored(full_config: EditorConfig, tmp_path: Path) -> None:
    model = InpaintEditor(full_config)
    save(tmp_path, full_config, {name: one.detach() for name, one in model.learned()})
    write_card(tmp_path, Card("defect_editor", "full", 1, ("procedural",), 1, 0, 0.1, ("condition_projection",)))
    assert (tmp_path / "model.safetensors").stat().st_size < 20_000
    back = dict(load(tmp_path).model.learned())
    for name, one in model.learned():
        assert torch.allclose(one, back[name], atol=1e-3)


def test_a_missing_public_model_is_named(full_config: EditorConfig, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere: .* local directory or hub id"):
        InpaintEditor(replace(full_config, source=str(tmp_path / "nowhere")))


def test_a_text_to_image_model_is_refused(full_config: EditorConfig, tmp_path: Path) -> None:
    source = write_public_model(tmp_path, channels=4)
    with pytest.raises(CheckpointError, match="does not take 9 channels"):
        InpaintEditor(replace(full_config, source=str(source)))
