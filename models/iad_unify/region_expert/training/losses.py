"""What the heads are trained on: pixel, picture and region losses."""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from iad_unify.data.truth import MADE_UP
from iad_unify.region_expert.model import ExpertOutput, RegionExpert, Scene
from iad_unify.region_expert.squares import Batch

_FOCUS = 1.5  # focal exponent
_PIXEL_GAIN = 20.0  # brings the focal term, a mean over mostly easy pixels, to the size of the dice term
_TOP_PIXELS = 12  # the picture's score in training: mean of its highest logits
_REGIONS_PER_PICTURE = 4
_LEAST_PIXELS = 4
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

    kind: Tensor
    extent: Tensor
    accuracy: float  # nan without typed regions


def region_losses(model: RegionExpert, output: ExpertOutput, batch: Batch, rng: np.random.Generator) -> RegionLosses:
    """What the heads make of the batch's regions.

    Half of the regions are taken as the anomaly head sees them, so that the heads meet predicted masks in training.
    An anomaly that was made up teaches the head what "unknown" is.
    """
    with torch.no_grad():
        seen = (output.logits > 0).cpu().numpy()
    regions = _regions(batch, seen, rng, len(model.config.type_slugs))
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
    kind = functional.cross_entropy(logits.float(), target, weights, label_smoothing=0.05)
    typed = target < logits.shape[1] - 1
    hits = (logits.argmax(dim=1) == target)[typed].float().mean()
    extent = rows.sum() * 0.0 if margins is None else _extent_loss(margins.float(), regions)
    return RegionLosses(kind, extent, float(hits))


def _extent_loss(margins: Tensor, regions: "list[_Region]") -> Tensor:
    known = [index for index, region in enumerate(regions) if region.margins is not None]
    if not known:
        return margins.sum() * 0.0
    target = torch.tensor([regions[index].margins for index in known], dtype=torch.float32, device=margins.device)
    return functional.smooth_l1_loss(margins[known] / _MARGIN_PX, target / _MARGIN_PX)


class _Region(NamedTuple):
    picture: int
    mask: NDArray[np.bool_]
    kind: int
    margins: tuple[float, float, float, float] | None  # from its tight box to the annotated one, pixels


def _regions(batch: Batch, seen: NDArray[np.bool_], rng: np.random.Generator, types: int) -> list[_Region]:
    found: list[_Region] = []
    boxes = None if batch.boxes is None else batch.boxes.numpy()
    for picture, labels in enumerate(batch.labels.numpy()):
        plane = None if boxes is None else boxes[picture]
        for label, whole, box in _defects(labels, plane, rng):
            mask = whole
            if rng.random() < 0.5:
                around = cv2.dilate(mask.astype(np.uint8), np.ones((11, 11), np.uint8)).astype(bool)
                around &= True if plane is None or box == 0 else plane == box
                predicted = seen[picture] & around
                mask = predicted if predicted.sum() >= 4 else mask
            margins = None if plane is None or box == 0 else _margins(mask, plane == box)
            found.append(_Region(picture, mask, types if label == MADE_UP else label - 1, margins))
    return found


def _defects(
    labels: NDArray[np.uint8], plane: NDArray[np.uint8] | None, rng: np.random.Generator
) -> Iterator[tuple[int, NDArray[np.bool_], int]]:
    """Label, mask and box number (0: none) of a few defects: one for each box, or for each type and for what is made up."""
    if plane is not None and plane.any():
        numbers = [number for number in np.unique(plane) if number > 0]
        for number in rng.permutation(numbers)[:_REGIONS_PER_PICTURE]:
            mask = (plane == number) & (labels > 0) & (labels < MADE_UP)
            if mask.sum() >= _LEAST_PIXELS:
                yield int(np.bincount(labels[mask]).argmax()), mask, int(number)
        return
    for label in [value for value in np.unique(labels) if 0 < value <= MADE_UP][:_REGIONS_PER_PICTURE]:
        whole = (labels == label).astype(np.uint8)
        yield int(label), _largest(whole) if rng.random() < 0.5 else whole.astype(bool), 0


def _margins(mask: NDArray[np.bool_], box: NDArray[np.bool_]) -> tuple[float, float, float, float] | None:
    """None when the box is cut off by the crop's border, so that nobody knows how far it reaches."""
    if box[0].any() or box[-1].any() or box[:, 0].any() or box[:, -1].any():
        return None
    inner, outer = _edges(mask), _edges(box)
    left, top, right, bottom = (max(0.0, far - near) for far, near in zip(outer, inner, strict=True))
    return left, top, right, bottom


def _edges(mask: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """How far the mask reaches to the left, the top, the right and the bottom; larger is farther."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return -float(columns[0]), -float(rows[0]), float(columns[-1]), float(rows[-1])


def _largest(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
