"""The expert as a module: backbones, the gate, checkpoints."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional
from transformers import Dinov2Config, Dinov2Model, Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from iad_unify.checkpoint import CheckpointError
from iad_unify.region_expert import backbone, model
from iad_unify.region_expert.config import ExpertConfig
from iad_unify.region_expert.connections import CONNECTION_NUMBERS
from iad_unify.region_expert.decoder import (
    CONTRAST_GAIN,
    CONTRAST_SCALES,
    SHAPE_NUMBERS,
    STRIDE,
    LocalContrast,
    TypeHead,
)

PICTURES = torch.randint(0, 256, (2, 256, 256, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_the_map_is_of_full_resolution_and_the_features_of_a_quarter(expert: model.RegionExpert) -> None:
    with torch.inference_mode():
        output = expert(PICTURES)
    assert output.logits.shape == (2, 256, 256)
    assert output.features.shape == (2, expert.config.token_dim, 64, 64)


def test_a_closed_gate_makes_the_backbone_irrelevant_and_still_learns() -> None:
    torch.manual_seed(0)
    expert = model.RegionExpert(ExpertConfig(widths=(8, 16, 16, 16)))
    before = expert(PICTURES).logits
    with torch.no_grad():
        for value in expert.backbone.parameters():
            value.normal_()
    after = expert(PICTURES).logits
    assert torch.equal(before, after)
    after.mean().backward()
    gate = expert.decoder.gated.gate
    assert gate.grad is not None
    assert float(gate.grad.abs()) > 0
    assert all(value.grad is None for value in expert.backbone.parameters())


@pytest.mark.parametrize("registers", [0, 3])
def test_a_local_dinov2_folder_serves_as_the_backbone(tmp_path: Path, registers: int) -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "mlp_ratio": 2, "image_size": 70}
    torch.manual_seed(0)
    if registers:
        with_registers = Dinov2WithRegistersConfig(**sizes, patch_size=14, num_register_tokens=registers)
        Dinov2WithRegistersModel(with_registers).save_pretrained(tmp_path / "dino")
    else:
        Dinov2Model(Dinov2Config(**sizes, patch_size=14)).save_pretrained(tmp_path / "dino")
    expert = model.create(ExpertConfig(name="small", widths=(8, 16, 16, 16)), str(tmp_path / "dino")).eval()
    assert expert.config.backbone_layers == (1, 2, 3, 4)
    with torch.inference_mode():
        assert expert.backbone(torch.randn(1, 3, 256, 256)).shape == (1, 128, 18, 18)
        before = expert(PICTURES).logits
    model.save(expert, tmp_path / "saved")
    with torch.inference_mode():
        again = model.load(tmp_path / "saved")(PICTURES).logits
    assert torch.allclose(before, again, atol=0.02)  # fp16 on disk


def test_the_backbone_may_see_the_square_larger_than_the_decoder_and_a_checkpoint_keeps_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = ExpertConfig(widths=(8, 16, 16, 16), backbone_size=400)  # 25 patches of 16
    larger = model.RegionExpert(config)
    with torch.inference_mode():
        assert larger.backbone(torch.randn(1, 3, 256, 256)).shape[-2:] == (25, 25)
        larger.decoder.gated.gate.fill_(1.0)
        seen = larger(PICTURES).logits
    model.save(larger, tmp_path)
    again = model.load(tmp_path)
    assert again.config.backbone_size == 400
    with torch.inference_mode():
        assert torch.allclose(again(PICTURES).logits, seen, atol=0.02)
    with pytest.raises(backbone.UnfitSide, match="the nearest are 384 and 400"):
        model.RegionExpert(replace(config, backbone_size=390))


def test_local_contrast_is_zero_on_an_even_picture_and_marks_a_spot() -> None:
    even = torch.full((1, 3, 64, 64), 0.7)
    contrast = LocalContrast()(even)
    assert contrast.shape == (1, LocalContrast.channels, 16, 16)
    assert torch.allclose(contrast[:, :-3], torch.zeros(1, LocalContrast.channels - 3, 16, 16), atol=1e-3)
    assert torch.allclose(contrast[:, -3:], torch.full((1, 3, 16, 16), 0.7))
    spot = even.clone()
    spot[:, :, 32:36, 32:36] = -0.5  # one cell
    inside = LocalContrast()(spot)[0, :, 8, 8]
    assert torch.allclose(inside[:48], torch.zeros(48), atol=1e-6)  # the cell itself is even
    assert (inside[75:-3] < -0.1).all()  # darker than its surroundings at every larger scale
    assert torch.allclose(inside[-3:], torch.full((3,), -0.5))


@pytest.mark.parametrize("scale", CONTRAST_SCALES[1:])
def test_local_contrast_keeps_what_every_pixel_of_a_smooth_map_would_tell(scale: int) -> None:
    picture = torch.randn((1, 3, 128, 128), generator=torch.Generator().manual_seed(0))
    smooth = functional.interpolate(
        functional.avg_pool2d(picture, scale), size=(128, 128), mode="bilinear", align_corners=False
    )
    row = 75 + 12 * CONTRAST_SCALES[1:].index(scale)
    found = LocalContrast()(picture)
    samples = found[:, -3:, None] - found[:, row : row + 12].reshape(1, 3, 4, 32, 32) / CONTRAST_GAIN
    offset = (torch.arange(STRIDE) + 0.5) / STRIDE - 0.5  # from the cell's centre, in cells
    line = torch.stack([0.5 - 2 * offset, 0.5 + 2 * offset], dim=1)
    pixels = torch.einsum("ps,bcshw->bcphw", torch.kron(line, line), samples)
    assert torch.allclose(functional.pixel_shuffle(pixels.flatten(1, 2), STRIDE), smooth, atol=1e-5)


def test_another_kind_of_backbone_is_refused_by_name() -> None:
    with pytest.raises(backbone.UnknownBackboneError, match="vit"):
        backbone.build({"model_type": "vit"}, (1,))


def test_a_checkpoint_comes_back_with_its_configuration(expert: model.RegionExpert, tmp_path: Path) -> None:
    model.save(expert, tmp_path)
    again = model.load(tmp_path)
    assert again.config == expert.config
    with torch.inference_mode():
        assert torch.allclose(again(PICTURES).logits, expert(PICTURES).logits, atol=0.02)


def test_a_damaged_checkpoint_names_its_folder_and_the_mend(expert: model.RegionExpert, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="train one with"):
        model.load(tmp_path / "nowhere")
    model.save(expert, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(CheckpointError, match="not a region expert"):
        model.load(tmp_path)
    model.save(expert, tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(values | {"token_dim": 32}))
    with pytest.raises(CheckpointError):
        model.load(tmp_path)


def test_starting_from_another_checkpoint_takes_all_but_the_names_of_other_types(
    expert: model.RegionExpert, tmp_path: Path
) -> None:
    model.save(expert, tmp_path)
    fresh = model.RegionExpert(ExpertConfig(widths=(8, 16, 16, 16), type_slugs=("blowhole", "break")))
    taken = model.start_from(fresh, tmp_path)
    assert taken == len(fresh.state_dict()) - 2  # the type head's last weight and bias
    assert torch.allclose(fresh.decoder.tokens.weight, expert.decoder.tokens.weight, atol=1e-3)


def test_a_backbone_that_was_chosen_is_kept_when_starting_from_another_checkpoint(
    expert: model.RegionExpert, tmp_path: Path
) -> None:
    model.save(expert, tmp_path)
    torch.manual_seed(5)
    fresh = model.RegionExpert(ExpertConfig(widths=(8, 16, 16, 16)))
    before = {name: value.clone() for name, value in fresh.backbone.state_dict().items()}
    model.start_from(fresh, tmp_path, keep_backbone=True)
    assert all(torch.equal(value, before[name]) for name, value in fresh.backbone.state_dict().items())
    assert torch.allclose(fresh.decoder.tokens.weight, expert.decoder.tokens.weight, atol=1e-3)


def test_look_and_connections_are_each_learnt_alone_and_count_together() -> None:
    """Both tell the type here; a head that learnt them only together would be lost when one of them is strange."""
    torch.manual_seed(0)
    head = TypeHead(4, 1, 2, connections=True)
    target = torch.randint(0, 2, (256,))
    rows = (2.0 * target - 1)[:, None, None] + 0.3 * torch.randn(256, 1, 4)
    numbers = 0.1 * torch.randn(256, SHAPE_NUMBERS + CONNECTION_NUMBERS)
    numbers[:, SHAPE_NUMBERS] += 2.0 * target - 1
    optimiser = torch.optim.Adam(head.parameters(), 1e-2)
    for _ in range(100):
        optimiser.zero_grad()
        functional.cross_entropy(head(rows, numbers), target).backward()
        optimiser.step()
    head.eval()
    assert head.connected is not None
    with torch.inference_mode():
        look = head.layers(head.norm(torch.cat([rows.flatten(1), numbers[:, :SHAPE_NUMBERS]], dim=1)))
        connected = head.connected(numbers[:, SHAPE_NUMBERS:])
        torch.testing.assert_close(head(rows, numbers), look + connected)
    for logits in (look, connected):
        assert (logits.argmax(dim=1) == target).float().mean() > 0.95


def test_an_expert_without_templates_has_no_connections() -> None:
    expert = model.RegionExpert(ExpertConfig(widths=(8, 16, 16, 16)))
    assert expert.type_head.connected is None


def test_what_a_region_severs_in_its_template_moves_its_type() -> None:
    torch.manual_seed(0)
    expert = model.RegionExpert(ExpertConfig(widths=(8, 16, 16, 16), template=True)).eval()
    template = torch.full((1, 256, 256, 3), 220, dtype=torch.uint8)
    template[:, 120:128] = 30
    picture = template.clone()
    picture[:, 120:128, 100:106] = 220
    masks = torch.zeros(1, 256, 256)
    masks[:, 120:128, 100:106] = 1
    owner, content = torch.zeros(1, dtype=torch.int64), torch.ones(1, 256, 256)
    features = torch.zeros(1, expert.config.token_dim, 64, 64)
    with torch.inference_mode():
        alone = expert.describe(model.Scene(picture, features), masks, owner, content)
        absent = expert.describe(model.Scene(picture, features, template, torch.zeros(1)), masks, owner, content)
        compared = expert.describe(model.Scene(picture, features, template), masks, owner, content)
    torch.testing.assert_close(alone.type_logits, absent.type_logits)
    assert (compared.type_logits - alone.type_logits).abs().max() > 0.01
