"""Regions of which the type is known: what the expert says of each true defect, given its mask or where it found it.

It measures nothing; `confidence` and the benchmarks do.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iad_unify.catalog import MAX_REGIONS
from iad_unify.region_expert.evaluation.looking import FOUND_IOU, best_match, show
from iad_unify.region_expert.evaluation.subjects import Subject
from iad_unify.region_expert.inspection import Level, describe, regions
from iad_unify.region_expert.model import RegionExpert
from iad_unify.region_expert.proposals import smooth


@dataclass(frozen=True, slots=True)
class Typed:
    """One true defect as the expert sees it."""

    group: str
    picture: str
    defect_type: str  # the right one
    logits: NDArray[np.float32]  # [T + 1], of the configuration's answers
    appearance: NDArray[np.float16]  # [K, D]
    found: bool  # the region is the expert's own, not the true mask


def typed_regions(
    expert: RegionExpert, subject: Subject, decision: float, proposal: float, square: int = 0
) -> list[Typed]:
    """Each true defect of a picture, given its mask; and once more as found, where a region is on it.

    A defect is found by the region of best IoU, at least `looking.FOUND_IOU`, among those that score `decision` or more;
    regions are proposed at `proposal`. `square` as in `looking.look`. Raises as it does.
    """
    case = subject.open()
    if not case.defects:
        return []
    frame, raw = show(expert, case, square)
    letterbox = frame.letterbox
    smoothed = smooth(raw, letterbox, expert.config.smoothing_px)
    level = Level(proposal, 0.0, expert.config.merge_gap_px, MAX_REGIONS, expert.config.grow_share)
    found = regions(expert, smoothed, frame, level)
    given = describe(expert, frame, [letterbox.apply_mask(mask) for _, mask in case.defects])
    out = []
    for row, (slug, mask) in enumerate(case.defects):
        known = (subject.group, subject.name, slug)
        out.append(Typed(*known, given.type_logits[row], given.appearance[row], found=False))
        iou, best = best_match(found, mask, decision)
        if best is not None and iou >= FOUND_IOU:
            out.append(Typed(*known, found.type_logits[best], found.appearance[best], found=True))
    return out
