"""The trained layers: a convolutional detail branch, a top-down decoder, the anomaly, token and type heads.

The detail branch carries the result when the backbone is a toy. Backbone features come in through a gate that starts
at zero, so an uninformative backbone costs nothing and an informative one turns itself on.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from iad_unify.region_expert.config import SIDE_STEP
from iad_unify.region_expert.connections import CONNECTION_NUMBERS
from iad_unify.region_expert.template import TemplateDifference

#: Numbers that describe a region's shape to the type head; see `pooling.shape_numbers`.
SHAPE_NUMBERS = 6
_ALONE = 1 / 3  # of the training
_NORM_GROUPS = 8
#: Stride of the finest map, which is also the one that tokens are pooled from; pixels.
STRIDE = 4
#: Sides of the neighbourhoods that a pixel is compared with, pixels, and what brings the difference to unit size. The
#: first is a cell of the finest map, the others are multiples of two cells.
CONTRAST_SCALES, CONTRAST_GAIN = (STRIDE, 16, 32, SIDE_STEP), 2.0


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, group norm, ReLU.

    Group norm does not depend on the batch: crops, whole squares, pairs and small fine-tuning sets mix freely, and a
    frame's answer is the same alone and in a batch.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.GroupNorm(_NORM_GROUPS, outputs),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = conv(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.GroupNorm(_NORM_GROUPS, width))

    def forward(self, x: Tensor) -> Tensor:
        """[B, width, h, w] to the same shape."""
        return functional.relu(x + self.second(self.first(x)))


class LocalContrast(nn.Module):
    """[B, 3, S, S] to [B, 114, S/4, S/4]: the picture, and how each pixel stands out from its surroundings at four scales.

    What a defect is lies in the difference to its surroundings, not in a product's own colour and light. Given only the
    picture, a small network spends its first thousands of steps on finding this out: at equal steps (100) on drawings it
    reached a pixel AP of 0.04 without and 0.22 with such channels.

    In order, for each of the three colours of a cell of 4 by 4 pixels: the pixels less the cell's mean (16), the means of
    the 9 cells around less this one's, for each larger scale the cell's mean less two by two samples of the smooth map,
    and the mean itself. A smooth map has no more degrees of freedom than that inside a cell, so nothing is lost against
    giving the difference of every pixel, and the convolution over it costs half.
    """

    channels = 3 * (STRIDE**2 + 9 + 4 * (len(CONTRAST_SCALES) - 1) + 1)

    def forward(self, picture: Tensor) -> Tensor:
        """See the class; S is a multiple of the largest scale."""
        batch, colours, height, width = picture.shape[0], 3, picture.shape[2] // STRIDE, picture.shape[3] // STRIDE
        pixels = functional.pixel_unshuffle(picture, STRIDE).reshape(batch, colours, STRIDE**2, height, width)
        means = pixels.mean(dim=2)  # [B, 3, h, w]
        cell = means[:, :, None]
        near = functional.pad(means, (1, 1, 1, 1), mode="replicate")
        around = [near[..., y : y + height, x : x + width] for y in range(3) for x in range(3)]
        parts = [pixels - cell, torch.stack(around, dim=2) - cell]
        for scale in CONTRAST_SCALES[1:]:
            smooth = functional.interpolate(
                functional.avg_pool2d(means, scale // STRIDE),
                size=(2 * height, 2 * width),
                mode="bilinear",
                align_corners=False,
            )
            samples = functional.pixel_unshuffle(smooth, 2).reshape(batch, colours, 4, height, width)
            parts.append(cell - samples)
        contrasts = torch.cat([part.flatten(1, 2) for part in parts], dim=1) * CONTRAST_GAIN
        return torch.cat([contrasts, means], dim=1)


class DetailBranch(nn.Module):
    """[B, 3, S, S] to four maps at strides 4, 8, 16, 32; every pixel of a 4x4 block is a channel of its own.

    What differs from a golden template is added to the finest map, so that every later layer works with and without one.
    Three steps: `stem`, `changed`, `descend`; who compares pictures needs the maps without what a template adds.
    """

    def __init__(self, widths: Sequence[int], template: bool = False) -> None:
        super().__init__()
        self.difference = TemplateDifference() if template else None
        self.template_stem = (
            nn.Sequential(
                nn.PixelUnshuffle(STRIDE),
                conv(TemplateDifference.channels * STRIDE**2, widths[0]),
                Residual(widths[0]),
            )
            if template
            else None
        )
        self.stem = nn.Sequential(LocalContrast(), conv(LocalContrast.channels, widths[0]), Residual(widths[0]))
        stages = []
        for inputs, outputs in pairwise(widths):
            stages.append(nn.Sequential(conv(inputs, outputs, stride=2), Residual(outputs)))
        self.stages = nn.ModuleList(stages)

    def changed(
        self, finest: Tensor, picture: Tensor, template: Tensor | None, has_template: Tensor | None = None
    ) -> Tensor:
        """The finest map with what an aligned template [B, 3, S, S] adds to it; itself without one, or a branch for it.

        Where `has_template` [B] is 0, the template is as if it were not there.
        """
        if template is None or self.difference is None or self.template_stem is None:
            return finest
        change = self.template_stem(self.difference(picture, template))
        return finest + (change if has_template is None else change * has_template[:, None, None, None])

    def descend(self, finest: Tensor, stages: int | None = None) -> list[Tensor]:
        """The finest map [B, widths[0], S/4, S/4] and the coarser ones below it: all, or of so many stages."""
        maps = [finest]
        for stage in self.stages[:stages]:
            maps.append(stage(maps[-1]))
        return maps


class GatedBackbone(nn.Module):
    """Backbone features projected and added behind a gate that starts at zero."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, width, 1)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, detail: Tensor, features: Tensor) -> Tensor:
        """Detail map [B, width, h, w] and patch features [B, channels, h', w'] to a map like the first."""
        shift = functional.interpolate(
            self.project(features), size=detail.shape[-2:], mode="bilinear", align_corners=False
        )
        return detail + self.gate * shift


