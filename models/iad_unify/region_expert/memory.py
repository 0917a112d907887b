"""Normal memory: what patches of good parts look like, so that a frame is scored by how far its patches are from them.

After PatchCore (arXiv 2106.08265) and AnomalyDINO (arXiv 2405.14529). It needs good pictures of one camera and product
and no training. It knows nothing of thresholds, regions or defect types.

What was tried on two folds of magnetic tiles and left out, as image AUROC and pixel AP of each fold, against 0.58, 0.039
and 0.76, 0.046 of the first shipped detail branch as it is: its patches whitened by the covariance of the good ones 0.61,
0.037 and 0.71, 0.051; their Mahalanobis distance (PaDiM) 0.57, 0.031 and 0.63, 0.045; only what a ridge regression cannot
tell from patches three and six cells away, whitened, 0.57, 0.047 and 0.73, 0.053. Multi-scale derivatives of the locally
normalised grey picture, whitened, in place of the detail branch 0.61, 0.034 and 0.80, 0.074; their distances divided by
those among good patches 0.49, 0.028 and 0.55, 0.049. None is better in both figures on both folds.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor
from torch.nn import functional

from iad_unify.catalog import CALIBRATE_AGAIN
from iad_unify.checkpoint import CheckpointError
from iad_unify.geometry import Letterbox
from iad_unify.region_expert import tiling
from iad_unify.region_expert.coreset import k_centres, nearest_distance
from iad_unify.region_expert.model import RegionExpert

#: Patches that a memory keeps; see `build`.
SIZE = 512
#: A spread of distances cannot be told from fewer pictures.
LEAST_PICTURES = 4
#: Maps of the detail branch that describe a patch of the toy expert, and the one whose grid they are put on (stride 8).
_DETAIL_LEVELS, _GRID_LEVEL = (0, 1), 1
#: The memory is chosen from at most this many patches, drawn at random: choosing 512 of them takes about a second.
_CANDIDATES = 30_000
#: Half of the probability scale lies this many spreads above the most unusual patch of a usual good picture.
_MARGIN = 2.0
#: A spread below this share of the typical distance is chance: few pictures, or frames of a part that did not move.
_LEAST_SPREAD = 0.05
_FORMAT = "normal_memory"
_MEND = CALIBRATE_AGAIN

Square = tuple[NDArray[np.uint8], Letterbox]


class CalibrateAgain(CheckpointError):
    """A reference that this expert cannot use: damaged, of another version of the model, or of other frames."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a memory comes from."""

    model_version: str  # of the expert; its features mean nothing to another
    size: int  # side of the squares that the pictures were brought to, pixels
    pictures: int  # good pictures it was built from
    flips: bool
    seed: int


@dataclass(frozen=True, slots=True)
class Memory:
    """The kept patches, and how far from them the most unusual patch of a good picture lies."""

    items: Tensor  # float32 [M, C], values of half precision
    centre: float  # the distance that scores 0.5
    spread: float  # the distance in which the log-odds change by 1
    origin: Origin

    def score(self, patches: Tensor, letterbox: Letterbox) -> NDArray[np.float32]:
        """A map [S, S] in 0..1 of the patches [C, h, w] of one letterboxed frame or tile; 0 on the padding.

        It rises with the distance to the nearest kept patch; a usual good picture has a maximum of about 0.12. Raises
        ValueError when the patches are not of the kind that is kept.
        """
        if patches.shape[0] != self.items.shape[1]:
            raise ValueError(f"patches of {patches.shape[0]} channels, and {self.items.shape[1]} are kept; {_MEND}")
        with torch.inference_mode():
            rows, columns = _cells(letterbox, patches.shape[-1])
            inside = patches[:, rows, columns]
            distances = nearest_distance(inside.flatten(1).T, self.items.to(inside))
            values = torch.sigmoid((distances - self.centre) / self.spread).view(inside.shape[1:])
        whole = np.zeros(patches.shape[1:], np.float32)
        whole[rows, columns] = values.cpu().numpy()
        return in_pixels(whole, letterbox)

    @property
    def id(self) -> str:
        """The first 12 hex digits of the sha256 of the file."""
        return hashlib.sha256(self._bytes()).hexdigest()[:12]

    def save(self, path: Path) -> str:
        """Write one safetensors file and return its `id`; a reader never sees half a file."""
        return write_whole(path, self._bytes())

    def _bytes(self) -> bytes:
        values = {"format": _FORMAT, "centre": self.centre, "spread": self.spread} | asdict(self.origin)
        # one entry: safetensors writes several in any order, and equal memories must be equal files
        return to_bytes({"items": self.items.half().cpu()}, {"memory": json.dumps(values, sort_keys=True)})


def write_whole(path: Path, data: bytes) -> str:
    """Write a file that nobody sees half of; returns the first 12 hex digits of its sha256."""
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(data)
    os.replace(draft, path)
    return hashlib.sha256(data).hexdigest()[:12]


