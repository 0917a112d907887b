"""Where things are in a frame: the letterbox into the expert's square, the 3x3 cells, the five geometry numbers.

All of it is arithmetic on the frame's own pixels; it knows nothing of models, defect types or words.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

#: The cells of the 3x3 grid on the original frame, row by row from the upper left.
CELLS: tuple[str, ...] = (
    "top_left",
    "top",
    "top_right",
    "left",
    "center",
    "right",
    "bottom_left",
    "bottom",
    "bottom_right",
)

#: Names of the columns of a geometry vector, each normalised to the original frame's width, height or area.
GEOMETRY_FIELDS: tuple[str, ...] = ("cx", "cy", "w", "h", "area")

#: Geometry of the whole frame as a region.
WHOLE_FRAME: NDArray[np.float32] = np.array([0.5, 0.5, 1.0, 1.0, 1.0], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Letterbox:
    """The transform of a frame into a square of side `size`: ``x' = x * scale + pad_x``, the same for y.

    Coordinates are of pixel edges: a frame spans 0..width and 0..height. `pad_x`, `pad_y` are whole pixels.
    """

    scale: float
    pad_x: float
    pad_y: float
    width: int  # of the original frame, pixels
    height: int
    size: int  # side of the square, pixels

    @classmethod
    def fit(cls, width: int, height: int, size: int) -> "Letterbox":
        """The largest centred placement of a width x height frame in the square.

        Raises ValueError when a side is not positive.
        """
        if width <= 0 or height <= 0 or size <= 0:
            raise ValueError(f"a frame of {width}x{height} pixels does not fit a square of side {size}")
        scale = float(np.float32(size / max(width, height)))  # as on the wire, so that both ends round alike
        inner_w, inner_h = max(1, round(width * scale)), max(1, round(height * scale))
        return cls(scale, float((size - inner_w) // 2), float((size - inner_h) // 2), width, height, size)

    @classmethod
    def from_array(cls, values: NDArray[np.float32], size: int) -> "Letterbox":
        """Read the wire form (scale, pad_x, pad_y, width, height); raises ValueError unless it has five numbers."""
        numbers = np.asarray(values, dtype=np.float64).reshape(-1)
        if numbers.size != 5 or not np.isfinite(numbers).all():
            raise ValueError("a letterbox is five finite numbers: scale, pad_x, pad_y, width, height")
        scale, pad_x, pad_y, width, height = (float(n) for n in numbers)
        if scale <= 0 or width < 1 or height < 1 or pad_x < 0 or pad_y < 0:
            raise ValueError("a letterbox needs a positive scale and size, and paddings of at least 0")
        return cls(scale, pad_x, pad_y, round(width), round(height), size)

    @property
    def inner(self) -> tuple[int, int, int, int]:
        """x, y, width, height of the frame's content inside the square, in whole pixels of the square."""
        x, y = int(self.pad_x), int(self.pad_y)
        inner_w = min(self.size - x, max(1, round(self.width * self.scale)))
        inner_h = min(self.size - y, max(1, round(self.height * self.scale)))
        return x, y, inner_w, inner_h

    def apply(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 [height, width, 3] to uint8 [size, size, 3]; the border's colour is replicated.

        Raises ValueError when the picture is not of this letterbox's width and height.
        """
        if rgb.shape != (self.height, self.width, 3):
            raise ValueError(f"a letterbox for {self.width}x{self.height} was given {rgb.shape[1]}x{rgb.shape[0]}")
        return self.place(rgb)

    def place(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """As `apply`, of the same picture at any scale: uint8 [h, w, 3], decoded at reduced size perhaps."""
        x, y, inner_w, inner_h = self.inner
        if (inner_h, inner_w) != picture.shape[:2]:
            picture = cv2.resize(picture, (inner_w, inner_h), interpolation=_interpolation(self.scale)).astype(
                np.uint8, copy=False
            )
        right, bottom = self.size - x - inner_w, self.size - y - inner_h
        if x or y or right or bottom:
            padded = cv2.copyMakeBorder(picture, y, bottom, x, right, cv2.BORDER_REPLICATE)
            picture = padded.astype(np.uint8, copy=False)
        return np.ascontiguousarray(picture)

    def apply_mask(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Move a mask with its picture, bool [height, width] to [size, size]: true where at least half is covered.

        A region so small that no pixel keeps its half still marks its brightest pixel, so that nothing vanishes.
        """
        x, y, inner_w, inner_h = self.inner
        coverage = cv2.resize(mask.astype(np.float32), (inner_w, inner_h), interpolation=_interpolation(self.scale))
        square = np.zeros((self.size, self.size), dtype=bool)
        level = min(0.5, float(coverage.max()))
        if level > 0:
            square[y : y + inner_h, x : x + inner_w] = coverage >= level
        return square

    def as_array(self) -> NDArray[np.float32]:
        """float32 [5]: scale, pad_x, pad_y, width, height; the LETTERBOX tensor."""
        return np.array([self.scale, self.pad_x, self.pad_y, self.width, self.height], dtype=np.float32)

    def content(self) -> NDArray[np.bool_]:
        """A bool [size, size]: where the square shows the frame and not padding."""
        x, y, width, height = self.inner
        content = np.zeros((self.size, self.size), dtype=bool)
        content[y : y + height, x : x + width] = True
        return content

    def box_to_square(self, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        """The inverse of `box_to_original` for a box inside the frame."""
        return (
            x0 * self.scale + self.pad_x,
            y0 * self.scale + self.pad_y,
            x1 * self.scale + self.pad_x,
            y1 * self.scale + self.pad_y,
        )

    def box_to_original(self, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        """A box of the square (corners, pixel edges) in original pixels, clipped to the frame."""
        across = [min(max((x - self.pad_x) / self.scale, 0.0), float(self.width)) for x in (x0, x1)]
        down = [min(max((y - self.pad_y) / self.scale, 0.0), float(self.height)) for y in (y0, y1)]
        return across[0], down[0], across[1], down[1]


def _interpolation(scale: float) -> int:
    return cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR


def cell_shares(coverage: NDArray[np.generic]) -> NDArray[np.float64]:
    """float64 [9]: the share of the region's area in each cell of `CELLS`; all 0 when the region is empty.

    `coverage` is [H, W] on the whole original frame: bool, or any non-negative weight. Pixels that a cell border
    crosses are shared in proportion, so the answer does not depend on the frame's size modulo 3.
    """
    height, width = coverage.shape
    weights = coverage.astype(np.float64, copy=False)
    grid = _third_weights(height) @ weights @ _third_weights(width).T  # [3, 3]
    total = grid.sum()
    return (grid / total if total > 0 else grid).reshape(-1)


def _third_weights(length: int) -> NDArray[np.float64]:
    """float64 [3, length]: how much of each pixel lies in each third of the side."""
    edges = np.arange(length + 1, dtype=np.float64)
    rows = []
    for third in range(3):
        low, high = length * third / 3, length * (third + 1) / 3
        rows.append(np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0.0, 1.0))
    return np.stack(rows)


def cell_shares_of_window(
    window: NDArray[np.generic], x0: int, y0: int, width: int, height: int
) -> NDArray[np.float64]:
    """`cell_shares` of a region given by a window of the frame at (x0, y0); the cost follows the window."""
    rows = _third_weights(height)[:, y0 : y0 + window.shape[0]]
    columns = _third_weights(width)[:, x0 : x0 + window.shape[1]]
    grid = rows @ window.astype(np.float64, copy=False) @ columns.T
    total = grid.sum()
    return (grid / total if total > 0 else grid).reshape(-1)


def cell_of_mask(coverage: NDArray[np.generic]) -> tuple[str, float]:
    """The cell with most of the region's area and its share of that area; raises ValueError when it is empty."""
    shares = cell_shares(coverage)
    index = int(shares.argmax())
    if shares[index] <= 0:
        raise ValueError("an empty region lies in no cell")
    return CELLS[index], float(shares[index])


def cell_of_point(x: float, y: float) -> str:
    """The cell of a point given in normalised coordinates (0..1, edges belong to the cell right of or below them)."""
    column, row = min(2, max(0, int(x * 3))), min(2, max(0, int(y * 3)))
    return CELLS[3 * row + column]


def geometry_of_box(
    x: float, y: float, w: float, h: float, area: float, width: int, height: int
) -> NDArray[np.float32]:
    """float32 [5] (cx, cy, w, h, area) normalised to a width x height frame; `area` in pixels."""
    numbers = [(x + w / 2) / width, (y + h / 2) / height, w / width, h / height, area / (width * height)]
    return np.array(numbers, dtype=np.float32)


def geometry_of_mask(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """float32 [5] of a bool mask [H, W] on the original frame; raises ValueError when the mask is empty."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if columns.size == 0:
        raise ValueError("an empty region has no geometry")
    height, width = mask.shape
    x, y = int(columns[0]), int(rows[0])
    w, h = int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y
    return geometry_of_box(x, y, w, h, float(np.count_nonzero(mask)), width, height)
