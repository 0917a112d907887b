"""Golden template: a defect-free picture of the same view, and how far from it a frame is, without training.

A frame differs where it does so twice: in its pixels, beyond what a small shift explains, and in its patch features, beyond
those of the places around. It needs one template and a few good pictures for the scale. An expert that was trained with
templates takes the aligned template itself as its second input. It knows nothing of thresholds, regions or defect types.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from iad_unify.catalog import CALIBRATE_AGAIN
from iad_unify.geometry import Letterbox
from iad_unify.region_expert import patches, reference, tiling
from iad_unify.region_expert.model import RegionExpert
from iad_unify.region_expert.reference import LEAST_PICTURES, CalibrateAgain, Facts, Square, Tensors
from iad_unify.region_expert.template import TemplateDifference, align

#: Sigma of the Gaussian over the difference of pixels, pixels of the square: less is noise, more hides pinholes.
_SIGMA_PX = 1.0
#: A patch is compared with those of the template up to so many cells away.
_NEAR_CELLS = 1
_KIND = reference.Kind("golden_template", "golden")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the template and its scale come from."""

    model_version: str  # of the expert; its features mean nothing to another
    pictures: int  # good pictures that the scale was taken from


@dataclass(frozen=True, slots=True)
class Golden:
    """The template as the expert sees frames, and how far from it the most unusual place of a good picture lies."""

    picture: NDArray[np.uint8]  # [W, W, 3]
    letterbox: Letterbox
    centre: float  # the distance that scores 0.5
    spread: float  # the distance in which the log-odds change by 1
    origin: Origin

    def aligned(self, square: NDArray[np.uint8], letterbox: Letterbox) -> NDArray[np.uint8]:
        """The template [W, W, 3] moved onto a frame's square; raises CalibrateAgain when it is of frames of another size."""
        if letterbox != self.letterbox:
            mine, other = (f"{box.width}x{box.height} in {box.size} pixels" for box in (self.letterbox, letterbox))
            raise CalibrateAgain(self.id, CALIBRATE_AGAIN, f"a template of {mine}, and this frame is {other}")
        return align(self.picture, square)

    def score(self, distance: NDArray[np.float32]) -> NDArray[np.float32]:
        """A map [W, W] in 0..1 out of one of `distances`; a usual good picture has a maximum of about 0.12."""
        return score(distance, self.letterbox, self.centre, self.spread)

    @property
    def id(self) -> str:
        """The first 12 hex digits of the sha256 of the file."""
        return reference.identity(self._bytes())

    def save(self, path: Path) -> str:
        """Write one safetensors file and return its `id`; a reader never sees half a file."""
        return reference.write_whole(path, self._bytes())

    def _bytes(self) -> bytes:
        box = self.letterbox
        values = {"centre": self.centre, "spread": self.spread} | asdict(self.origin)
        values |= {"letterbox": [box.scale, box.pad_x, box.pad_y, box.width, box.height]}
        return reference.packed(_KIND, values, {"picture": torch.from_numpy(np.ascontiguousarray(self.picture))})


def load(path: Path, model_version: str) -> Golden:
    """Read a template of the expert `model_version` (see `checkpoint.model_version`); raises CalibrateAgain."""

    def made(values: Facts, tensors: Tensors) -> Golden:
        square = tensors["picture"].numpy()
        if square.dtype != np.uint8 or square.ndim != 3:
            raise ValueError("another kind of file")
        letterbox = Letterbox.from_array(np.array(values.pop("letterbox"), np.float32), square.shape[0])
        centre, spread = float(values.pop("centre")), float(values.pop("spread"))
        return Golden(square, letterbox, centre, spread, Origin(**values))

    found = reference.read(path, _KIND, made)
    reference.check_version(path, _KIND, found.origin.model_version, model_version)
    return found


