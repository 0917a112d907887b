"""A square larger than the network's input, seen in overlapping tiles: where they lie, and one map out of theirs.

A tile knows nothing of its neighbours, so near its own border it has less to judge by than they have. Tiles overlap, and
each counts less the nearer a point is to its border: what two say of one place changes evenly from one to the other, and no
seam shows. It knows no regions and no scores.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iad_unify.catalog import REGION_EXPERT, SQUARE_STEP, SQUARE_TOO_SMALL
from iad_unify.geometry import Letterbox
from iad_unify.region_expert.model import Looked, RegionExpert

#: Share of a tile's side that it has in common with its neighbour, at least.
OVERLAP = 1 / 4
#: Tiles that go through the network at once, as many as frames of a served batch: more would only take memory.
BATCH = REGION_EXPERT.max_batch_size

Planes = NDArray[np.uint8]  # [B, W, W, 3]
_Values = TypeVar("_Values", bound=np.generic)


class UnfitSquare(ValueError):
    """A square of a side that this expert, or this order, does not take."""


class Tile(NamedTuple):
    """The upper left of a tile in its square, pixels."""

    y: int
    x: int


def tiles(whole: int, side: int) -> list[Tile]:
    """Where tiles of `side` pixels lie in a square of `whole`, row by row; one at (0, 0) when both are equal.

    Evenly spread, from edge to edge, on multiples of SQUARE_STEP: there the cells of every map of the network lie on those
    of a map of the whole. Raises UnfitSquare when the square is smaller than a tile, or its side no multiple of SQUARE_STEP.
    """
    if whole < side:
        raise UnfitSquare(f"a square of {whole} pixels {SQUARE_TOO_SMALL} of {side}")
    if whole != side and whole % SQUARE_STEP:
        raise UnfitSquare(f"a square of {whole} pixels is not a multiple of {SQUARE_STEP}")
    step = max(SQUARE_STEP, int(side * (1 - OVERLAP)) // SQUARE_STEP * SQUARE_STEP)
    last = math.ceil((whole - side) / step)
    starts = [
        math.floor((whole - side) * index / (last * SQUARE_STEP) + 0.5) * SQUARE_STEP if last else 0
        for index in range(last + 1)
    ]
    return [Tile(y, x) for y in starts for x in starts]


def look(model: RegionExpert, pictures: Planes, templates: Planes | None = None, *, patches: bool = False) -> Looked:
    """`RegionExpert.look` of squares [B, W, W, 3] that are as large as the expert's input or larger.

    Maps come back for the whole squares: logits [B, W, W], features [B, D, W/4, W/4]; patches tile by tile as they are:
    [B, T, C, h, w]. An equal square is looked at once, whole. Raises UnfitSquare as `tiles` does.
    """
    whole, side = pictures.shape[1], model.config.size
    places = tiles(whole, side)
    if len(places) == 1:
        once = model.look(pictures, templates, patches=patches)
        return once if once.patches is None else once._replace(patches=once.patches[:, None])
    grids: list[Tensor] = []
    logits, features = Canvas(len(pictures), whole, side), Canvas(len(pictures), whole, side)
    for some in batches(len(pictures), places):
        beside = None if templates is None else cut(templates, some, side)
        output = model.look(cut(pictures, some, side), beside, patches=patches)
        logits.add(some, output.logits)
        features.add(some, output.features)
        grids += [] if output.patches is None else [output.patches]
    tiled = torch.cat(grids).unflatten(0, (len(pictures), -1)) if grids else None
    return Looked(logits.blended(), features.blended(), tiled)


def patches_of(model: RegionExpert, pictures: Planes) -> Tensor:
    """The patches [B, T, C, h, w] alone, as of `look`."""
    side = model.config.size
    placed = batches(len(pictures), tiles(pictures.shape[1], side))
    found = torch.cat([model.patches_of(cut(pictures, some, side)) for some in placed])
    return found.unflatten(0, (len(pictures), -1))


def compared(
    patches: Sequence[Tensor],
    side: int,
    letterboxes: Sequence[Letterbox],
    compare: Callable[[int, tuple[Tensor, ...], Letterbox], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Maps [B, W, W] of what `compare` makes of the patches [B, T, C, h, w] of B squares, of one look at each or more.

    It is given the frame's number, the patches [C, h, w] of each look and the letterbox of the frame, or of the part of it
    in one tile of `side` pixels, and gives that tile's map [S, S].
    """
    whole = letterboxes[0].size
    places = tiles(whole, side)
    canvas = Canvas(len(letterboxes), whole, side)
    for index, letterbox in enumerate(letterboxes):
        for number, tile in enumerate(places):
            # a frame in one piece keeps its own letterbox: what a tile says of it is not rounded twice
            box = letterbox if len(places) == 1 else part(letterbox, tile, side)
            cells = tuple(one[index, number] for one in patches)
            shown = np.zeros((side, side), np.float32) if box is None else compare(index, cells, box)
            canvas.add([(index, tile)], torch.from_numpy(shown)[None])
    found: NDArray[np.float32] = canvas.blended().numpy()
    return found


