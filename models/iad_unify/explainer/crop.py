"""A picture as the vision tower of a Qwen3.5 takes it: the size it is brought to, its patches, how many tokens they become.

The rule is that of the family's image processor: sides are multiples of a merged patch, the area lies between two bounds,
values are brought to -1..1, the four patches of a token follow one another. Knows no prompt and no weights.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from transformers import Qwen3_5Config

#: Field of the configuration with the smallest and the largest area of a crop, pixels. A model without the field was never
#: trained with crops and is shown none: what its vision tower says would be noise.
FIELD = "region_crops"
#: Areas of the sizes, far enough apart that a picture which was brought to them stays as it is, unless it is very long.
#: The tiny tower has 8 x 8 positions of 16 pixels: 16 tokens. The full one starts where the family's own processor does and
#: ends at 256 tokens, so that a prompt stays short.
AREAS_PX = {"tiny": (64 * 64, 128 * 128), "full": (256 * 256, 512 * 512)}
#: A longer picture is squeezed to this many times its width, so that the number of tokens has a bound.
LONGEST_SHAPE = 8
_MIDDLE = np.float32(127.5)


@dataclass(frozen=True, slots=True)
class CropRule:
    """How pictures are brought to a tower."""

    least_px: int  # area
    most_px: int
    patch_px: int = 16
    merged: int = 2  # patches of a token, along a side
    frames: int = 2  # of a video that the tower sees at once; a picture is repeated

    @classmethod
    def of(cls, config: Qwen3_5Config) -> "CropRule | None":
        """The rule of a model, or None when it was never trained with crops."""
        areas = getattr(config, FIELD, None)
        if areas is None:
            return None
        tower = config.vision_config
        return cls(int(areas[0]), int(areas[1]), tower.patch_size, tower.spatial_merge_size, tower.temporal_patch_size)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that a picture of a size is brought to, pixels."""
        step = self.patch_px * self.merged
        width, height = min(width, LONGEST_SHAPE * height), min(height, LONGEST_SHAPE * width)
        sides = [max(step, round(side / step) * step) for side in (width, height)]
        if math.prod(sides) > self.most_px:
            shrinking = math.sqrt(width * height / self.most_px)
            sides = [max(step, math.floor(side / shrinking / step) * step) for side in (width, height)]
        elif math.prod(sides) < self.least_px:
            growing = math.sqrt(self.least_px / (width * height))
            sides = [math.ceil(side * growing / step) * step for side in (width, height)]
        return sides[0], sides[1]

    def tokens(self, rgb: NDArray[np.uint8]) -> int:
        """Placeholders that a picture [h, w, 3] takes in a prompt."""
        width, height = self.size(rgb.shape[1], rgb.shape[0])
        return width * height // (self.patch_px * self.merged) ** 2

    def fitted(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture at the tower's size, uint8 [h, w, 3]; the same array when it has that size."""
        size = self.size(rgb.shape[1], rgb.shape[0])
        if size == (rgb.shape[1], rgb.shape[0]):
            return rgb
        return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC))

    def patches(self, rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float32], tuple[int, int, int]]:
        """Flattened patches [P, 3 * frames * patch * patch] of a picture, and its grid: 1, rows and columns of patches."""
        fitted = self.fitted(rgb)
        rows, columns = (side // self.patch_px for side in fitted.shape[:2])
        values = fitted.astype(np.float32) / _MIDDLE - 1
        merged, patch = self.merged, self.patch_px
        cut = values.reshape(rows // merged, merged, patch, columns // merged, merged, patch, 3)
        cut = cut.transpose(0, 3, 1, 4, 6, 2, 5)  # [rows, columns, in a token, in a token, 3, y, x]
        repeated = np.repeat(cut[:, :, :, :, :, None], self.frames, axis=5)
        return repeated.reshape(rows * columns, -1), (1, rows, columns)
