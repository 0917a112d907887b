"""A decision threshold from good parts alone: split conformal prediction. Pure arithmetic.

If a new good part is exchangeable with the n calibration parts, the chance that its score is above the k-th smallest of
theirs is at most (n + 1 - k) / (n + 1), whatever the distribution (Vovk et al., Algorithmic Learning in a Random World,
2005; Angelopoulos and Bates, arXiv 2107.07511, section 1).
"""

import math
from collections.abc import Sequence
from decimal import Decimal

from inspectd.errors import Conflict, Rejected


def least_count(rate: float) -> int:
    """How many good parts a false-alarm rate needs: the smallest n with (n + 1) * rate >= 1."""
    _check_rate(rate)
    return math.ceil(1 / Decimal(repr(rate))) - 1


def conformal_threshold(scores: Sequence[float], rate: float) -> float:
    """The smallest threshold with at most `rate` false alarms; a frame is called defective at a score >= threshold.

    `scores` are raw image scores of good parts, in any order. The threshold lies right above one of them, so that a part
    that scores the same passes. Raises Rejected for a rate outside 0..1 or a score that is no number, Conflict when the
    parts are too few for the rate.
    """
    least = least_count(rate)
    if len(scores) < least:
        raise Conflict(
            f"{len(scores)} good frames cannot support a false-alarm rate of {rate:g}: it takes {least} of them, "
            f"or a rate of {1 / (len(scores) + 1):.2g} and more"
        )
    if not all(math.isfinite(score) for score in scores):
        raise Rejected("bad_score", "a good frame's score is not a finite number", field="good_images")
    allowed = int(Decimal(repr(rate)) * (len(scores) + 1))  # in decimals: 0.29 * 100 is 29 and not 28.999…
    return math.nextafter(sorted(scores)[len(scores) - allowed], math.inf)


def expected_alarms_per_hour(rate: float, frames_per_hour: float) -> float:
    """Alarms on good parts to expect per hour, at most, when nothing but good parts passes."""
    _check_rate(rate)
    return rate * frames_per_hour


def _check_rate(rate: float) -> None:
    if not 0.0 < rate < 1.0:  # NaN, too
        raise Rejected("bad_rate", f"{rate:g} is not between 0 and 1", field="false_alarm_rate")