def build(model: RegionExpert, template: Square, pictures: Iterable[Square], model_version: str) -> Golden:
    """The template with its scale from good pictures of the same view, each a uint8 square [W, W, 3] with its letterbox.

    The template is none of them. Raises ValueError for fewer than `LEAST_PICTURES`, for a picture of another size than
    the template, and for squares smaller than the model's input.
    """
    square, letterbox = template
    highest = []
    for picture, box in pictures:
        if box != letterbox:
            raise ValueError(f"a good picture of {box.width}x{box.height} for a template of another size")
        distance = distances(model, picture[None], align(square, picture)[None], [box])[0]
        highest.append(float(distance.max()))
    if len(highest) < LEAST_PICTURES:
        raise ValueError(f"{len(highest)} good pictures; at least {LEAST_PICTURES} are needed")
    centre, spread = reference.scale(np.array(highest))
    return Golden(square, letterbox, centre, spread, Origin(model_version, len(highest)))


def score(distance: NDArray[np.float32], letterbox: Letterbox, centre: float, spread: float) -> NDArray[np.float32]:
    """A map [W, W] of probabilities; 0 on the padding."""
    x, y, width, height = letterbox.inner
    inside = (slice(y, y + height), slice(x, x + width))
    out = np.zeros(distance.shape, np.float32)
    out[inside] = torch.sigmoid((torch.from_numpy(distance[inside]) - centre) / spread).numpy()
    return out


def distances(
    model: RegionExpert,
    pictures: NDArray[np.uint8],
    templates: NDArray[np.uint8],
    letterboxes: Sequence[Letterbox],
    seen: Tensor | None = None,
) -> NDArray[np.float32]:
    """How far uint8 squares [B, W, W, 3] are from their aligned templates: [B, W, W], 0 on the padding.

    `seen` [B, T, C, h, w] are the patches of the pictures, where a look at them (`tiling.look`) has given them already.

    The geometric mean of the distances in both spaces, so what only one of them sees counts little. Pixel AP of the
    shipped expert on drawings, on drawings under other light and noise, and on boards of DeepPCB: 0.91, 0.79, 0.90; pixels
    alone 0.92, 0.62, 0.89; features alone 0.42, 0.41, 0.26; the mean of both as log-odds 0.89, 0.73, 0.60.
    """
    pair = (tiling.patches_of(model, pictures) if seen is None else seen, tiling.patches_of(model, templates))
    features = tiling.compared(pair, model.config.size, letterboxes, _apart)
    found = np.zeros(features.shape, np.float32)
    for row, letterbox in enumerate(letterboxes):
        x, y, width, height = letterbox.inner
        inside = (slice(y, y + height), slice(x, x + width))
        pixels = _pixels(model, pictures[row][inside], templates[row][inside])
        found[row][inside] = np.sqrt(pixels * features[row][inside])
    return found


def _pixels(model: RegionExpert, picture: NDArray[np.uint8], template: NDArray[np.uint8]) -> NDArray[np.float32]:
    """[h, w]: how far each pixel lies outside the template's pixels around it, mean over the colours."""
    with torch.inference_mode():
        pair = [
            model.normalised(torch.from_numpy(np.ascontiguousarray(one)).to(model.mean.device)[None])
            for one in (picture, template)
        ]
        outside = TemplateDifference()(*pair)[0, 6:].abs().mean(dim=0).cpu().numpy()
    return cv2.GaussianBlur(outside, (0, 0), _SIGMA_PX, borderType=cv2.BORDER_REPLICATE).astype(np.float32, copy=False)


def _apart(_: int, cells: tuple[Tensor, ...], letterbox: Letterbox) -> NDArray[np.float32]:
    """[S, S]: how far each patch of the first is from the nearest of the second's around the same place."""
    here, there = cells
    height, width = here.shape[-2:]
    with torch.inference_mode():
        around = functional.pad(there[None], (_NEAR_CELLS,) * 4, mode="replicate")[0]
        steps = range(2 * _NEAR_CELLS + 1)
        squares = [
            (here - around[:, down : down + height, across : across + width]).square().sum(dim=0)
            for down in steps
            for across in steps
        ]
        nearest = torch.stack(squares).amin(dim=0).sqrt().cpu().numpy()
    return patches.in_pixels(nearest, letterbox)
