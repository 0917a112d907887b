"""What the region expert measured, in the terms that words use: likely types, cells, size, shape. Numpy only.

It decides nothing and knows no sentence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iad_unify import masks
from iad_unify.geometry import CELLS, cell_shares, cell_shares_of_window
from iad_unify.types import UNKNOWN

#: A region is small below the first share of the frame's area, large from the second up, else medium.
SMALL_BELOW, LARGE_FROM = 0.002, 0.01
SIZES: tuple[str, ...] = ("small", "medium", "large")
#: The likely types are the most probable ones that together reach this mass; one below the floor is never likely,
#: unless it is the first.
LIKELY_MASS, LIKELY_FLOOR = 0.9, 0.05
#: When the most probable type is below this, "of unclear type" is true as well.
CLEAR_FROM = 0.4
#: A region's place is clear when at least this share of its area lies in one cell.
CLEAR_CELL = 0.6
#: A region lies in a second cell, too, when at least this share of its area does.
SPLIT_SHARE = 0.3
#: Sums of probabilities that differ by less are the same.
_SAME_MASS = 1e-9
SHAPES: tuple[str, ...] = ("elongated", "compact", "irregular")
#: A region is elongated when its principal axes differ by this factor, irregular when it fills less than this share of
#: the ellipse with its moments; both may also be said within the slack, a factor, of the limit.
ELONGATED_FROM, IRREGULAR_BELOW, SHAPE_SLACK = 2.5, 0.7, 1.2


def size_of(area_share: float) -> str:
    """small, medium or large, by the region's share of the frame's area."""
    if area_share < SMALL_BELOW:
        return "small"
    return "medium" if area_share < LARGE_FROM else "large"


def shapes_of(mask: NDArray[np.bool_]) -> tuple[str, ...]:
    """The shapes that may be said of a bool mask [H, W], the best first; of one pixel: compact."""
    points = np.stack(np.nonzero(mask)).astype(np.float64)
    moments = (
        np.cov(points, bias=True) + np.eye(2) / 12 if points.shape[1] > 1 else np.eye(2) / 12
    )  # a pixel is a square
    small, large = np.sqrt(np.linalg.eigvalsh(moments))
    ratio, filled = float(large / small), points.shape[1] / float(4 * np.pi * large * small)
    fits = {
        "elongated": ratio / ELONGATED_FROM,
        "irregular": IRREGULAR_BELOW / filled,
        "compact": min(ELONGATED_FROM / ratio, filled / IRREGULAR_BELOW),
    }
    best = "elongated" if fits["elongated"] >= 1 else "irregular" if fits["irregular"] > 1 else "compact"
    return (best, *(shape for shape in SHAPES if shape != best and fits[shape] * SHAPE_SLACK >= 1))


@dataclass(frozen=True, slots=True)
class RegionFact:
    """One region, measured."""

    defect_types: tuple[tuple[str, float], ...]  # the likely types with their probabilities, the most probable first
    shares: tuple[float, ...]  # [9] of the region's area in each of `CELLS`
    area_share: float  # of the frame's area
    box: tuple[float, float, float, float] | None = None  # x, y, width, height in original pixels, where known
    shapes: tuple[str, ...] = ()  # of `SHAPES`, each may be said, the best first; empty: not known
    confirmed: tuple[str, ...] = ()  # further types that may be said: a cited neighbour was confirmed as one
    voted: str = ""  # the type that is said where one has to be chosen; empty: the likeliest

    @property
    def likely(self) -> tuple[str, ...]:
        """The slugs of the types that may be said: the likely ones, then the confirmed ones."""
        return tuple(dict.fromkeys((*(slug for slug, _ in self.defect_types), *self.confirmed)))

    @property
    def defect_type(self) -> str:
        """The most probable type, or `unknown` when no type is clear; the voted one where there was a vote."""
        if self.voted:
            return self.voted
        return UNKNOWN if UNKNOWN in self.likely else self.likely[0]

    @property
    def cell(self) -> str:
        """The cell with most of the area."""
        return CELLS[int(np.argmax(self.shares))]

    @property
    def cell_share(self) -> float:
        """The share of the area in that cell."""
        return max(self.shares)

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells that it may be said to lie in: the first, and each that holds `SPLIT_SHARE` of the area."""
        first = self.cell
        split = [cell for cell, share in zip(CELLS, self.shares, strict=True) if share >= SPLIT_SHARE]
        return (first, *(cell for cell in split if cell != first))

    @property
    def size(self) -> str:
        """small, medium or large."""
        return size_of(self.area_share)


@dataclass(frozen=True, slots=True)
class Facts:
    """The regions of one frame, the strongest first."""

    regions: tuple[RegionFact, ...] = ()