class Decoder(nn.Module):
    """Four detail maps and backbone features to logits [B, S, S] and region-token features [B, D, S/4, S/4]."""

    def __init__(self, widths: Sequence[int], backbone_channels: int, token_dim: int) -> None:
        super().__init__()
        self.gated = GatedBackbone(backbone_channels, widths[2])
        # the whole picture at a glance
        self.surround = nn.Sequential(nn.Linear(widths[3], widths[3]), nn.ReLU(inplace=True))
        self.lateral = nn.ModuleList(nn.Conv2d(upper, lower, 1) for lower, upper in pairwise(widths))
        self.refine = nn.ModuleList(conv(width, width) for width in widths[:-1])
        self.tokens = nn.Conv2d(widths[0], token_dim, 1)
        self.anomaly = nn.Conv2d(widths[0], STRIDE**2, 3, 1, 1)  # the sub-pixels of each cell
        nn.init.constant_(self.anomaly.get_parameter("bias"), -4.0)  # defects are rare: start near their prior

    def forward(self, detail: Sequence[Tensor], features: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        top = detail[3] + self.surround(detail[3].mean(dim=(2, 3)))[:, :, None, None]
        for level in (2, 1, 0):
            side = self.gated(detail[level], features) if level == 2 else detail[level]
            up = functional.interpolate(
                self.lateral[level](top), size=side.shape[-2:], mode="bilinear", align_corners=False
            )
            top = self.refine[level](side + up)
        return functional.pixel_shuffle(self.anomaly(top), STRIDE)[:, 0], self.tokens(top)


class ExtentHead(nn.Module):
    """How far the annotated box of a region reaches beyond its tight box: pixels [N, 4], left, top, right, bottom.

    People draw boxes with room around a defect; the pixels that differ are often a tenth of the box.
    """

    def __init__(self, token_dim: int, rows: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(rows * token_dim + SHAPE_NUMBERS)
        self.layers = nn.Sequential(nn.Linear(rows * token_dim + SHAPE_NUMBERS, 64), nn.GELU(), nn.Linear(64, 4))

    def forward(self, rows: Tensor, numbers: Tensor) -> Tensor:
        """Appearance rows [N, K, D] and region numbers [N, R] to margins of at least 0."""
        raw = self.layers(self.norm(torch.cat([rows.flatten(1), numbers[:, :SHAPE_NUMBERS]], dim=1)))
        return functional.softplus(raw) * 8.0  # about 8 px a unit keeps the weights near 1


class TypeHead(nn.Module):
    """Appearance rows [N, K, D] and region numbers [N, R] to type logits [N, T].

    With `connections` what a region severs and joins speaks beside its look: the look holds for the boards that were learnt
    from, connectivity for all. Together from the start, the one that is learnt sooner would leave the other nothing to
    learn, so each is shown alone in a third of the training.
    """

    def __init__(self, token_dim: int, rows: int, types: int, connections: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(rows * token_dim + SHAPE_NUMBERS)
        self.layers = nn.Sequential(
            nn.Linear(rows * token_dim + SHAPE_NUMBERS, 128), nn.GELU(), nn.Dropout(0.1), nn.Linear(128, types)
        )
        self.connected = (
            nn.Sequential(nn.Linear(CONNECTION_NUMBERS, 64), nn.GELU(), nn.Linear(64, types)) if connections else None
        )

    def forward(self, rows: Tensor, numbers: Tensor) -> Tensor:
        """See the class; the first SHAPE_NUMBERS are the shape's, the others `connections.changes`."""
        look, connected = self.parts(rows, numbers)
        if connected is None:
            return look
        if not self.training:
            return look + connected
        chance = torch.rand((len(look), 1), device=look.device)
        return look * (chance > _ALONE) + connected * (chance < 1 - _ALONE)

    def parts(self, rows: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor | None]:
        """What the look says, and what the connections say; their sum is what the head says."""
        look = self.layers(self.norm(torch.cat([rows.flatten(1), numbers[:, :SHAPE_NUMBERS]], dim=1)))
        return look, None if self.connected is None else self.connected(numbers[:, SHAPE_NUMBERS:])

    def weigh_look(self, share: float) -> None:
        """From now on the look counts that share of what it counted."""
        last = self.layers[-1]
        with torch.no_grad():
            for value in last.parameters():
                value.mul_(share)
