"""The arithmetic of drift against brute force and hand calculations, and simulated streams."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from inspectd.records import DriftState
from inspectd.settings import DriftSettings
from inspectd.thresholds import drift
from inspectd.thresholds.conformal import conformal_threshold
from inspectd.thresholds.scores import ScoreWindow
from inspectd.thresholds.sketch import ScoreSketch
from inspectd.thresholds.store import Calibration, StoredCalibration
from inspectd.thresholds.watch import judge

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NONE = np.zeros(0)
SETTINGS = DriftSettings()


def window(
    passed: NDArray[np.float64],
    rejected: NDArray[np.float64] = NONE,
    confirmed: NDArray[np.float64] = NONE,
    pending: NDArray[np.float64] = NONE,
) -> ScoreWindow:
    return ScoreWindow(passed, rejected, confirmed, pending, NOW, NOW)


def calibrated(scores: NDArray[np.float64], rate: float = 0.01) -> StoredCalibration:
    threshold = conformal_threshold(scores.tolist(), rate)
    made = Calibration("cam", "m", threshold, rate, len(scores), NOW, scores=ScoreSketch.of(scores))
    return StoredCalibration("calibrated/1", "default/m", made)


def measure(
    stored: StoredCalibration, seen: ScoreWindow, settings: DriftSettings = SETTINGS, drifting: bool = False
) -> DriftState:
    made = stored.calibration
    return judge(
        stored, drift.distance(made, seen, settings), drift.false_alarms(made, seen),
        alarm_share=0.0, drifting=drifting, settings=settings, now=NOW,
    ).state  # fmt: skip


# --- the arithmetic ---


def test_the_distance_is_the_largest_gap_of_the_distribution_functions() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        one = rng.integers(0, 8, size=rng.integers(1, 12)) / 4
        other = rng.integers(0, 8, size=rng.integers(1, 12)) / 4
        gaps = [abs(np.mean(one <= x) - np.mean(other <= x)) for x in np.concatenate([one, other])]
        assert drift.ks_distance(one, other) == pytest.approx(max(gaps))
    assert drift.ks_distance(np.array([0.1, 0.2]), np.array([0.3])) == 1
    assert drift.ks_distance(np.array([0.1, 0.1]), np.array([0.1])) == 0


def test_the_stability_index_is_the_sum_over_the_tenths() -> None:
    reference = np.arange(100.0)  # 0 to 9, 10 to 19, …: ten in each bin
    recent = np.concatenate([np.full(30, 5.0), np.full(20, 95.0)])
    psi, bins = drift.stability_index(reference, 100, recent)
    counts = [30, 0, 0, 0, 0, 0, 0, 0, 0, 20]
    p = [(count + 0.5) / 55 for count in counts]
    assert bins == 10
    assert psi == pytest.approx(sum((x - 0.1) * math.log(x / 0.1) for x in p))
    assert drift.stability_index(reference, 100, reference)[0] == pytest.approx(0)


@pytest.mark.parametrize(
    ("reference", "bins"), [([0.0] * 50, 1), ([0.0] * 40 + [1.0] * 10, 2), ([0.0] * 49 + [1.0], 2)]
)
def test_equal_scores_make_fewer_bins(reference: list[float], bins: int) -> None:
    psi, found = drift.stability_index(np.array(reference), len(reference), np.array(reference))
    assert (found, psi) == (bins, pytest.approx(0))


def test_wilson_s_interval_is_the_published_one() -> None:
    """Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    for count, total, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)):
        assert drift.wilson_interval(count, total) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert drift.wilson_interval(1, 29) == (pytest.approx(0.0061, abs=5e-5), pytest.approx(0.1718, abs=5e-5))
    assert drift.wilson_interval(0, 0) == (0, 1)


@pytest.mark.parametrize(("total", "a", "b"), [(1, 1, 99), (12, 2, 5), (30, 7, 3)])
def test_the_tail_of_the_beta_binomial_is_exact(total: int, a: int, b: int) -> None:
    def beta(x: int, y: int) -> Fraction:
        return Fraction(math.factorial(x - 1) * math.factorial(y - 1), math.factorial(x + y - 1))

    for count in range(total + 2):
        parts = (math.comb(total, k) * beta(k + a, total - k + b) / beta(a, b) for k in range(count, total + 1))
        assert drift.beta_binomial_tail(count, total, a, b) == pytest.approx(float(sum(parts)), abs=1e-12)


def test_false_alarms_after_a_calibration_are_beta_binomial() -> None:
    """Brute force: the ranks of calibration and new scores are a random order."""
    rng = np.random.default_rng(2)
    counts = []
    for _ in range(4000):
        scores = rng.random(60)
        threshold = conformal_threshold(scores[:40].tolist(), 0.1)  # 4 of 41 places
        counts.append(int((scores[40:] >= threshold).sum()))
    for least in (1, 3, 6):
        expected = drift.beta_binomial_tail(least, 20, 4, 37)
        spread = math.sqrt(expected * (1 - expected) / len(counts))
        assert np.mean(np.array(counts) >= least) == pytest.approx(expected, abs=4 * spread)


