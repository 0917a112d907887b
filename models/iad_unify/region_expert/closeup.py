"""A close look at each region: a window of the picture at full resolution, and what a small network makes of it.

Features at stride 4, averaged over a region, tell its colour and texture but not how it is made: whether a gap crosses a
whole track or only bites into it is a matter of two pixels and their places. It knows no types.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from iad_unify.region_expert.decoder import conv

#: Side of a window as the network sees it, pixels.
WINDOW_PX = 64
#: Room that a window leaves around its region, pixels of the square.
ROOM_PX = 12
_WIDTHS = (16, 32, 64)


class CloseLook(nn.Module):
    """Windows [N, C, 64, 64] around regions to what is seen there: [N, D], of mean 0 and variance 1.

    Channels are the picture, the region's mask and, with `template`, the aligned template and the difference to it.
    """

    def __init__(self, token_dim: int, template: bool) -> None:
        super().__init__()
        channels = 4 + (6 if template else 0)
        stages: list[nn.Module] = []
        for inputs, outputs in zip((channels, *_WIDTHS), _WIDTHS, strict=False):
            stages += [conv(inputs, outputs, stride=2), conv(outputs, outputs), conv(outputs, outputs)]
        self.layers = nn.Sequential(*stages)
        # the mean over the window, and the mean over the region in it
        self.head = nn.Sequential(nn.Linear(2 * _WIDTHS[-1], token_dim), nn.LayerNorm(token_dim))

    def forward(self, windows: Tensor) -> Tensor:
        """See the class; channel 3 is the mask."""
        maps = self.layers(windows)
        inside = functional.adaptive_max_pool2d(windows[:, 3:4], maps.shape[-1])
        weights = inside / inside.sum(dim=(2, 3), keepdim=True).clamp_min(1e-6)
        pooled = torch.cat([maps.mean(dim=(2, 3)), (maps * weights).sum(dim=(2, 3))], dim=1)
        return self.head(pooled)


def cut(planes: Tensor, masks: Tensor, owner: Tensor) -> Tensor:
    """The windows [N, C + 1, 64, 64] of regions: `planes` [B, C, S, S] with the mask put in after channel 2.

    masks float [N, S, S] of 0 and 1; owner int64 [N], the picture of each; S is a multiple of 64. A window is the
    smallest of 64, 128, 256 … pixels that holds its region with ROOM_PX around it, moved inside the picture, and averaged
    down to 64 by 64.
    """
    size = masks.shape[-1]
    low, high = _box(masks)
    steps = torch.tensor([2**step for step in range(16) if WINDOW_PX * 2**step <= size], device=masks.device)
    need = (high - low).amax(dim=1) + 2 * ROOM_PX
    level = (need[:, None] > WINDOW_PX * steps).sum(dim=1).clamp_max(len(steps) - 1)
    out = planes.new_zeros((len(masks), planes.shape[1] + 1, WINDOW_PX, WINDOW_PX))
    line = torch.arange(WINDOW_PX, device=masks.device)
    for index, step in enumerate(steps.tolist()):
        chosen = torch.nonzero(level == index)[:, 0]
        if not len(chosen):
            continue
        middle = (low[chosen] + high[chosen]) / (2 * step)
        start = (middle - WINDOW_PX / 2).round().clamp(0, size // step - WINDOW_PX).long()  # [n, 2]: x, y
        columns, rows = start[:, :1] + line, start[:, 1:] + line
        scaled, shapes = (
            functional.avg_pool2d(one, step) if step > 1 else one for one in (planes, masks[chosen][:, None])
        )
        cells = scaled[owner[chosen]].gather(
            2, rows[:, None, :, None].expand(-1, planes.shape[1], -1, scaled.shape[-1])
        )
        cells = cells.gather(3, columns[:, None, None, :].expand(-1, planes.shape[1], WINDOW_PX, -1))
        own = shapes.gather(2, rows[:, None, :, None].expand(-1, 1, -1, shapes.shape[-1]))
        own = own.gather(3, columns[:, None, None, :].expand(-1, 1, WINDOW_PX, -1))
        out[chosen] = torch.cat([cells[:, :3], own.to(cells), cells[:, 3:]], dim=1)
    return out


def _box(masks: Tensor) -> tuple[Tensor, Tensor]:
    """The first position of each mask and the one behind its last, float [N, 2] each: x, y."""
    size = masks.shape[-1]
    line = torch.arange(size, device=masks.device, dtype=masks.dtype)
    profiles = torch.stack([masks.amax(dim=1), masks.amax(dim=2)], dim=1) > 0  # [N, 2, S]: columns, rows
    first = torch.where(profiles, line, float(size)).amin(dim=2)
    last = torch.where(profiles, line, -1.0).amax(dim=2) + 1
    return first.clamp_max(size - 1), torch.maximum(last, first.clamp_max(size - 1) + 1)
