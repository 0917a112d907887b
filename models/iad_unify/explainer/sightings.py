"""What the frozen expert sees in drawn frames: tokens of the drawn defects (oracle) and of its proposals (predicted).

Computed once and kept in a file, so that a training step costs only the language model. Knows no questions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from iad_unify.catalog import EXPERT_SIZE, MAX_REGIONS
from iad_unify.checkpoint import CheckpointError, read_card
from iad_unify.geometry import Letterbox, geometry_of_mask
from iad_unify.masks import Rle, decode, encode, encode_window
from iad_unify.procedural import Drawing, DrawnDefect, draw_random
from iad_unify.region_expert import model as expert
from iad_unify.region_expert.config import ExpertConfig
from iad_unify.region_expert.described import Frame
from iad_unify.region_expert.inspection import Level, describe, good_frames, maps
from iad_unify.region_expert.proposals import propose, smooth
from iad_unify.types import UNKNOWN

#: Independent streams of drawings.
SPLITS = {"train": 0, "validation": 1, "test": 2}
#: Smallest proposal that is kept, original pixels, as the daemon asks for.
MIN_AREA_PX = 12.0
#: Frames in one pass through the expert.
CHUNK = 8
#: Of the drawings, those without a defect.
GOOD_SHARE = 0.04


@dataclass(frozen=True, slots=True)
class Regions:
    """Regions of one frame in order of score."""

    appearance: NDArray[np.float16]  # [R, K, D]
    geometry: NDArray[np.float32]  # [R, 5]
    type_logits: NDArray[np.float32]  # [R, T + 1], the expert's
    rles: tuple[Rle, ...]  # on the frame
    drawn_types: tuple[str, ...]  # what was drawn there; `unknown` where nothing was
    reference: NDArray[np.float16] | None = None  # [R, K, D] of a golden template at the same masks


@dataclass(frozen=True, slots=True)
class Sighting:
    """One drawn frame. `oracle` are the drawn defects, `predicted` the expert's proposals."""

    product: str
    width: int
    height: int
    oracle: Regions
    predicted: Regions


class Look(NamedTuple):
    """One frame that the expert has looked at."""

    frame: Frame  # as the heads see it
    raw: NDArray[np.float32]  # [S, S], its map
    good: Frame | None  # its golden template as a frame of its own; None: it was compared with nothing


class Spotter:
    """Draws frames and looks at them with a frozen expert."""

    def __init__(self, checkpoint: Path, proposal_threshold: float, good_share: float = GOOD_SHARE) -> None:
        self.model = expert.load(checkpoint)
        if self.model.config.size != EXPERT_SIZE:
            raise CheckpointError(
                checkpoint, f"train it with size {EXPERT_SIZE}", f"its side is {self.model.config.size}"
            )
        self.level, self._good_share = level_of(self.model.config, proposal_threshold), good_share

    def wholes(self, drawings: Sequence[Drawing]) -> NDArray[np.float16]:
        """Appearance rows [N, K, D] of each frame as one region."""
        return np.concatenate([self.whole(look.frame) for look in self.look(drawings)])

    def whole(self, frame: Frame) -> NDArray[np.float16]:
        """Appearance rows [1, K, D] of a frame as one region."""
        return describe(self.model, frame, [frame.letterbox.content()]).appearance

    def look(self, drawings: Sequence[Drawing]) -> list[Look]:
        """What the expert sees of each drawing."""
        boxes = [Letterbox.fit(one.image.shape[1], one.image.shape[0], EXPERT_SIZE) for one in drawings]
        squares = [box.apply(one.image) for box, one in zip(boxes, drawings, strict=True)]
        good = [self.golden(one) for one in drawings]
        templates = [None if one is None else box.apply(one) for box, one in zip(boxes, good, strict=True)]
        raw, features = maps(self.model, np.stack(squares), templates)
        known = [row for row, template in enumerate(templates) if template is not None]
        frames = good_frames(self.model, [one for one in templates if one is not None], [boxes[row] for row in known])
        twins = dict(zip(known, frames, strict=True))
        return [
            Look(Frame(squares[row], box, features[row : row + 1], templates[row]), raw[row], twins.get(row))
            for row, box in enumerate(boxes)
        ]

    def golden(self, drawing: Drawing) -> NDArray[np.uint8] | None:
        """The golden template [H, W, 3] that a drawing is compared with; None: with nothing."""
        return None

    def see(self, split: str, seed: int, indices: Sequence[int]) -> list[Sighting]:
        """The frames of a split by index; the same arguments give the same drawings."""
        drawings = [drawn(split, seed, index, self._good_share) for index in indices]
        return [self._sighting(drawing, look) for drawing, look in zip(drawings, self.look(drawings), strict=True)]

    def _sighting(self, drawing: Drawing, look: Look) -> Sighting:
        smoothed = smooth(look.raw, look.frame.letterbox, self.model.config.smoothing_px)
        height, width = drawing.image.shape[:2]
        return Sighting(
            drawing.product,
            width,
            height,
            self._oracle(drawing, look, smoothed),
            self._predicted(drawing, look, smoothed, self.level),
        )

    def _oracle(self, drawing: Drawing, look: Look, smoothed: NDArray[np.float32]) -> Regions:
        squares = [look.frame.letterbox.apply_mask(defect.mask) for defect in drawing.defects]
        order = sorted(range(len(squares)), key=lambda index: -float(smoothed[squares[index]].max()))
        defects = [drawing.defects[index] for index in order]
        ordered = [squares[index] for index in order]
        appearance, logits, _ = describe(self.model, look.frame, ordered)
        return Regions(
            appearance,
            _stacked([geometry_of_mask(defect.mask) for defect in defects]),
            logits,
            tuple(encode(defect.mask) for defect in defects),
            tuple(defect.defect_type for defect in defects),
            self._reference(look, ordered),
        )

    def _predicted(self, drawing: Drawing, look: Look, smoothed: NDArray[np.float32], level: Level) -> Regions:
        box = look.frame.letterbox
        proposals = propose(smoothed, box, *level)
        squares = [proposal.square for proposal in proposals]
        appearance, logits, _ = describe(self.model, look.frame, squares)
        rles = tuple(encode_window(one.mask, one.x, one.y, box.width, box.height) for one in proposals)
        return Regions(
            appearance,
            _stacked([proposal.geometry(box) for proposal in proposals]),
            logits,
            rles,
            tuple(_drawn_type(decode(rle), drawing.defects) for rle in rles),
            self._reference(look, squares),
        )

    def _reference(self, look: Look, masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.float16] | None:
        """Appearance rows of what the frame is compared with, at masks [S, S]; None when it is compared with nothing."""
        return None if look.good is None else describe(self.model, look.good, masks).appearance