@dataclass(frozen=True, slots=True)
class TypeRule:
    """How probabilities become likely types; the default is for an expert whose types were never calibrated."""

    level: float | None = None  # the likely types hold more than this; None: by `LIKELY_MASS` and `LIKELY_FLOOR`
    least_confidence: float = 0.0  # below it no type is named: a region is `unknown` and nothing else

    def complete(self, mass: float, following: float) -> bool:
        """Whether types that hold `mass` are enough, the next one having the probability `following`."""
        if self.level is not None:
            return mass > self.level + _SAME_MASS
        return mass >= LIKELY_MASS or following < LIKELY_FLOOR


#: The rule that the explainer's corpus is written by.
UNCALIBRATED = TypeRule()


def likely_types(probabilities: Mapping[str, float], rule: TypeRule = UNCALIBRATED) -> tuple[tuple[str, float], ...]:
    """The likely types of calibrated probabilities, the most probable first; `unknown` is added when none is clear.

    It is also added when the expert itself holds `unknown` for more probable than any type, and stands alone when the
    rule asks for more confidence than there is. Raises ValueError for an empty mapping.
    """
    if not probabilities:
        raise ValueError("a region needs at least one type probability")
    ranked = sorted(probabilities.items(), key=lambda pair: (-pair[1], pair[0]))
    strange = ranked[0][0] == UNKNOWN or ranked[0][1] < CLEAR_FROM
    named = [pair for pair in ranked if pair[0] != UNKNOWN]
    if named and named[0][1] < rule.least_confidence:
        return ((UNKNOWN, float(1.0 - named[0][1])),)
    kept, mass = named[:1], sum(probability for _, probability in named[:1])
    for slug, probability in named[1:]:
        if rule.complete(mass, probability):
            break
        kept.append((slug, probability))
        mass += probability
    if strange or not kept:
        kept.append((UNKNOWN, max(0.0, 1.0 - mass)))
    return tuple((slug, float(probability)) for slug, probability in kept)


def probabilities_of(logits: NDArray[np.floating], slugs: Sequence[str], temperature: float = 1.0) -> dict[str, float]:
    """Softmax of one region's type logits [T] at the calibration temperature."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    weights = np.exp(scaled - scaled.max())
    return dict(zip(slugs, (weights / weights.sum()).tolist(), strict=True))


def fact_of_rle(rle: masks.Rle, probabilities: Mapping[str, float], rule: TypeRule = UNCALIBRATED) -> RegionFact:
    """A region from its mask on the original frame; raises MaskError, and ValueError when the mask is empty."""
    window, x, y = masks.decode_window(rle)
    area = int(np.count_nonzero(window))
    if area == 0:
        raise ValueError("an empty mask is no region")
    shares = cell_shares_of_window(window, x, y, rle.width, rle.height)
    box = (float(x), float(y), float(window.shape[1]), float(window.shape[0]))
    share = area / (rle.width * rle.height)
    return RegionFact(likely_types(probabilities, rule), tuple(shares.tolist()), share, box, shapes_of(window))


def fact_of_mask(mask: NDArray[np.bool_], probabilities: Mapping[str, float]) -> RegionFact:
    """A region from a bool mask [H, W] on the original frame; raises ValueError when it is empty."""
    if not mask.any():
        raise ValueError("an empty mask is no region")
    shares = cell_shares(mask)
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (float(xs[0]), float(ys[0]), float(xs[-1] + 1 - xs[0]), float(ys[-1] + 1 - ys[0]))
    share = float(mask.mean())
    return RegionFact(likely_types(probabilities), tuple(shares.tolist()), share, box, shapes_of(mask))


def fact_of_geometry(geometry: NDArray[np.floating], probabilities: Mapping[str, float]) -> RegionFact:
    """A region from its geometry vector [5] alone: the area is taken as spread evenly over the box.

    Use a mask where there is one: a ring or a slanted line has its area elsewhere.
    """
    cx, cy, w, h, area = (float(value) for value in geometry)
    across, down = (_third_shares(centre, extent) for centre, extent in ((cx, w), (cy, h)))
    shares = np.outer(down, across).reshape(-1)
    return RegionFact(likely_types(probabilities), tuple((shares / shares.sum()).tolist()), area)


def _third_shares(centre: float, extent: float) -> NDArray[np.float64]:
    low, high = centre - max(extent, 1e-6) / 2, centre + max(extent, 1e-6) / 2
    edges = np.array([-np.inf, 1 / 3, 2 / 3, np.inf])
    return np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None)


def facts_of(
    rles: Sequence[masks.Rle],
    type_logits: NDArray[np.floating],
    slugs: Sequence[str],
    temperature: float = 1.0,
    rule: TypeRule = UNCALIBRATED,
) -> Facts:
    """Facts of one answer of the region expert: R masks, logits [R, T] and the T slugs of their columns."""
    rows = zip(rles, type_logits, strict=True)
    return Facts(tuple(fact_of_rle(rle, probabilities_of(row, slugs, temperature), rule) for rle, row in rows))
