"""The frozen backbone on small checkpoints of the real classes: layers, sizes, positions, registers, no gradients."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import Dinov2Config, Dinov2Model, Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from iad_unify.region_expert import backbone
from iad_unify.region_expert.config import BACKBONES

#: A published model's shape in small: patches of 14, trained at 56 pixels, eight layers.
SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 8,
    "num_attention_heads": 2,
    "mlp_ratio": 2,
    "image_size": 56,
    "patch_size": 14,
}


@pytest.fixture(scope="module", params=[0, 4], ids=["dinov2", "with registers"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("dino")
    torch.manual_seed(0)
    if request.param:
        Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**SIZES, num_register_tokens=request.param)).save_pretrained(
            place
        )
    else:
        Dinov2Model(Dinov2Config(**SIZES)).save_pretrained(place)
    return place


@pytest.fixture
def frozen(folder: Path) -> backbone.FrozenBackbone:
    return backbone.fetch(str(folder))[0]


def _picture(side: int) -> torch.Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(side))


def test_four_layers_are_taken_evenly_and_the_configuration_builds_the_same_again(folder: Path) -> None:
    frozen, config = backbone.fetch(str(folder))
    assert frozen.layers == (2, 4, 6, 8)
    again = backbone.build(config, frozen.layers)
    again.load_state_dict(frozen.state_dict())
    assert torch.equal(again(_picture(70)), frozen(_picture(70)))


@pytest.mark.parametrize(("side", "grid"), [(56, 4), (70, 5), (126, 9), (252, 18), (64, 5), (256, 18), (5, 1)])
def test_any_side_is_taken_and_what_is_no_multiple_of_the_patch_is_resized(
    frozen: backbone.FrozenBackbone, side: int, grid: int
) -> None:
    found = frozen(_picture(side))
    assert found.shape == (2, 4 * 32, grid, grid)
    if side != grid * 14:
        resized = functional.interpolate(
            _picture(side), size=(grid * 14, grid * 14), mode="bilinear", align_corners=False, antialias=True
        )
        assert torch.equal(found, frozen(resized))


def test_it_sees_pictures_at_any_multiple_of_its_patch_and_crops_in_that_proportion(
    frozen: backbone.FrozenBackbone,
) -> None:
    frozen.magnify(64, 518)
    assert frozen(_picture(64)).shape == (2, 4 * 32, 37, 37)
    assert frozen(_picture(32)).shape == (2, 4 * 32, 18, 18)
    larger = functional.interpolate(_picture(64), size=(518, 518), mode="bilinear", align_corners=False, antialias=True)
    seen = frozen(_picture(64))
    frozen.magnify(518, 518)
    assert torch.equal(frozen(larger), seen)


def test_a_side_that_is_no_multiple_of_the_patch_is_refused_with_the_nearest(frozen: backbone.FrozenBackbone) -> None:
    with pytest.raises(backbone.UnfitSide, match="520 pixels; the nearest are 518 and 532"):
        frozen.magnify(256, 520)
    with pytest.raises(backbone.UnfitSide, match=r"the nearest are 14$"):
        frozen.magnify(256, 5)


@pytest.mark.parametrize("side", [70, 126])
def test_positions_are_interpolated_to_the_grid_that_is_there(frozen: backbone.FrozenBackbone, side: int) -> None:
    """On an even picture only the positions differ, so features vary smoothly over the grid and follow the small one."""
    even = torch.full((1, 3, side, side), 0.3)
    found = frozen(even)
    small = frozen(torch.full((1, 3, 56, 56), 0.3))
    assert found.flatten(2).std(dim=2).mean() > 0.01
    pooled = functional.interpolate(found, size=(4, 4), mode="bilinear", align_corners=False, antialias=True)
    alike = functional.cosine_similarity(
        (pooled - pooled.mean((2, 3), True)).flatten(), (small - small.mean((2, 3), True)).flatten(), dim=0
    )
    assert alike > 0.8


def test_patch_features_are_those_behind_class_and_register_tokens(frozen: backbone.FrozenBackbone) -> None:
    picture = _picture(70)
    with torch.no_grad():
        whole = frozen.model(pixel_values=picture).last_hidden_state
    registers = int(getattr(frozen.model.config, "num_register_tokens", 0))
    assert whole.shape[1] == 1 + registers + 25
    last = frozen(picture)[:, -32:]
    torch.testing.assert_close(last.flatten(2).transpose(1, 2), whole[:, 1 + registers :])


def test_no_gradient_reaches_it_and_training_mode_changes_nothing(frozen: backbone.FrozenBackbone) -> None:
    picture = _picture(56).requires_grad_()
    before = frozen(picture)
    assert not before.requires_grad
    assert not any(value.requires_grad for value in frozen.parameters())
    frozen.train()
    assert not frozen.model.training
    assert torch.equal(frozen(picture), before)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(backbone.UnknownBackboneError, match=str(tmp_path)):
        backbone.fetch(str(tmp_path))


def test_the_named_sizes_go_from_the_toy_to_giant() -> None:
    assert tuple(BACKBONES) == ("tiny", "small", "base", "large", "giant")
    assert all(source == f"facebook/dinov2-{name}" for name, source in BACKBONES.items() if name != "tiny")
