"""Where a part ends in its picture: the outline against the background, or the border of the frame when it fills it."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

#: The part is told from the background by brightness only if both are at least this share of the picture ...
_LEAST_SHARE = 0.06
#: ... and this many grey levels apart.
_LEAST_CONTRAST = 25.0


@dataclass(frozen=True, slots=True)
class Edge:
    """A point on the part's edge, and what lies on each side of it."""

    at: NDArray[np.float64]  # x, y in pixels
    angle: float  # radians, of the direction that leads out of the part
    part: NDArray[np.bool_]  # [H, W]
    background: NDArray[np.float32]  # [3]: the colour beyond the edge


def edge_point(picture: NDArray[np.uint8], allowed: NDArray[np.bool_], rng: np.random.Generator) -> Edge:
    """A random point of the part's outline in a picture uint8 [H, W, 3]; `allowed` bool [H, W] is where it shows it.

    A part that does not stand out from its background is taken to fill `allowed`, before something dark.
    """
    part = _part(picture, allowed)
    if part is None:
        part = allowed
        dark = np.quantile(picture[::4, ::4].reshape(-1, 3), 0.02, axis=0) * rng.uniform(0.3, 1.0)
    else:
        dark = np.median(picture[allowed & ~part], axis=0)
    rim = part & (cv2.erode(part.astype(np.uint8), np.ones((3, 3), dtype=np.uint8), borderValue=0) == 0) & allowed
    rows, columns = np.nonzero(rim)
    if not rows.size:
        return Edge(np.array([0.0, 0.0]), 0.0, part, np.asarray(dark, dtype=np.float32))
    index = int(rng.integers(rows.size))
    at = np.array([float(columns[index]), float(rows[index])])
    return Edge(at, _outward(part, at), part, np.asarray(dark, dtype=np.float32))


def _part(picture: NDArray[np.uint8], allowed: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The pixels of the part: the side of Otsu's threshold that holds most of the middle."""
    small = cv2.resize(picture, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    level, bright = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    share = float(bright.mean())
    if not _LEAST_SHARE < share < 1 - _LEAST_SHARE:
        return None
    if grey[bright > 0].mean() - grey[bright == 0].mean() < _LEAST_CONTRAST:
        return None
    rows, columns = bright.shape
    middle = bright[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4].mean() > 0.5
    full = cv2.resize(grey, allowed.shape[::-1], interpolation=cv2.INTER_LINEAR)
    side = ((full > level) if middle else (full <= level)) & allowed
    count, parts, stats, _ = cv2.connectedComponentsWithStats(side.astype(np.uint8))
    if count < 2:
        return None
    part = np.asarray(parts == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))
    return part if part.sum() > 0.15 * allowed.sum() and _stands_out(part, full, allowed) else None


def _stands_out(part: NDArray[np.bool_], grey: NDArray[Any], allowed: NDArray[np.bool_]) -> bool:
    """Whether brightness jumps at the outline; a soft change is light on the part, not its end."""
    wide = np.ones((13, 13), dtype=np.uint8)
    inside = part & (cv2.erode(part.astype(np.uint8), wide) == 0)
    outside = allowed & ~part & (cv2.dilate(part.astype(np.uint8), wide) > 0)
    if not inside.any() or not outside.any():
        return False
    return abs(float(grey[inside].mean()) - float(grey[outside].mean())) > _LEAST_CONTRAST


def _outward(part: NDArray[np.bool_], at: NDArray[np.float64]) -> float:
    """From the middle of the part's pixels nearby to the point on its edge."""
    x, y = int(at[0]), int(at[1])
    x0, y0 = max(0, x - 8), max(0, y - 8)
    rows, columns = np.nonzero(part[y0 : y + 9, x0 : x + 9])
    return float(np.arctan2(y - y0 - rows.mean(), x - x0 - columns.mean()))