def load(path: Path, model_version: str) -> Memory:
    """Read a memory of the expert `model_version` (see `checkpoint.model_version`); raises CalibrateAgain."""
    try:
        with safe_open(path, "pt") as file:
            values = json.loads((file.metadata() or {})["memory"])
            items = file.get_tensor("items").float()
        if values.pop("format") != _FORMAT or items.ndim != 2:
            raise ValueError("another kind of file")
        centre, spread = float(values.pop("centre")), float(values.pop("spread"))
        memory = Memory(items, centre, spread, Origin(**values))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CalibrateAgain(path, _MEND, f"not a normal memory ({error})") from error
    if memory.origin.model_version != model_version:
        problem = f"a memory of model {memory.origin.model_version}, and {model_version} is loaded"
        raise CalibrateAgain(path, _MEND, problem)
    return memory


def patches(model: RegionExpert, pictures: NDArray[np.uint8]) -> Tensor:
    """Patch features [B, C, h, w] of uint8 squares [B, S, S, 3], for `build` and `Memory.score`."""
    with torch.inference_mode():
        squares = torch.from_numpy(np.ascontiguousarray(pictures)).to(model.mean.device)
        normalised = model.normalised(squares)
        if model.config.name == "tiny":
            return of_detail(model.detail(normalised))
        return of_backbone(model.backbone(normalised), len(model.backbone.layers))


def maps(
    model: RegionExpert,
    memories: Sequence[Memory],
    pictures: NDArray[np.uint8],
    letterboxes: Sequence[Letterbox],
) -> list[NDArray[np.float32]]:
    """What each memory says of its own of the uint8 squares [B, W, W, 3], as `Memory.score`: maps [W, W].

    A square larger than the expert's input is compared tile by tile.
    """

    def compare(index: int, cells: tuple[Tensor, ...], box: Letterbox) -> NDArray[np.float32]:
        return memories[index].score(cells[0], box)

    return list(compared(model, (pictures,), letterboxes, compare))


