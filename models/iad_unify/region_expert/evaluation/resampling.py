"""Intervals by bootstrap: whole groups are drawn, because pictures of one group show the same thing.

It knows how often each picture is drawn, not what is measured. With a single group there is nothing to draw but its
pictures; the interval then says nothing of other groups, and `unit` tells so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Interval = tuple[float, float]
Value = tuple[float, Interval | None]


@dataclass(frozen=True, slots=True)
class Resampling:
    """How often each unit is drawn in each resample."""

    unit: str  # "group" or "picture"
    owner: NDArray[np.int64]  # [pictures] the unit of each
    drawn: Numbers  # [resamples, units]

    @classmethod
    def of(cls, groups: Sequence[str], resamples: int, seed: int = 0) -> "Resampling":
        """Draw units of pictures with these groups; same arguments, same draws."""
        named, owner = np.unique(np.array(groups, dtype=object).astype(str), return_inverse=True)
        unit = "group" if named.size > 1 else "picture"
        if named.size < 2:
            owner = np.arange(len(groups))
        count = int(owner.max(initial=-1)) + 1
        shares = np.full(count, 1 / max(count, 1))
        drawn = np.random.default_rng(seed).multinomial(count, shares, size=resamples) if count else np.zeros((0, 0))
        return cls(unit, owner.astype(np.int64), drawn.astype(np.float64))

    @property
    def units(self) -> int:
        """How many units there are."""
        return self.drawn.shape[1]

    def interval(self, figure: Callable[[Numbers], float]) -> Interval | None:
        """95 % interval of a figure of the units' weights [units]; None when it has fewer than two values."""
        return percentiles([figure(weights) for weights in self.drawn])

    def ratio(self, part: Sequence[float] | Numbers, whole: Sequence[float] | Numbers) -> Value:
        """Sum of `part` over sum of `whole`, both [pictures]; nan when nothing is there to divide by."""
        above, below = (np.asarray(numbers, dtype=np.float64) for numbers in (part, whole))
        if not below.sum() > 0:
            return float("nan"), None
        tops, bottoms = (self.drawn @ self.total(numbers) for numbers in (above, below))
        usable = bottoms > 0
        return float(above.sum() / below.sum()), percentiles(tops[usable] / bottoms[usable])

    def total(self, numbers: Numbers) -> Numbers:
        """Sums [units] of numbers [pictures]."""
        return np.bincount(self.owner, weights=numbers, minlength=self.units).astype(np.float64, copy=False)


def percentiles(values: Sequence[float] | Numbers) -> Interval | None:
    """The middle 95 % of resampled values; None when fewer than two are numbers."""
    numbers = np.asarray(values, dtype=np.float64)
    usable = numbers[np.isfinite(numbers)]
    if usable.size < 2:
        return None
    low, high = np.percentile(usable, [2.5, 97.5])
    return float(low), float(high)
