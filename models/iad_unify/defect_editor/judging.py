"""Figures of one edit against the clean frame, the requested mask and a paired target. Arrays in, numbers out.

PSNR and SSIM (Wang et al. 2004: Gaussian window, sigma 1.5, constants 0.01 and 0.03) on uint8 RGB; masked forms average
over the pixels of a mask. The seam score is ours and documented at its function.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

#: PSNR of identical pictures, dB: a finite stand-in for infinity.
HIGHEST_PSNR = 60.0


def changed_outside(frame: np.ndarray, edited: np.ndarray, allowed: np.ndarray) -> int:
    """Pixels that differ where bool `allowed` is false."""
    return int(((frame != edited).any(2) & ~allowed).sum())


def change(frame: np.ndarray, edited: np.ndarray, where: np.ndarray) -> float:
    """Mean absolute difference inside `where`, grey levels."""
    return float(np.abs(frame.astype(np.int16) - edited.astype(np.int16))[where].mean())


def psnr(one: np.ndarray, other: np.ndarray, where: np.ndarray | None = None) -> float:
    """Peak signal to noise ratio in dB, over the pixels of `where` or all of them."""
    error = np.square(one.astype(np.float64) - other.astype(np.float64))
    mean = float((error if where is None else error[where]).mean())
    return HIGHEST_PSNR if mean == 0 else min(HIGHEST_PSNR, 10 * float(np.log10(255.0**2 / mean)))


def ssim(one: np.ndarray, other: np.ndarray, where: np.ndarray | None = None) -> float:
    """Structural similarity, averaged over channels and over the pixels of `where` or all of them."""
    x, y = one.astype(np.float64), other.astype(np.float64)
    first, second = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y, both = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2, _blur(x * y) - mean_x * mean_y
    local = ((2 * mean_x * mean_y + first) * (2 * both + second)) / (
        (mean_x**2 + mean_y**2 + first) * (var_x + var_y + second)
    )
    return float((local if where is None else local[where]).mean())


def seam(frame: np.ndarray, edited: np.ndarray, allowed: np.ndarray) -> float:
    """How much the edit raises the step across the border of `allowed`, mean grey levels; 0 when it raises none.

    The mean absolute difference of neighbours of which one lies inside and one outside, minus the same for the frame.
    """
    return _border_step(edited, allowed) - _border_step(frame, allowed)


def _border_step(picture: np.ndarray, allowed: np.ndarray) -> float:
    values = picture.astype(np.float64)
    across = np.abs(np.diff(values, axis=1)).mean(2)[allowed[:, 1:] != allowed[:, :-1]]
    down = np.abs(np.diff(values, axis=0)).mean(2)[allowed[1:] != allowed[:-1]]
    steps = np.concatenate([across, down])
    return float(steps.mean()) if steps.size else 0.0


def _blur(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval and the number of drawings behind it."""

    value: float
    low: float
    high: float
    count: int


def estimate(values: Sequence[float], resamples: int = 1000, seed: int = 0) -> Estimate:
    """Mean and percentile bootstrap over drawings; NaN entries (figure not defined for that drawing) are left out."""
    known = np.array([value for value in values if not np.isnan(value)], dtype=np.float64)
    if not len(known):
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    rng = np.random.default_rng(seed)
    means = np.array([known[rng.integers(0, len(known), len(known))].mean() for _ in range(resamples)])
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(float(known.mean()), float(low), float(high), len(known))


def estimates(rows: Sequence[Mapping[str, float]], resamples: int = 1000) -> dict[str, Estimate]:
    """Each figure's estimate over rows of figures."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: estimate([row.get(name, float("nan")) for row in rows], resamples) for name in names}