def compared(
    model: RegionExpert,
    planes: Sequence[NDArray[np.uint8]],
    letterboxes: Sequence[Letterbox],
    compare: Callable[[int, tuple[Tensor, ...], Letterbox], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Maps [B, W, W] of what `compare` makes of patches; planes are uint8 squares [B, W, W, 3], one or more for a frame.

    It is given the frame's number, the patches [C, h, w] of each plane and the letterbox of the frame, or of the part of it
    in one tile, and gives that square's map [S, S].
    """
    whole, side = planes[0].shape[1], model.config.size
    places = tiling.tiles(whole, side)
    canvas = tiling.Canvas(len(planes[0]), whole, side)
    for some in tiling.batches(len(planes[0]), places):
        grids, parts = [patches(model, tiling.cut(plane, some, side)) for plane in planes], []
        for row, (index, tile) in enumerate(some):
            # a frame in one piece keeps its own letterbox: what a tile says of it is not rounded twice
            box = letterboxes[index] if len(places) == 1 else tiling.part(letterboxes[index], tile, side)
            cells = tuple(grid[row] for grid in grids)
            parts.append(np.zeros((side, side), np.float32) if box is None else compare(index, cells, box))
        canvas.add(some, torch.from_numpy(np.stack(parts)))
    found: NDArray[np.float32] = canvas.blended().numpy()
    return found


def of_detail(maps: Sequence[Tensor]) -> Tensor:
    """Patches [B, C, S/8, S/8] out of the maps of the detail branch, for an expert whose backbone is a toy.

    Lengths are kept: a strong answer of a filter is what a defect looks like, and it would be lost on unit vectors.
    """
    chosen = []
    for level in _DETAIL_LEVELS:
        smooth = functional.avg_pool2d(maps[level], 3, 1, 1, count_include_pad=False)
        step = smooth.shape[-1] // maps[_GRID_LEVEL].shape[-1]
        chosen.append(functional.avg_pool2d(smooth, step) if step > 1 else smooth)
    return torch.cat(chosen, dim=1)


def of_backbone(features: Tensor, layers: int) -> Tensor:
    """Patches [B, C, h, w] out of the features of a pretrained backbone, every layer of unit length.

    The squared distance of two is then twice their cosine distance (AnomalyDINO), averaged over the layers.
    """
    parts = features.float().chunk(layers, dim=1)
    return torch.cat([functional.normalize(part, dim=1) / layers**0.5 for part in parts], dim=1)


def build(
    model: RegionExpert,
    pictures: Iterable[Square],
    model_version: str,
    *,
    size: int = SIZE,
    seed: int = 0,
    flips: bool = False,
    owners: Sequence[int] | None = None,
) -> Memory:
    """The memory of good pictures: uint8 squares [W, W, 3], each with its letterbox; read once, in order.

    At most `size` patches are kept. `flips` adds each picture mirrored both ways, for parts that lie in any direction.
    `owners` numbers the part that each picture shows; without it every picture shows a part of its own. The scale of
    the scores comes from the distances of each part to the patches of the others. All patches are held meanwhile, 0.2 MB
    a picture for the toy expert, 5 MB at a side of 1024. Same pictures, options and seed give the same memory. Raises
    ValueError for fewer than `LEAST_PICTURES` parts, and for squares of different sides or smaller than the model's.
    """
    sides: set[int] = set()
    seen = []  # each [V, N, C]
    for square, letterbox in pictures:
        sides.add(letterbox.size)
        seen.append(_content(model, square, letterbox, flips))
    numbers = list(range(len(seen))) if owners is None else list(owners)
    if len(numbers) != len(seen):
        raise ValueError(f"{len(numbers)} owners of {len(seen)} pictures")
    if len(set(numbers)) < LEAST_PICTURES:
        raise ValueError(f"pictures of {len(set(numbers))} good parts; at least {LEAST_PICTURES} are needed")
    if len(sides) > 1:
        raise ValueError(f"squares of {len(sides)} different sides")
    generator = torch.Generator().manual_seed(seed)
    everything = torch.cat([views.flatten(0, 1) for views in seen])
    owner = torch.tensor(numbers).repeat_interleave(torch.tensor([views[..., 0].numel() for views in seen]))
    some = torch.randperm(len(everything), generator=generator)[:_CANDIDATES]
    kept = some[k_centres(everything[some].float(), size, generator)]
    items = everything[kept].float()
    highest = [
        float(nearest_distance(views[0].float(), items, owner[kept] == number).max())
        for views, number in zip(seen, numbers, strict=True)
    ]
    centre, spread = scale(np.array(highest))
    return Memory(items, centre, spread, Origin(model_version, sides.pop(), len(seen), flips, seed))


def fuse(decoder_map: NDArray[np.float32], memory_map: NDArray[np.float32]) -> NDArray[np.float32]:
    """One probability map out of two of equal shape: the mean of their log-odds, so it rises with either.

    That is sqrt(pq) / (sqrt(pq) + sqrt((1-p)(1-q))). It lies between both; what only one of them sees comes out weaker.
    Mean over two experts trained on drawings and two folds of Magnetic Tile, image AUROC and pixel AUROC: 0.65, 0.63;
    1 - (1-p)(1-q) 0.60, 0.61; the maximum 0.57, 0.60; the memory alone 0.68, 0.62; the decoder alone 0.56, 0.60. Where
    the decoder is worse than the memory, as there, fusing costs picture decisions.
    """
    yes = np.sqrt(decoder_map * memory_map)
    no = np.sqrt((1 - decoder_map) * (1 - memory_map))
    known = yes + no > 0  # not where one is certain and the other certain of the opposite
    out: NDArray[np.float32] = np.full_like(yes, 0.5)
    np.divide(yes, yes + no, out=out, where=known)
    return out


def _content(model: RegionExpert, square: NDArray[np.uint8], letterbox: Letterbox, flips: bool) -> Tensor:
    """float16 [V, N, C]: the content patches of a picture, tile by tile, as they are and mirrored three ways."""
    side, found = model.config.size, []
    for tile in tiling.tiles(letterbox.size, side):
        box = tiling.part(letterbox, tile, side)
        if box is None:
            continue
        (shown,) = tiling.cut(square[None], [(0, tile)], side)
        views = []
        for axes in ((), (0,), (1,), (0, 1)) if flips else ((),):
            mirrored = patches(model, np.flip(shown, axes)[None])[0]
            grid = torch.flip(mirrored, [axis + 1 for axis in axes])
            rows, columns = _cells(box, grid.shape[-1])
            views.append(grid[:, rows, columns].flatten(1).T.half().cpu())
        found.append(torch.stack(views))
    return torch.cat(found, dim=1)


def in_pixels(cells: NDArray[np.float32], letterbox: Letterbox) -> NDArray[np.float32]:
    """Values of patches [h, w] of a letterboxed frame or tile as a map [S, S]; 0 on the padding."""
    rows, columns = _cells(letterbox, cells.shape[-1])
    grid, side = cells.shape[-1], letterbox.size
    # what the padding looks like must not reach the content through the interpolation
    around = ((rows.start, grid - rows.stop), (columns.start, grid - columns.stop))
    whole = np.pad(cells[rows, columns], around, mode="edge")
    full = cv2.resize(whole, (side, side), interpolation=cv2.INTER_LINEAR)
    x, y, width, height = letterbox.inner
    out = np.zeros((side, side), np.float32)
    out[y : y + height, x : x + width] = full[y : y + height, x : x + width]
    return out


def _cells(letterbox: Letterbox, grid: int) -> tuple[slice, slice]:
    """Rows and columns of a grid of patches that lie on the content by at least half; one at least."""
    x, y, width, height = letterbox.inner

    def covered(start: int, length: int) -> slice:
        first = min(grid - 1, round(start * grid / letterbox.size))
        return slice(first, max(first + 1, round((start + length) * grid / letterbox.size)))

    return covered(y, height), covered(x, width)


def scale(highest: NDArray[np.float64]) -> tuple[float, float]:
    """Centre and spread of the scores, out of the largest distance in each good picture.

    From quantiles, so that one odd picture among the good ones moves little.
    """
    low, middle, high = np.quantile(highest, (0.25, 0.5, 0.75))
    spread = max(float(high - low) / 1.349, _LEAST_SPREAD * float(middle), 1e-6)  # of a normal distribution
    return float(middle) + _MARGIN * spread, spread
