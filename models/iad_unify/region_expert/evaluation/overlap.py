"""Maps and true masks of several pictures pooled for the exact figures, each true region with its own weight."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.region_expert.evaluation import metrics

Mask = NDArray[np.bool_]


class Judged(NamedTuple):
    """A map [H, W], its true mask [H, W], and the pixels [H, W] that count neither way, if there are any."""

    values: NDArray[np.floating]
    truth: Mask
    left_out: Mask | None = None

    @property
    def positive(self) -> Mask:
        """The true pixels that count."""
        return self.truth if self.left_out is None else self.truth & ~self.left_out

    @property
    def negative(self) -> Mask:
        """The good pixels that count."""
        return ~self.truth if self.left_out is None else ~(self.truth | self.left_out)


def pool(pictures: Iterable[Judged], most_pixels: int) -> metrics.Curve:
    """The curve of all pictures together, of sizes of their own; `most_pixels` is at least their number of pixels.

    Nothing is normalised per picture, and every 8-connected region of a truth weighs the same. Scores are compared as
    float32; beside the maps this takes 4 bytes for each good pixel and 28 for each true one.
    """
    low = np.empty(most_pixels, dtype=np.float32)  # pages that nothing is written to cost nothing
    positive, weights, filled, regions = [np.zeros(0, np.float32)], [np.zeros(0)], 0, 0
    for picture in pictures:
        truth = picture.positive
        negative = picture.values[picture.negative]
        low[filled : filled + negative.size] = negative
        filled += negative.size
        shares, count = region_shares(truth)
        positive.append(picture.values[truth].astype(np.float32, copy=False))
        weights.append(shares)
        regions += count
    return metrics.pooled(np.concatenate(positive), low[:filled], np.concatenate(weights) / max(regions, 1))


def aupro(maps: Sequence[NDArray[np.floating]], truths: Sequence[Mask], limit: float = 0.3) -> float:
    """AUPRO of maps [H, W] with truths [H, W] up to a false-positive rate of `limit`; see `metrics.aupro`."""
    pairs = (Judged(values, truth) for values, truth in zip(maps, truths, strict=True))
    return metrics.aupro(pool(pairs, sum(values.size for values in maps)), limit)


def region_shares(truth: Mask) -> tuple[NDArray[np.float64], int]:
    """For each true pixel (row by row) 1 / pixels of its 8-connected region, float64 [P]; and the number of regions."""
    if not truth.any():
        return np.zeros(0), 0
    count, labels = cv2.connectedComponents(truth.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    owner = np.asarray(labels)[truth]
    return 1.0 / np.bincount(owner, minlength=count)[owner], count - 1
