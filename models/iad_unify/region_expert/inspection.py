"""One frame through the expert: map, proposals, tokens. Serving, evaluation and the explainer's training share it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from iad_unify.catalog import APPEARANCE_ROWS
from iad_unify.geometry import Letterbox
from iad_unify.region_expert.model import ExpertOutput, RegionExpert
from iad_unify.region_expert.proposals import Proposal, propose, smooth
from iad_unify.region_expert.sampling import content_of


@dataclass(frozen=True, slots=True)
class Inspected:
    """What the expert found in one frame."""

    smoothed: NDArray[np.float32]  # [S, S] probability map; 0 on the padding
    proposals: tuple[Proposal, ...]  # by descending score
    appearance: NDArray[np.float16]  # [R, K, D]
    type_logits: NDArray[np.float32]  # [R, T]

    @property
    def score(self) -> float:
        """The picture's score: the maximum of the map."""
        return float(self.smoothed.max())


def maps(model: RegionExpert, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], torch.Tensor]:
    """Probability maps [B, S, S] (raw, unsmoothed) of uint8 squares [B, S, S, 3], and the token features."""
    with torch.inference_mode():
        output: ExpertOutput = model(torch.from_numpy(np.ascontiguousarray(pictures)).to(model.mean.device))
        return output.logits.sigmoid().cpu().numpy(), output.features


def inspect(
    model: RegionExpert,
    pictures: NDArray[np.uint8],
    letterboxes: Sequence[Letterbox],
    thresholds: Sequence[float],
    min_areas_px: Sequence[float],
) -> list[Inspected]:
    """Inspect a batch of letterboxed frames uint8 [B, S, S, 3], each with its own threshold and smallest area."""
    raw, features = maps(model, pictures)
    found = []
    for index, letterbox in enumerate(letterboxes):
        smoothed = smooth(raw[index], letterbox, model.config.smoothing_px)
        proposals = propose(smoothed, letterbox, thresholds[index], min_areas_px[index])
        masks = [proposal.square for proposal in proposals]
        appearance, logits = describe(model, features[index : index + 1], masks, letterbox)
        found.append(Inspected(smoothed, tuple(proposals), appearance, logits))
    return found


def describe(
    model: RegionExpert, features: torch.Tensor, masks: Sequence[NDArray[np.bool_]], letterbox: Letterbox
) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """Appearance fp16 [R, K, D] and type logits fp32 [R, T] of masks [S, S] of one frame; features [1, D, h, w]."""
    if not masks:
        shape = (0, APPEARANCE_ROWS, model.config.token_dim)
        return np.zeros(shape, np.float16), np.zeros((0, len(model.config.type_slugs)), np.float32)
    with torch.inference_mode():
        regions = torch.from_numpy(np.stack(masks)).to(features)
        content = torch.from_numpy(content_of(letterbox)).to(features).expand_as(regions)
        owner = torch.zeros(len(masks), dtype=torch.int64, device=features.device)
        rows, logits = model.describe(features, regions, owner, content)
        return rows.half().cpu().numpy(), logits.float().cpu().numpy()
