"""What the heads are trained on: pixel, picture and region-type losses."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from iad_unify.region_expert.model import ExpertOutput, RegionExpert
from iad_unify.region_expert.sampling import UNTYPED, Batch

_FOCUS = 1.5  # focal exponent
_PIXEL_GAIN = 20.0  # brings the focal term, a mean over mostly easy pixels, to the size of the dice term
_TOP_PIXELS = 12  # the picture's score in training: mean of its highest logits
_REGIONS_PER_PICTURE = 4


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


def type_loss(
    model: RegionExpert, output: ExpertOutput, batch: Batch, rng: np.random.Generator
) -> tuple[Tensor, float]:
    """Cross entropy of the type head over typed regions, and its accuracy; zero and nan when there are none.

    Half of the regions are taken as the anomaly head sees them, so that the head meets predicted masks in training.
    """
    with torch.no_grad():
        seen = (output.logits > 0).numpy()
    masks, owner, types = _regions(batch, seen, rng)
    if not masks:
        return output.features.sum() * 0.0, float("nan")
    index = torch.tensor(owner)
    regions = torch.from_numpy(np.stack(masks)).float()
    target = torch.tensor(types)
    _, logits = model.describe(output.features, regions, index, batch.content.float()[index])
    hits = (logits.argmax(dim=1) == target).float().mean()
    return functional.cross_entropy(logits, target, label_smoothing=0.05), float(hits)


def _regions(
    batch: Batch, seen: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[list[NDArray[np.bool_]], list[int], list[int]]:
    masks: list[NDArray[np.bool_]] = []
    owner: list[int] = []
    types: list[int] = []
    for picture, labels in enumerate(batch.labels.numpy()):
        for label in [value for value in np.unique(labels) if 0 < value < UNTYPED][:_REGIONS_PER_PICTURE]:
            whole = (labels == label).astype(np.uint8)
            mask = _largest(whole) if rng.random() < 0.5 else whole.astype(bool)
            if rng.random() < 0.5:
                around = cv2.dilate(mask.astype(np.uint8), np.ones((11, 11), np.uint8)).astype(bool)
                predicted = seen[picture] & around
                mask = predicted if predicted.sum() >= 4 else mask
            masks.append(mask)
            owner.append(picture)
            types.append(int(label) - 1)
    return masks, owner, types


def _largest(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
