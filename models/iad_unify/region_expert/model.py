"""The region expert as one torch module, and its checkpoint files.

It maps pictures to logits and features; which regions come out is `proposals`, what is pooled is `pooling`.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from iad_unify.catalog import APPEARANCE_ROWS
from iad_unify.checkpoint import CONFIG, TENSORS, CheckpointError, read_config
from iad_unify.region_expert import backbone, closeup, connections, patches, pooling
from iad_unify.region_expert.config import BACKBONES, ExpertConfig
from iad_unify.region_expert.connections import CONNECTION_NUMBERS
from iad_unify.region_expert.decoder import Decoder, DetailBranch, ExtentHead, TypeHead
from iad_unify.region_expert.described import Described, Frame

_MEAN = (0.485, 0.456, 0.406)  # ImageNet, as DINOv2 was trained
_STD = (0.229, 0.224, 0.225)
_TYPES_LAST = ("type_head.layers.3", "type_head.connected.2")
_RETRAIN = "train one with `iad-unify train region-expert --data procedural --out FOLDER`"


class ExpertOutput(NamedTuple):
    """logits [B, S, S] of the anomaly map at full resolution, features [B, D, S/4, S/4] that tokens are pooled from."""

    logits: Tensor
    features: Tensor


class Looked(NamedTuple):
    """What one look at pictures gives: `ExpertOutput`, and if asked for the patches [B, C, h, w] by which they are compared.

    Patches are of the picture alone, whatever template it came with. Of squares that are looked at in T tiles they are
    [B, T, C, h, w], see `tiling.look`.
    """

    logits: Tensor
    features: Tensor
    patches: Tensor | None = None


class _Maps(NamedTuple):
    """What the decoder and the patches are made from."""

    detail: list[Tensor]
    finest: Tensor  # the first of `detail`, without what a template adds
    backbone: Tensor


class Scene(NamedTuple):
    """What regions are described from: uint8 squares [B, S, S, 3], their features, and the aligned templates if any.

    `has_template` float [B] is 0 where a row of `templates` is only there to fill the batch.
    """

    pictures: Tensor
    features: Tensor
    templates: Tensor | None = None
    has_template: Tensor | None = None


class Description(NamedTuple):
    """Of N regions: appearance rows [N, 3, D], logits [N, T + 1] of the types and "unknown", margins [N, 4] in pixels.

    Margins are None without a head for them.
    """

    rows: Tensor
    type_logits: Tensor
    margins: Tensor | None


class RegionExpert(nn.Module):
    """uint8 pictures [B, S, S, 3] (RGB), alone or each with its aligned golden template, to `ExpertOutput`."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: ExpertConfig, frozen: backbone.FrozenBackbone | None = None) -> None:
        super().__init__()
        self.config = config
        self.backbone = frozen or backbone.build(config.backbone, config.backbone_layers)
        if config.backbone_size:
            self.backbone.magnify(config.size, config.backbone_size)
        self.detail = DetailBranch(config.widths, config.template)
        self.decoder = Decoder(config.widths, self.backbone.channels, config.token_dim)
        self.close_look = closeup.CloseLook(config.token_dim, config.template)
        self.type_head = TypeHead(config.token_dim, APPEARANCE_ROWS, len(config.answers), config.template)
        self.extent_head = ExtentHead(config.token_dim, APPEARANCE_ROWS) if config.boxes else None
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1) * 255, persistent=False)

    def forward(
        self, pictures: Tensor, templates: Tensor | None = None, has_template: Tensor | None = None
    ) -> ExpertOutput:
        """See the class; `has_template` float [B] is 0 where a row of `templates` is only there to fill the batch.

        Templates are left out by an expert without a branch for them.
        """
        return self._decoded(self._encoded(pictures, templates, has_template))

    def with_patches(self, pictures: Tensor, templates: Tensor | None = None) -> Looked:
        """`forward`, and the patches."""
        maps = self._encoded(pictures, templates)
        return Looked(*self._decoded(maps), self._patches(maps))

    def _encoded(self, pictures: Tensor, templates: Tensor | None, has_template: Tensor | None = None) -> _Maps:
        picture = self.normalised(pictures)
        template = None if templates is None or not self.config.template else self.normalised(templates)
        finest = self.detail.stem(picture)
        detail = self.detail.descend(self.detail.changed(finest, picture, template, has_template))
        return _Maps(detail, finest, self.backbone(picture))

    def _decoded(self, maps: _Maps) -> ExpertOutput:
        logits, features = self.decoder(maps.detail, maps.backbone)
        return ExpertOutput(logits.float(), features.float())

    def _patches(self, maps: _Maps) -> Tensor:
        if self._compares_features:
            return patches.of_backbone(maps.backbone, len(self.backbone.layers))
        alone = maps.detail if maps.finest is maps.detail[0] else self.detail.descend(maps.finest, 1)
        return patches.of_detail(*alone[:2])

    def normalised(self, pictures: Tensor) -> Tensor:
        """uint8 [B, S, S, 3] as the layers take it: float32 [B, 3, S, S], channels last in memory."""
        return (pictures.permute(0, 3, 1, 2).float() - self.mean) / self.std

    def look(
        self, pictures: NDArray[np.uint8], templates: NDArray[np.uint8] | None = None, *, patches: bool = False
    ) -> Looked:
        """`forward` or `with_patches` of arrays on the model's device, without gradients."""
        with torch.inference_mode():
            squares = self._there(pictures), None if templates is None else self._there(templates)
            return self.with_patches(*squares) if patches else Looked(*self(*squares))

    def patches_of(self, pictures: NDArray[np.uint8]) -> Tensor:
        """The patches alone, as of `look`, without what only the decoder needs."""
        with torch.inference_mode():
            picture = self.normalised(self._there(pictures))
            if self._compares_features:
                return patches.of_backbone(self.backbone(picture), len(self.backbone.layers))
            return patches.of_detail(*self.detail.descend(self.detail.stem(picture), 1))

    @property
    def _compares_features(self) -> bool:
        """Whether patches are those of the backbone; a toy's tell less than the detail branch."""
        return self.config.name != "tiny"

    def _there(self, pictures: NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(pictures)).to(self.mean.device)

    def describe(self, scene: Scene, masks: Tensor, owner: Tensor, content: Tensor) -> Description:
        """What the heads make of regions; `masks`, `owner` and `content` as in `pooling.pool`."""
        inside, around = pooling.pool(scene.features, masks, owner, content).unbind(dim=1)
        looks = self.close_look(closeup.cut(self._planes(scene), masks, owner))
        rows = torch.stack([inside, around, looks.to(inside)], dim=1)
        numbers = self.region_numbers(scene, masks, owner)
        margins = None if self.extent_head is None else self.extent_head(rows, numbers)
        return Description(rows, self.type_head(rows, numbers), margins)

    def describe_frame(self, frame: Frame, masks: Sequence[NDArray[np.bool_]]) -> Described:
        """`describe` of at least one mask [S, S] of one frame, without gradients."""
        with torch.inference_mode():
            features = frame.features
            regions = torch.from_numpy(np.stack(masks)).to(features)
            content = torch.from_numpy(frame.letterbox.content()).to(features).expand_as(regions)
            owner = torch.zeros(len(masks), dtype=torch.int64, device=features.device)
            template = None if frame.template is None else self._there(frame.template)[None]
            scene = Scene(self._there(frame.square)[None], features, template)
            rows, logits, margins = self.describe(scene, regions, owner, content)
            if margins is None:
                margins = logits.new_zeros((len(masks), 4))
            return Described(rows.half().cpu().numpy(), logits.float().cpu().numpy(), margins.float().cpu().numpy())

    def region_numbers(self, scene: Scene, masks: Tensor, owner: Tensor) -> Tensor:
        """The region numbers of the heads, [N, 6], or [N, 15] of an expert that compares with templates."""
        shape = pooling.shape_numbers(masks)
        if not self.config.template:
            return shape
        changes = np.zeros((len(masks), CONNECTION_NUMBERS), np.float32)
        if scene.templates is not None:
            pictures, templates = scene.pictures.cpu().numpy(), scene.templates.cpu().numpy()
            given = np.ones(len(pictures)) if scene.has_template is None else scene.has_template.cpu().numpy()
            for row, (mask, picture) in enumerate(zip((masks > 0).cpu().numpy(), owner.tolist(), strict=True)):
                if given[picture] > 0 and mask.any():
                    changes[row] = connections.changes(pictures[picture], templates[picture], mask)
        return torch.cat([shape, torch.from_numpy(changes).to(shape)], dim=1)

    def _planes(self, scene: Scene) -> Tensor:
        """The channels that are looked at closely, [B, 3 or 9, S, S]; without a template the picture is its own."""
        picture = self.normalised(scene.pictures)
        if not self.config.template:
            return picture
        template = picture if scene.templates is None else self.normalised(scene.templates)
        if scene.has_template is not None:
            template = torch.where(scene.has_template[:, None, None, None] > 0, template, picture)
        return torch.cat([picture, template, picture - template], dim=1)