Placed = tuple[int, Tile]  # the number of a picture, and a tile of it


def batches(count: int, places: Sequence[Tile]) -> Iterator[Sequence[Placed]]:
    """Every tile of every picture once, `BATCH` at a time."""
    placed = [(index, tile) for index in range(count) for tile in places]
    return (placed[start : start + BATCH] for start in range(0, len(placed), BATCH))


def cut(pictures: NDArray[_Values], some: Sequence[Placed], side: int) -> NDArray[_Values]:
    """Tiles [N, side, side, ...] out of squares [B, W, W, ...]."""
    return np.stack([pictures[index, y : y + side, x : x + side] for index, (y, x) in some])


def part(letterbox: Letterbox, tile: Tile, side: int) -> Letterbox | None:
    """What a tile shows of a letterboxed frame, as a frame of its own at scale 1; None when it shows padding only."""
    x, y, width, height = letterbox.inner
    left, top = max(x, tile.x), max(y, tile.y)
    right, bottom = min(x + width, tile.x + side), min(y + height, tile.y + side)
    if right <= left or bottom <= top:
        return None
    return Letterbox(1.0, float(left - tile.x), float(top - tile.y), right - left, bottom - top, side)


class Canvas:
    """Maps of B whole squares, put together from those of their tiles.

    A tile's map may be coarser than the tile, by a factor that divides SQUARE_STEP.
    """

    def __init__(self, count: int, whole: int, side: int) -> None:
        self._count, self._whole, self._side = count, whole, side
        self._sums: Tensor | None = None  # [B, ..., W/k, W/k]
        self._weights = torch.empty(0)  # [W/k, W/k] of one square: every square has the same tiles

    def add(self, some: Sequence[Placed], values: Tensor) -> None:
        """Maps [N, ..., side/k, side/k] of N tiles; each tile of each square exactly once."""
        grid = values.shape[-1]
        scale = self._side // grid
        if self._sums is None:
            cells = self._whole // scale
            self._sums = values.new_zeros((self._count, *values.shape[1:-2], cells, cells))
            self._weights = values.new_zeros((cells, cells))
        window = (falling(grid) if self._whole > self._side else torch.ones(grid, grid)).to(values)
        for (index, tile), one in zip(some, values, strict=True):
            rows, columns = (slice(start // scale, start // scale + grid) for start in tile)
            self._sums[index, ..., rows, columns] += one * window
            if index == 0:
                self._weights[rows, columns] += window

    def blended(self) -> Tensor:
        """The maps [B, ..., W/k, W/k]. Raises ValueError before any tile was added."""
        if self._sums is None:
            raise ValueError("no tile was looked at")
        return self._sums.div_(self._weights)


def falling(cells: int) -> Tensor:
    """The weights [cells, cells] of a tile's map: 1 inside, falling evenly to nearly 0 over the overlap at its border."""
    line = torch.arange(cells) + 0.5
    ramp = (torch.minimum(line, cells - line) / (cells * OVERLAP)).clamp(max=1.0)
    return ramp[:, None] * ramp
