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

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iad_unify.catalog import CALIBRATE_AGAIN
from iad_unify.geometry import Letterbox
from iad_unify.region_expert import patches, reference, tiling
from iad_unify.region_expert.coreset import k_centres, nearest_distance
from iad_unify.region_expert.good_parts import Chosen, GoodPart
from iad_unify.region_expert.model import RegionExpert
from iad_unify.region_expert.reference import Facts, Square, Tensors

#: Patches that a memory keeps; see `build`.
SIZE = 512
#: The memory is chosen from at most this many patches, drawn at random: choosing 512 of them takes about a second.
_CANDIDATES = 30_000
_KIND = reference.Kind("normal_memory", "memory")


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
    """The kept patches, and how far from them the most unusual patch of a good picture lies; and a few of the pictures."""

    items: Tensor  # float32 [M, C], values of half precision
    centre: float  # the distance that scores 0.5
    spread: float  # the distance in which the log-odds change by 1
    origin: Origin
    good_parts: tuple[GoodPart, ...] = ()  # see `good_parts.nearest`; files from before there were any hold none

    def score(self, seen: Tensor, letterbox: Letterbox) -> NDArray[np.float32]:
        """A map [S, S] in 0..1 of the patches `seen` [C, h, w] of one letterboxed frame or tile; 0 on the padding.

        It rises with the distance to the nearest kept patch; a usual good picture has a maximum of about 0.12. Raises
        ValueError when the patches are not of the kind that is kept.
        """
        if seen.shape[0] != self.items.shape[1]:
            raise ValueError(
                f"patches of {seen.shape[0]} channels, and {self.items.shape[1]} are kept; {CALIBRATE_AGAIN}"
            )
        with torch.inference_mode():
            rows, columns = patches.cells_of(letterbox, seen.shape[-1])
            inside = seen[:, rows, columns]
            distances = nearest_distance(inside.flatten(1).T, self.items.to(inside))
            values = torch.sigmoid((distances - self.centre) / self.spread).view(inside.shape[1:])
        whole = np.zeros(seen.shape[1:], np.float32)
        whole[rows, columns] = values.cpu().numpy()
        return patches.in_pixels(whole, letterbox)

    @property
    def id(self) -> str:
        """The first 12 hex digits of the sha256 of the file."""
        return reference.identity(self._bytes())

    def save(self, path: Path) -> str:
        """Write one safetensors file and return its `id`; a reader never sees half a file."""
        return reference.write_whole(path, self._bytes())

    def _bytes(self) -> bytes:
        values: Facts = {"centre": self.centre, "spread": self.spread} | asdict(self.origin)
        tensors = {"items": self.items.half().cpu()}
        if self.good_parts:
            values["letterboxes"] = [part.letterbox.as_array().tolist() for part in self.good_parts]
            tensors["good_parts"] = torch.from_numpy(np.stack([part.square for part in self.good_parts]))
        return reference.packed(_KIND, values, tensors)


def load(path: Path, model_version: str) -> Memory:
    """Read a memory of the expert `model_version` (see `checkpoint.model_version`); raises CalibrateAgain."""

    def made(values: Facts, tensors: Tensors) -> Memory:
        items = tensors["items"]
        if items.ndim != 2:
            raise ValueError("another kind of file")
        squares = tensors["good_parts"].numpy() if "good_parts" in tensors else ()
        good_parts = tuple(
            GoodPart(square, Letterbox.from_array(np.array(box, np.float32), square.shape[0]))
            for square, box in zip(squares, values.pop("letterboxes", ()), strict=True)
        )
        centre, spread = float(values.pop("centre")), float(values.pop("spread"))
        return Memory(items.float(), centre, spread, Origin(**values), good_parts)

    found = reference.read(path, _KIND, made)
    reference.check_version(path, _KIND, found.origin.model_version, model_version)
    return found


def maps(
    memories: Sequence[Memory], seen: Tensor, side: int, letterboxes: Sequence[Letterbox]
) -> list[NDArray[np.float32]]:
    """What each memory says of its own of B squares, as `Memory.score`: maps [W, W].

    `seen` [B, T, C, h, w] are their patches, in tiles of `side` pixels: see `tiling.look`.
    """

    def compare(index: int, cells: tuple[Tensor, ...], box: Letterbox) -> NDArray[np.float32]:
        return memories[index].score(cells[0], box)

    return list(tiling.compared((seen,), side, letterboxes, compare))


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

    At most `size` patches are kept, and a few of the pictures. `flips` adds each picture mirrored both ways, for parts that lie
    in any direction.
    `owners` numbers the part that each picture shows; without it every picture shows a part of its own. The scale of
    the scores comes from the distances of each part to the patches of the others. All patches are held meanwhile, 0.2 MB
    a picture for the toy expert, 5 MB at a side of 1024. Same pictures, options and seed give the same memory. Raises
    ValueError for fewer than `reference.LEAST_PICTURES` parts, and for squares of different sides or smaller than the model's.
    """
    sides: set[int] = set()
    chosen = Chosen()
    seen = []  # each [V, N, C]
    for square, letterbox in pictures:
        sides.add(letterbox.size)
        seen.append(_content(model, square, letterbox, flips))
        chosen.offer(GoodPart(square, letterbox))
    numbers = list(range(len(seen))) if owners is None else list(owners)
    if len(numbers) != len(seen):
        raise ValueError(f"{len(numbers)} owners of {len(seen)} pictures")
    if len(set(numbers)) < reference.LEAST_PICTURES:
        raise ValueError(f"pictures of {len(set(numbers))} good parts; at least {reference.LEAST_PICTURES} are needed")
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
    centre, spread = reference.scale(np.array(highest))
    origin = Origin(model_version, sides.pop(), len(seen), flips, seed)
    return Memory(items, centre, spread, origin, tuple(chosen.parts))


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
            mirrored = model.patches_of(np.flip(shown, axes)[None])[0]
            grid = torch.flip(mirrored, [axis + 1 for axis in axes])
            rows, columns = patches.cells_of(box, grid.shape[-1])
            views.append(grid[:, rows, columns].flatten(1).T.half().cpu())
        found.append(torch.stack(views))
    return torch.cat(found, dim=1)
