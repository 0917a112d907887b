"""One frame through the expert: map, proposals, tokens. Serving, evaluation and the explainer's training share it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from iad_unify.catalog import APPEARANCE_ROWS, MAX_REGIONS
from iad_unify.geometry import Letterbox
from iad_unify.region_expert import tiling
from iad_unify.region_expert.described import Described, Frame
from iad_unify.region_expert.memory import fuse
from iad_unify.region_expert.model import Looked, RegionExpert
from iad_unify.region_expert.proposals import Proposal, propose, smooth

#: Golden templates aligned with the frames of a batch: uint8 [B, S, S, 3], or one by one with None for those without.
Templates = NDArray[np.uint8] | Sequence[NDArray[np.uint8] | None] | None
#: The patches [B, T, C, h, w] of a batch, see `tiling.look`, to maps [S, S] in 0..1 as of `Memory.score` and `Golden.score`;
#: None for a frame without a reference.
Compare = Callable[[torch.Tensor], Sequence[NDArray[np.float32] | None]]


@dataclass(frozen=True, slots=True)
class Inspected:
    """What the expert found in one frame."""

    smoothed: NDArray[np.float32]  # [S, S] probability map; 0 on the padding
    proposals: tuple[Proposal, ...]  # by descending score
    appearance: NDArray[np.float16]  # [R, K, D]
    type_logits: NDArray[np.float32]  # [R, T + 1], of the configuration's answers
    boxes: NDArray[np.float32]  # [R, 4]: x0, y0, x1, y1, original pixels, as a person would draw them

    @property
    def score(self) -> float:
        """The picture's score: the maximum of the map."""
        return float(self.smoothed.max())


def maps(
    model: RegionExpert, pictures: NDArray[np.uint8], templates: Templates = None
) -> tuple[NDArray[np.float32], torch.Tensor]:
    """Probability maps [B, S, S] (raw, unsmoothed) of uint8 squares [B, S, S, 3], and the token features.

    `templates` lie aligned with the pictures. Squares larger than the expert's input are looked at in tiles; ValueError for
    smaller ones.
    """
    output = _looked(model, pictures, templates)
    return output.logits.sigmoid().cpu().numpy(), output.features


def _looked(model: RegionExpert, pictures: NDArray[np.uint8], templates: Templates, *, patches: bool = False) -> Looked:
    """Pictures with a template and pictures without are two batches."""
    given = {} if templates is None else {row: one for row, one in enumerate(templates) if one is not None}
    if not given:
        return tiling.look(model, pictures, patches=patches)
    shown = np.stack(list(given.values()))
    if len(given) == len(pictures):
        return tiling.look(model, pictures, shown, patches=patches)
    alone = [row for row in range(len(pictures)) if row not in given]
    parts = (
        tiling.look(model, pictures[list(given)], shown, patches=patches),
        tiling.look(model, pictures[alone], patches=patches),
    )
    order = torch.tensor([*given, *alone]).argsort()
    kinds = [[plane for plane in planes if plane is not None] for planes in zip(*parts, strict=True)]
    return Looked(*(torch.cat(planes)[order.to(planes[0].device)] for planes in kinds if planes))


def inspect(
    model: RegionExpert,
    pictures: NDArray[np.uint8],
    letterboxes: Sequence[Letterbox],
    thresholds: Sequence[float],
    min_areas_px: Sequence[float],
    templates: Templates = None,
    limit: int = MAX_REGIONS,
    compare: Compare | None = None,
) -> list[Inspected]:
    """Inspect a batch of letterboxed frames uint8 [B, S, S, 3], each with its own threshold and smallest area.

    `templates` as in `maps`; at most `limit` regions are proposed in a frame. What `compare` makes of the patches is fused
    with the frame's own map before anything else.
    """
    looked = _looked(model, pictures, templates, patches=compare is not None)
    raw, features = looked.logits.sigmoid().cpu().numpy(), looked.features
    reference_maps: Sequence[NDArray[np.float32] | None] = [None] * len(raw)
    if compare is not None:
        assert looked.patches is not None  # they were asked for
        reference_maps = compare(looked.patches)
    found = []
    for index, letterbox in enumerate(letterboxes):
        compared = reference_maps[index]
        probability = raw[index] if compared is None else fuse(raw[index], compared)
        smoothed = smooth(probability, letterbox, model.config.smoothing_px)
        config = model.config
        level = Level(thresholds[index], min_areas_px[index], config.merge_gap_px, limit, config.grow_share)
        template = None if templates is None else templates[index]
        frame = Frame(pictures[index], letterbox, features[index : index + 1], template)
        found.append(regions(model, smoothed, frame, level))
    return found


class Level(NamedTuple):
    """How regions are cut out of a map; see `propose`."""

    threshold: float
    min_area_px: float
    merge_gap_px: int
    limit: int
    grow_share: float = 1.0


def regions(model: RegionExpert, smoothed: NDArray[np.float32], frame: Frame, level: Level) -> Inspected:
    """The regions of one frame from its smoothed map [S, S]."""
    letterbox = frame.letterbox
    proposals = propose(smoothed, letterbox, *level)
    described = describe(model, frame, [proposal.square for proposal in proposals])
    boxes = _boxes(proposals, described.margins / letterbox.scale, letterbox)
    return Inspected(smoothed, tuple(proposals), described.appearance, described.type_logits, boxes)


def describe(model: RegionExpert, frame: Frame, masks: Sequence[NDArray[np.bool_]]) -> Described:
    """Of masks [S, S] of one frame."""
    if not masks:
        shape = (0, APPEARANCE_ROWS, model.config.token_dim)
        types = len(model.config.answers)
        return Described(np.zeros(shape, np.float16), np.zeros((0, types), np.float32), np.zeros((0, 4), np.float32))
    return model.describe_frame(frame, masks)


def good_frames(
    model: RegionExpert,
    squares: Sequence[NDArray[np.uint8]],
    letterboxes: Sequence[Letterbox],
    beside: Sequence[bool] | None = None,
) -> list[Frame]:
    """Good parts [S, S, 3], aligned with frames, as frames of their own: for `describe` at the masks of those.

    Golden templates, or where `beside` is false good parts that stand in for one. An expert that compares sees a template
    beside itself, so that where frame and template are equal, their rows are. This is one more pass of the network over each.
    With the shipped expert in torch on one thread it takes, with the description of one region, 33 processor ms in a square of
    256 pixels and 45 with that of five, where inspecting the frame takes 47; in a square of 512 pixels 290 with that of four,
    of 320.
    """
    if not squares:
        return []
    known = [True] * len(squares) if beside is None else beside
    templates = [square if own else None for square, own in zip(squares, known, strict=True)]
    features = _looked(model, np.stack(squares), templates).features
    return [
        Frame(square, letterbox, features[row : row + 1], template)
        for row, (square, letterbox, template) in enumerate(zip(squares, letterboxes, templates, strict=True))
    ]


def _boxes(proposals: Sequence[Proposal], margins: NDArray[np.float32], letterbox: Letterbox) -> NDArray[np.float32]:
    out = np.zeros((len(proposals), 4), np.float32)
    for row, (proposal, (left, top, right, bottom)) in enumerate(zip(proposals, margins, strict=True)):
        x, y, width, height = proposal.box
        out[row] = (x - left, y - top, x + width + right, y + height + bottom)
    return np.clip(out, 0, np.array([letterbox.width, letterbox.height] * 2, np.float32))
