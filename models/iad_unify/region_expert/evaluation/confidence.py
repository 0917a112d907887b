"""How far type probabilities can be trusted: a temperature, a level for sets of types, and the error of what is promised.

Pure numpy; it knows logits and the right answers, no picture and no model. Sources: temperature scaling and the expected
calibration error as in Guo et al. 2017 (arXiv 1706.04599), split conformal sets of adaptive size after Romano et al. 2020
(arXiv 2006.02544), without their randomised last member.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]

#: Temperatures between which the best is looked for, and the factor to which it is found.
COLDEST, WARMEST, _PRECISION = 0.05, 20.0, 1.001
#: Bins of equal width of the expected calibration error.
BINS = 15
_GOLDEN = (math.sqrt(5) - 1) / 2
#: Sums of probabilities that differ by less are the same.
_SAME = 1e-9


def probabilities(logits: NDArray[np.floating], temperature: float = 1.0) -> Numbers:
    """Softmax [N, T] of logits [N, T] at a temperature."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def fit_temperature(logits: NDArray[np.floating], truth: Indices) -> float:
    """The temperature of least negative log-likelihood of the right answers `truth` [N], columns of logits [N, T].

    Golden-section search over the logarithm: the likelihood has one optimum. Raises ValueError without a row.
    """
    if not len(truth):
        raise ValueError("no region to fit a temperature on")
    low, high = math.log(COLDEST), math.log(WARMEST)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = _loss(logits, truth, left), _loss(logits, truth, right)
    while high - low > math.log(_PRECISION):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = _loss(logits, truth, left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = _loss(logits, truth, right)
    return math.exp((low + high) / 2)


def _loss(logits: NDArray[np.floating], truth: Indices, log_temperature: float) -> float:
    scaled = np.asarray(logits, dtype=np.float64) / math.exp(log_temperature)
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(truth)), truth]))


def mass_before(probability: Numbers, truth: Indices, named: Sequence[int]) -> Numbers:
    """For each row of probabilities [N, T] how much the columns `named` hold that are more probable than the right one.

    The right one has to be among them. Ties are broken by the order of the columns.
    """
    columns = np.asarray(named)
    own = probability[:, columns]
    place = np.argmax(columns[None] == truth[:, None], axis=1)
    held = own[np.arange(len(truth)), place]
    earlier = np.arange(len(columns))[None] < place[:, None]
    ahead = (own > held[:, None]) | ((own == held[:, None]) & earlier)
    return np.asarray((own * ahead).sum(axis=1))


def conformal_level(before: Numbers, coverage: float) -> float:
    """The level at which sets hold the right type with probability `coverage`, of fresh regions like these.

    `before` [N] is that of `mass_before`. A set takes types, the most probable first, until they hold more than the level.
    1 (every type) when the regions are too few for the promise. Raises ValueError unless `coverage` is between 0 and 1.
    """
    if not 0 < coverage < 1:
        raise ValueError(f"a coverage of {coverage} is not between 0 and 1")
    rank = math.ceil((len(before) + 1) * coverage - _SAME)
    return float(np.sort(before)[rank - 1]) if rank <= len(before) else 1.0


def bin_errors(confidence: Numbers, right: NDArray[np.bool_], weights: Numbers | None = None) -> float:
    """Expected calibration error: how far confidence and share of right answers are apart, over bins of equal width.

    `confidence` [N] is the most probable answer's, `right` [N] whether it was; `weights` [N] count a row so many times.
    """
    counts = np.ones(len(right)) if weights is None else weights
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, counts * (right - confidence), BINS)
    return float(np.abs(gaps).sum() / counts.sum()) if counts.sum() > 0 else float("nan")
