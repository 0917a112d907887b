"""How far the scores of recent good parts are from those of the calibration, and false alarms from the promise. Pure arithmetic.

Only good frames are compared, so a wave of defects is no drift: confirmed events are left out, and from the lowest score
of an undecided event upwards nothing is compared, because nobody knows yet which of those frames are good. Below that cut
every frame is known, whatever the reviews will say, and both samples are compared as they lie below it.

Three measures, and each must be large (a setting) and beyond chance (a significance) before it counts:

- the two-sample Kolmogorov-Smirnov distance; its critical value is the asymptotic one (Smirnov, 1948);
- the population stability index over the tenths of the calibration, whose multiple by 1 / (1/n + 1/m) is close to a
  chi-square with one degree of freedom less than bins (Yurdakul, "Statistical properties of the population stability
  index", 2018);
- the share of good frames that alarmed, with Wilson's interval (JASA 22, 1927). With the k-th largest of n calibration
  scores as threshold the number of false alarms among N new good frames is beta-binomial (N; k, n + 1 - k) when nothing has
  changed (Vovk, "Conditional validity of inductive conformal predictors", 2012); its tail is the chance.

Frames of one part that is seen often are not independent, so the chance is a lower bound for them; the size is not.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from inspectd.settings import DriftSettings
from inspectd.thresholds.scores import ScoreWindow
from inspectd.thresholds.store import Calibration

#: Measures that may alarm; each takes an equal part of the significance (Bonferroni).
MEASURES = 3
#: Bins of the population stability index, equally full in the calibration.
BINS = 10
#: Of Wilson's interval: two-sided 95 %.
CONFIDENCE = 0.95
#: Fewer scores of the calibration than this below the cut are no sample to compare with.
LEAST_REFERENCE = 20


@dataclass(frozen=True, slots=True)
class Distance:
    """Between two samples of scores, and what chance alone reaches at the chosen significance."""

    ks: float
    ks_by_chance: float
    psi: float
    psi_by_chance: float
    compared_count: int  # recent good frames below the cut


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """Good frames that alarmed, of all frames known to be good."""

    alarm_count: int
    good_count: int
    share: float
    low: float  # Wilson
    high: float
    chance: float  # of as many or more, if nothing has changed since the calibration


def distance(calibration: Calibration, window: ScoreWindow, settings: DriftSettings) -> Distance | None:
    """None without the calibration's scores, or with too few frames below the lowest undecided score."""
    if calibration.scores is None:
        return None
    cut = float(window.pending.min()) if len(window.pending) else math.inf
    reference, reference_count = calibration.scores.below(cut)
    recent = window.good[window.good < cut]
    if len(recent) < settings.least_frames or reference_count < LEAST_REFERENCE:
        return None
    spread, chance = 1 / len(recent) + 1 / reference_count, settings.significance / MEASURES
    psi, bins = stability_index(reference, reference_count, recent)
    return Distance(
        ks=ks_distance(reference, recent),
        ks_by_chance=math.sqrt(-math.log(chance / 2) / 2 * spread),
        psi=psi,
        psi_by_chance=chi_square_quantile(1 - chance, bins - 1) * spread if bins > 1 else 0.0,
        compared_count=len(recent),
    )


def false_alarms(calibration: Calibration, window: ScoreWindow) -> FalseAlarms:
    """Rejected events among the frames known to be good; undecided ones are not counted, so it is a lower bound."""
    alarms, good = len(window.rejected), len(window.rejected) + len(window.passed)
    low, high = wilson_interval(alarms, good)
    allowed = max(1, int(calibration.false_alarm_rate * (calibration.good_count + 1) + 1e-9))
    chance = beta_binomial_tail(alarms, good, allowed, calibration.good_count + 1 - allowed)
    return FalseAlarms(alarms, good, alarms / good if good else 0.0, low, high, chance)


def ks_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The largest difference of the two samples' [N], [M] distribution functions, 0 to 1; in any order."""
    one, other = np.sort(one), np.sort(other)
    steps = np.concatenate([one, other])
    shares = [np.searchsorted(sample, steps, side="right") / len(sample) for sample in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


def stability_index(
    reference: NDArray[np.float64], reference_count: float, recent: NDArray[np.float64]
) -> tuple[float, int]:
    """(index, bins) over the reference's tenths; equal scores make fewer bins. Half a count is added to each bin.

    `reference` [N] stands for a sample of `reference_count`.
    """
    edges = np.unique(np.quantile(reference, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    bins = len(edges) + 1
    if (reference <= edges[-1]).all():
        bins -= 1  # nothing above the last edge: the last two bins are one
        edges = edges[:-1]
    if bins == 1:  # the reference is one number
        return 0.0, 1
    expected = np.bincount(np.searchsorted(edges, reference), minlength=bins) / len(reference) * reference_count
    found = np.bincount(np.searchsorted(edges, recent), minlength=bins).astype(np.float64)
    p = (found + 0.5) / (len(recent) + 0.5 * bins)
    q = (expected + 0.5) / (reference_count + 0.5 * bins)
    return float(((p - q) * np.log(p / q)).sum()), bins


def wilson_interval(count: int, total: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Of a share, two-sided; (0, 1) of nothing."""
    if total == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = count / total
    middle = share + z * z / (2 * total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def beta_binomial_tail(count: int, total: int, a: float, b: float) -> float:
    """The chance of `count` or more among `total` when the share itself is Beta(a, b)."""
    if count <= 0:
        return 1.0
    rest = range(count) if count < total / 2 else range(count, total + 1)  # the shorter sum
    chance = sum(math.exp(_log_beta_binomial(k, total, a, b)) for k in rest)
    return min(1.0, max(0.0, 1 - chance if count < total / 2 else chance))


def chi_square_quantile(probability: float, freedom: int) -> float:
    """Wilson and Hilferty's cube (PNAS 17, 1931): within one percent from 3 degrees of freedom and probability 0.9 on."""
    ninth = 2 / (9 * freedom)
    return float(freedom * (1 - ninth + NormalDist().inv_cdf(probability) * math.sqrt(ninth)) ** 3)


def _log_beta_binomial(k: int, total: int, a: float, b: float) -> float:
    choose = math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1)
    return choose + _log_beta(k + a, total - k + b) - _log_beta(a, b)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
