"""What the heads are trained on: pixel, picture and region losses."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from iad_unify.catalog import LOOK_ROW
from iad_unify.region_expert.model import ExpertOutput, RegionExpert, Scene
from iad_unify.region_expert.squares import Batch
from iad_unify.region_expert.training.regions import TrueRegion, regions_of

_FOCUS = 1.5  # focal exponent
_PIXEL_GAIN = 20.0  # brings the focal term, a mean over mostly easy pixels, to the size of the dice term
_TOP_PIXELS = 12  # the picture's score in training: mean of its highest logits
_MARGIN_PX = 8.0  # the usual size of a margin
_UNKNOWN_WEIGHT = 0.3  # of made-up anomalies: there are many of them, and calling a real defect unknown costs more


def anomaly_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Focal and dice loss over content pixels, and a term on the highest logits of good pictures (scalar)."""
    target = (batch.labels > 0).float()  # [B, S, S]
    content = batch.content.float()
    raw = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    probability = logits.sigmoid()
    wrong = torch.where(target > 0, 1 - probability, probability)
    focal = (raw * wrong**_FOCUS * content).sum() / content.sum().clamp_min(1)
    defective = target.amax(dim=(1, 2)) > 0  # [B]
    overlap = (probability * target * content).sum(dim=(1, 2))
    mass = ((probability + target) * content).sum(dim=(1, 2))
    dice = 1 - (2 * overlap + 1) / (mass + 1)
    dice = (dice * defective).sum() / defective.sum().clamp_min(1)
    top = logits.masked_fill(~batch.content, -20.0).flatten(1).topk(_TOP_PIXELS, dim=1).values.mean(dim=1)
    # a good picture's highest logits are pushed down; a defective one's may lie beside its defect, so they are let be
    picture = (functional.softplus(top) * ~defective).mean()
    return _PIXEL_GAIN * focal + dice + 0.3 * picture


class RegionLosses(NamedTuple):
    """Cross entropy of the type head, error of the extent head (both scalar, 0 without regions), type accuracy."""

    kind: Tensor  # that of the probe is added
    extent: Tensor
    accuracy: float  # nan without typed regions


def probe_of(model: RegionExpert) -> nn.Linear | None:
    """A linear reader of types from the close look alone, which learns along and is not kept.

    The type head reads three rows and the shape through a hidden layer of its own. Who reads the rows later, as the
    explainer does, has thousands of regions for it and not hundreds of thousands: what is linear in one row it learns from
    those. An expert that compares with templates names types by what a region severs and joins as well, and has none.
    """
    return None if model.config.template else nn.Linear(model.config.token_dim, len(model.config.answers))


def region_losses(
    model: RegionExpert, output: ExpertOutput, batch: Batch, rng: np.random.Generator, probe: nn.Linear | None = None
) -> RegionLosses:
    """What the heads, and the probe, make of the batch's regions.

    An anomaly that was made up teaches the head what "unknown" is.
    """
    with torch.no_grad():
        probability = output.logits.float().sigmoid().cpu().numpy()
    regions = regions_of(batch, probability, rng, model.config)
    if not regions:
        nothing = output.features.sum() * 0.0
        return RegionLosses(nothing, nothing, float("nan"))
    device = output.features.device
    owner = torch.tensor([region.picture for region in regions], device=device)
    masks = torch.from_numpy(np.stack([region.mask for region in regions])).to(device).float()
    target = torch.tensor([region.kind for region in regions], device=device)
    there = batch.to(device)
    scene = Scene(there.pictures, output.features, there.templates, there.has_template)
    rows, logits, margins = model.describe(scene, masks, owner, there.content.float()[owner])
    weights = logits.new_ones(logits.shape[1])
    weights[-1] = _UNKNOWN_WEIGHT
    answers = [logits] if probe is None else [logits, probe(rows[:, LOOK_ROW])]
    kind = torch.stack(
        [functional.cross_entropy(answer.float(), target, weights, label_smoothing=0.05) for answer in answers]
    ).sum()
    typed = target < logits.shape[1] - 1
    hits = (logits.argmax(dim=1) == target)[typed].float().mean()
    extent = rows.sum() * 0.0 if margins is None else _extent_loss(margins.float(), regions)
    return RegionLosses(kind, extent, float(hits))


def _extent_loss(margins: Tensor, regions: list[TrueRegion]) -> Tensor:
    known = [index for index, region in enumerate(regions) if region.margins is not None]
    if not known:
        return margins.sum() * 0.0
    target = torch.tensor([regions[index].margins for index in known], dtype=torch.float32, device=margins.device)
    return functional.smooth_l1_loss(margins[known] / _MARGIN_PX, target / _MARGIN_PX)