def create(config: ExpertConfig, source: str | None = None) -> RegionExpert:
    """A new expert with untrained heads; the backbone is the named one, or `source` (directory, hub id).

    Raises OSError when the backbone is not there, UnfitSide when its patch does not divide `config.backbone_size`.
    """
    source = source or BACKBONES[config.name]
    if source is None:
        return RegionExpert(config)
    frozen, values = backbone.fetch(source)
    return RegionExpert(replace(config, backbone=values, backbone_layers=frozen.layers), frozen)


def save(model: RegionExpert, folder: Path, config: ExpertConfig | None = None) -> None:
    """Write config.json and model.safetensors (matrices in fp16, vectors in fp32)."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: (value.half() if value.ndim > 1 else value.float()).contiguous()
        for name, value in model.state_dict().items()
    }
    save_file(tensors, folder / TENSORS)
    (folder / TENSORS).chmod(0o644)  # safetensors writes files for their owner only
    text = json.dumps((config or model.config).as_dict(), indent=2, sort_keys=True) + "\n"
    (folder / CONFIG).write_text(text, encoding="utf-8")


def load(folder: Path) -> RegionExpert:
    """Read a checkpoint as fp32 in evaluation mode; raises CheckpointError."""
    try:
        config = ExpertConfig.from_dict(read_config(folder))
        model = RegionExpert(config)
        values = {name: value.float() for name, value in load_file(folder / TENSORS).items()}
        missing, unexpected = model.load_state_dict(values, strict=False)
    except (KeyError, TypeError, ValueError, RuntimeError, OSError, SafetensorError) as error:
        raise CheckpointError(folder, _RETRAIN, f"not a region expert ({error})") from error
    if missing or unexpected:
        raise CheckpointError(folder, _RETRAIN, f"tensors do not fit the configuration ({[*missing, *unexpected][:3]})")
    return model.eval()


def start_from(model: RegionExpert, folder: Path, keep_backbone: bool = False) -> int:
    """Copy every trained tensor of equal name and shape from a checkpoint; returns how many. Raises CheckpointError.

    The type head's last layers are left out when the types differ. The frozen backbone is copied when it has equal shape,
    unless `keep_backbone`, which is for one that was chosen on purpose.
    """
    donor = load(folder)
    same_types = donor.config.type_slugs == model.config.type_slugs
    own = model.state_dict()
    taken = {
        name: value
        for name, value in donor.state_dict().items()
        if name in own
        and own[name].shape == value.shape
        and (same_types or not name.startswith(_TYPES_LAST))
        and not (keep_backbone and name.startswith("backbone."))
    }
    model.load_state_dict(taken, strict=False)
    return len(taken)


def parameters(model: nn.Module) -> int:
    """Number of parameters, the frozen ones included."""
    return sum(value.numel() for value in model.parameters())