def test_the_chi_square_quantile_is_that_of_the_tables() -> None:
    for probability, freedom, value in ((0.95, 9, 16.919), (0.999, 9, 27.877), (0.99, 4, 13.277), (0.95, 3, 7.815)):
        assert drift.chi_square_quantile(probability, freedom) == pytest.approx(value, rel=0.01)


# --- streams ---


def split(stored: StoredCalibration, scores: NDArray[np.float64], reviewed: bool) -> ScoreWindow:
    """Good frames as the line cuts them: passed below the threshold, and alarms that are rejected or undecided."""
    alarm = scores >= stored.calibration.threshold
    return window(scores[~alarm], scores[alarm]) if reviewed else window(scores[~alarm], pending=scores[alarm])


@pytest.mark.parametrize("reviewed", [True, False])
@pytest.mark.parametrize(("calibration", "recent", "rate"), [(99, 400, 0.01), (300, 2000, 0.05), (3000, 5000, 0.01)])
def test_without_a_drift_hardly_one_of_many_windows_alarms(
    calibration: int, recent: int, rate: float, reviewed: bool
) -> None:
    rng = np.random.default_rng(calibration)
    alarms = 0
    for _ in range(300):  # at a significance of 0.001: 0.3 to expect at most, more than 2 once in 250 runs
        stored = calibrated(rng.beta(2, 20, size=calibration), rate)
        alarms += measure(stored, split(stored, rng.beta(2, 20, size=recent), reviewed)) is DriftState.DRIFTING
    assert alarms <= 2


@pytest.mark.parametrize("reviewed", [True, False])
def test_chance_alone_alarms_no_more_often_than_its_significance(reviewed: bool) -> None:
    """With settings so small that only chance decides."""
    rng = np.random.default_rng(7)
    eager = DriftSettings(ks_distance=1e-6, psi=1e-6, alarm_factor=1, significance=0.03, least_frames=50)
    alarms = 0
    for _ in range(1500):
        stored = calibrated(rng.beta(2, 20, size=200), 0.05)
        found = measure(stored, split(stored, rng.beta(2, 20, size=500), reviewed), eager)
        alarms += found is DriftState.DRIFTING
    assert 0 < alarms <= 1500 * 0.03


@pytest.mark.parametrize("reviewed", [True, False])
@pytest.mark.parametrize("shift", [0.05, -0.05])
def test_shifted_scores_alarm_reviewed_or_not(shift: float, reviewed: bool) -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        stored = calibrated(rng.beta(2, 20, size=500))
        scores = np.clip(rng.beta(2, 20, size=1000) + shift, 0, 1)
        assert measure(stored, split(stored, scores, reviewed)) is DriftState.DRIFTING


def test_a_wave_of_defects_is_no_drift_whatever_people_have_decided() -> None:
    rng = np.random.default_rng(4)
    stored = calibrated(rng.beta(2, 20, size=500))
    threshold = stored.calibration.threshold
    for _ in range(100):
        good = split(stored, rng.beta(2, 20, size=1000), reviewed=True)
        defects = threshold + (1 - threshold) * rng.random(600)
        assert measure(stored, replace(good, confirmed=defects)) is DriftState.STEADY
        assert measure(stored, replace(good, pending=defects)) is DriftState.STEADY
        assert measure(stored, replace(good, confirmed=defects[:300], pending=defects[300:])) is DriftState.STEADY


def test_more_rejected_events_than_promised_alarm_although_the_bulk_is_the_same() -> None:
    rng = np.random.default_rng(5)
    stored = calibrated(rng.beta(2, 20, size=999))
    bulk = rng.beta(2, 20, size=960)
    bulk = bulk[bulk < stored.calibration.threshold]
    assert measure(stored, window(bulk, np.full(9, 0.9))) is DriftState.STEADY
    assert measure(stored, window(bulk, np.full(40, 0.9))) is DriftState.DRIFTING


def test_too_few_frames_say_nothing_and_end_no_drift() -> None:
    rng = np.random.default_rng(6)
    stored = calibrated(rng.beta(2, 20, size=500))
    few = window(rng.beta(2, 20, size=100) + 0.2)
    assert measure(stored, few) is DriftState.TOO_FEW
    assert measure(stored, few, drifting=True) is DriftState.DRIFTING
    without = replace(stored, calibration=replace(stored.calibration, scores=None))
    assert measure(without, window(rng.beta(2, 20, size=1000))) is DriftState.TOO_FEW


def test_a_drift_ends_later_than_it_begins() -> None:
    stored, lenient = calibrated(np.linspace(0, 1, 2000)), DriftSettings(psi=100)
    between = window(np.linspace(0, 1, 2000) * 0.865)  # distance 0.135: under 0.15, over 0.8 of it
    assert measure(stored, between, lenient) is DriftState.STEADY
    assert measure(stored, between, lenient, drifting=True) is DriftState.DRIFTING
    assert measure(stored, window(np.linspace(0, 1, 2000) * 0.95), lenient, drifting=True) is DriftState.STEADY
