"""Which pixels of a frame an edit sees, and how the answer returns to the frame.

A window is a square around one group of mask components at the frame's own scale. It is resized to the network's crop
only when the mask does not fit, and only generated pixels are ever resized back. Knows no network.
"""

from dataclasses import dataclass

import cv2
import numpy as np

#: Context in pixels kept on each side of a mask, in a crop of the network's size.
MARGIN = 5
#: Components nearer than this (pixels) share a window; more groups than `MOST_GROUPS` share one window.
NEARBY = 16
MOST_GROUPS = 16
#: Mean absolute change (0..1) at which a pixel of an enlarged edit drops the fine texture of the clean frame.
FULL_REPLACEMENT = 0.18
#: Width of the soft border of an edit, pixels of the network's crop.
FEATHER = 3.0


@dataclass(frozen=True, slots=True)
class Window:
    """A square of `side` pixels whose top-left corner is (x, y); it may reach over the frame's border."""

    x: int
    y: int
    side: int


def window_around(mask: np.ndarray, crop: int) -> Window:
    """The window of bool [H, W] `mask`: `crop` pixels when the mask fits with its margin, else larger in proportion.

    It stays inside the frame where the frame is large enough, else the frame is centred in it.
    """
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    extent = int(max(rows[-1] - rows[0], columns[-1] - columns[0])) + 1
    side = max(crop, -(-extent * crop // (crop - 2 * MARGIN)))
    return Window(_start(columns, width, side), _start(rows, height, side), side)


def _start(occupied: np.ndarray, length: int, side: int) -> int:
    if side >= length:
        return (length - side) // 2
    return int(np.clip((int(occupied[0]) + int(occupied[-1]) + 1 - side) // 2, 0, length - side))


def groups(mask: np.ndarray) -> list[np.ndarray]:
    """Splits bool [H, W] into masks of components that lie near each other; they cover `mask` and do not overlap."""
    kernel = np.ones((NEARBY + 1, NEARBY + 1), np.uint8)
    count, labels = cv2.connectedComponents(cv2.dilate(mask.astype(np.uint8), kernel), connectivity=8)
    if count - 1 > MOST_GROUPS:
        return [mask]
    return [mask & (labels == label) for label in range(1, count)]


def cut(picture: np.ndarray, window: Window) -> np.ndarray:
    """The window's pixels of [H, W] or [H, W, C]; beyond the border the nearest pixel repeats, a mask is false."""
    height, width = picture.shape[:2]
    x0, y0 = max(window.x, 0), max(window.y, 0)
    x1, y1 = min(window.x + window.side, width), min(window.y + window.side, height)
    inner = picture[y0:y1, x0:x1]
    pad = ((y0 - window.y, window.y + window.side - y1), (x0 - window.x, window.x + window.side - x1))
    if not any(map(sum, pad)):
        return np.ascontiguousarray(inner)
    widths = pad + ((0, 0),) * (picture.ndim - 2)
    return np.pad(inner, widths) if picture.dtype == bool else np.pad(inner, widths, mode="edge")


def shrink(picture: np.ndarray, crop: int) -> np.ndarray:
    """uint8 [S, S, 3] or bool [S, S] -> the network's crop; the same array when it already has that size.

    A mask stays true wherever any of its pixels falls, so that thin shapes survive.
    """
    if picture.shape[0] == crop:
        return picture
    if picture.dtype == bool:
        share = cv2.resize(picture.astype(np.float32), (crop, crop), interpolation=cv2.INTER_AREA)
        return share > 0.2 if (share > 0.2).any() else share > 0
    return cv2.resize(picture, (crop, crop), interpolation=cv2.INTER_AREA)


def enlarge(generated: np.ndarray, small_clean: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """The generated crop at the window's scale, float32 [S, S, 3] in 0..255.

    Fine texture that the small crop could not hold is taken from the clean window where the edit is weak.
    """
    side = clean.shape[0]
    if generated.shape[0] == side:
        return generated.astype(np.float32)
    large = cv2.resize(generated.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    base = cv2.resize(small_clean.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    change = np.abs(large - base).mean(2, keepdims=True) / 255.0
    keep = 1.0 - np.clip(change / FULL_REPLACEMENT, 0.0, 1.0)
    return large + keep * (clean.astype(np.float32) - base)


def matte(allowed: np.ndarray, shape: np.ndarray, scale: float) -> np.ndarray:
    """How much of the edit each pixel takes, float32 [H, W] in 0..1: 0 where `allowed` is false, 1 inside `shape`.

    Between them it rises over `FEATHER` pixels of the network's crop (`scale` frame pixels each), or over half the
    width of a thinner area, so that a loose mask leaves no edge of its own.
    """
    distance = cv2.distanceTransform(allowed.astype(np.uint8), cv2.DIST_L2, 5)  # 1 at the pixels of the border
    ramp = np.clip(distance / max(1.0, min(FEATHER * scale, float(distance.max()))), 0, 1)
    return np.where(shape & allowed, 1.0, ramp).astype(np.float32)


def composite(frame: np.ndarray, edited: np.ndarray, mask: np.ndarray, window: Window) -> np.ndarray:
    """A copy of uint8 `frame` with float `edited` [S, S, 3] written where bool `mask` [H, W] is true in the window."""
    result = frame.copy()
    height, width = mask.shape
    x0, y0 = max(window.x, 0), max(window.y, 0)
    x1, y1 = min(window.x + window.side, width), min(window.y + window.side, height)
    inside = mask[y0:y1, x0:x1]
    pixels = np.clip(np.rint(edited), 0, 255).astype(np.uint8)[
        y0 - window.y : y1 - window.y, x0 - window.x : x1 - window.x
    ]
    result[y0:y1, x0:x1][inside] = pixels[inside]
    return result