def level_of(config: ExpertConfig, threshold: float) -> Level:
    """How an expert of that configuration cuts regions out of its map when it serves."""
    return Level(threshold, MIN_AREA_PX, config.merge_gap_px, MAX_REGIONS, config.grow_share)


def proposal_threshold(checkpoint: Path) -> float:
    """What the expert's card says that regions are proposed from; CheckpointError when it says nothing."""
    threshold = read_card(checkpoint).proposal_threshold
    if threshold is None:
        raise CheckpointError(checkpoint, "train it again", "its card has no proposal threshold")
    return threshold


def drawn(split: str, seed: int, index: int, good_share: float = GOOD_SHARE) -> Drawing:
    """The drawing of a split by index; the same arguments give the same."""
    rng = np.random.default_rng((seed, SPLITS[split], index))
    drawing = draw_random(rng, EXPERT_SIZE, good_share=good_share)
    return cropped(drawing, rng) if rng.random() < 0.4 else drawing


def cropped(drawing: Drawing, rng: np.random.Generator) -> Drawing:
    """A wide or tall frame cut out of a square drawing, or the drawing itself when the cut would meet a defect."""
    side = drawing.image.shape[0]
    kept = int(rng.integers(side // 2, side))
    start = int(rng.integers(0, side - kept + 1))
    wide = rng.random() < 0.75
    window = (slice(start, start + kept), slice(None)) if wide else (slice(None), slice(start, start + kept))
    masks = [defect.mask[window] for defect in drawing.defects]
    if any(mask.sum() != defect.mask.sum() for mask, defect in zip(masks, drawing.defects, strict=True)):
        return drawing
    defects = tuple(DrawnDefect(one.defect_type, mask) for one, mask in zip(drawing.defects, masks, strict=True))
    return Drawing(drawing.product, drawing.image[window].copy(), drawing.clean[window].copy(), defects)


def _drawn_type(mask: NDArray[np.bool_], defects: Sequence[DrawnDefect]) -> str:
    """The type of the defect that the mask covers most of; `unknown` when it covers none."""
    shares = [(int((mask & defect.mask).sum()), defect.defect_type) for defect in defects]
    overlap, defect_type = max(shares, default=(0, UNKNOWN))
    return defect_type if overlap > 0 else UNKNOWN


def _stacked(rows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.stack(rows) if rows else np.zeros((0, 5), np.float32)


def gather(
    spotter: Spotter, split: str, seed: int, count: int, advance: Callable[[int], None] = lambda done: None
) -> list[Sighting]:
    """`count` sightings of a split; `advance` is called with the number done so far."""
    found: list[Sighting] = []
    for start in range(0, count, CHUNK):
        found.extend(spotter.see(split, seed, range(start, min(start + CHUNK, count))))
        advance(len(found))
    return found
