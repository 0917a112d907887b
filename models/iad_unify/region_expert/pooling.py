"""From region masks to region tokens: what is pooled inside a region, around it, and what its shape is."""

import torch
from torch import Tensor
from torch.nn import functional

from iad_unify.region_expert.decoder import STRIDE

#: Width of the ring around a region, in cells of that map.
RING_CELLS = 3
#: Numbers that are gathered at a time: of large squares, those of a few regions.
_MOST_GATHERED = 2**26
_EPSILON = 1e-6


def pool(features: Tensor, masks: Tensor, owner: Tensor, content: Tensor) -> Tensor:
    """Appearance rows [N, 2, D]: mean of the features inside each region, mean over the ring around it.

    features [B, D, h, w]; masks float [N, S, S] of 0 and 1; owner int64 [N], the picture of each region;
    content float [N, S, S], 0 on the letterbox padding, which never enters a ring. A region whose ring is empty
    takes the mean of all content.
    """
    inside = functional.avg_pool2d(masks[:, None], STRIDE)[:, 0]  # [N, h, w] share of each cell
    valid = functional.avg_pool2d(content[:, None], STRIDE)[:, 0]
    near = functional.max_pool2d(inside[:, None], 2 * RING_CELLS + 1, 1, RING_CELLS)[:, 0] > 0
    ring = near * (inside <= 0) * valid
    ring = torch.where(ring.sum(dim=(1, 2), keepdim=True) > 0, ring, valid)
    weights = torch.stack([inside, ring], dim=1).flatten(2)  # [N, 2, h*w]
    weights = weights / (weights.sum(dim=2, keepdim=True) + _EPSILON)
    cells = features.flatten(2)
    some = max(1, _MOST_GATHERED // cells[0].numel())
    rows = [
        torch.bmm(weights[at : at + some], cells[owner[at : at + some]].transpose(1, 2).to(weights.dtype))
        for at in range(0, max(1, len(weights)), some)
    ]
    return torch.cat(rows)


def shape_numbers(masks: Tensor) -> Tensor:
    """A float [N, 6]: log width, height and area in pixels of the square, fill of the box, elongation, thickness.

    Elongation is the log ratio of the axes of the second moments; it does not depend on the orientation.
    """
    size = masks.shape[-1]
    line = torch.arange(size, dtype=masks.dtype, device=masks.device)
    area = masks.sum(dim=(1, 2)).clamp_min(1.0)
    across, down = masks.amax(dim=1), masks.amax(dim=2)  # [N, S]
    width, height = _extent(across), _extent(down)
    mean_x = (masks.sum(dim=1) * line).sum(dim=1) / area
    mean_y = (masks.sum(dim=2) * line).sum(dim=1) / area
    dx, dy = line[None] - mean_x[:, None], line[None] - mean_y[:, None]
    xx = (masks.sum(dim=1) * dx**2).sum(dim=1) / area
    yy = (masks.sum(dim=2) * dy**2).sum(dim=1) / area
    xy = torch.einsum("nyx,ny,nx->n", masks, dy, dx) / area
    half_gap = ((xx - yy) ** 2 / 4 + xy**2).sqrt()
    major, minor = (xx + yy) / 2 + half_gap, ((xx + yy) / 2 - half_gap).clamp_min(0)
    elongation = 0.5 * torch.log((major + 0.25) / (minor + 0.25))
    thickness = torch.log(area / major.clamp_min(0.25).sqrt())
    fill = area / (width * height).clamp_min(1.0)
    return torch.stack([width.log(), height.log(), area.log(), fill, elongation, thickness], dim=1)


def _extent(profile: Tensor) -> Tensor:
    """Length from the first to the last set position of each row [N, S]; at least 1."""
    size = profile.shape[1]
    line = torch.arange(size, device=profile.device)
    last = torch.where(profile > 0, line, -1).amax(dim=1)
    first = torch.where(profile > 0, line, size).amin(dim=1)
    return (last - first + 1).clamp_min(1).to(profile.dtype)
