"""A short copy of a sorted sample of scores, small enough to be kept with every calibration. Knows no store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from inspectd.errors import Rejected

#: Scores that a sketch keeps at most. Its distribution function is then within 1 / 1024 of the whole sample's.
POINTS = 512


@dataclass(frozen=True, slots=True)
class ScoreSketch:
    """Order statistics of a sample, each standing for an equal share of it."""

    points: tuple[float, ...]  # ascending; the whole sample when it has at most POINTS
    count: int  # of the sample

    def __post_init__(self) -> None:
        if not 0 < len(self.points) <= min(POINTS, self.count):
            raise ValueError(f"{len(self.points)} points for a sample of {self.count}")

    @classmethod
    def of(cls, scores: Sequence[float] | NDArray[np.float64]) -> Self:
        """Every score, or the POINTS quantiles at (i + 1/2) / POINTS. Raises Rejected for a score that is no number."""
        ordered = np.sort(np.asarray(scores, np.float64))
        if not np.isfinite(ordered).all():
            raise Rejected("bad_score", "a good frame's score is not a finite number")
        count = len(ordered)
        if count > POINTS:
            ordered = ordered[((np.arange(POINTS) + 0.5) * count / POINTS).astype(np.int64)]
        return cls(tuple(ordered.tolist()), count)

    def below(self, cut: float) -> tuple[NDArray[np.float64], float]:
        """The points [N] under `cut`, and how many scores of the sample they stand for."""
        points = np.asarray(self.points, np.float64)
        points = points[points < cut]
        return points, self.count * len(points) / len(self.points)

    def to_bytes(self) -> bytes:
        """Little-endian 64-bit floats."""
        return np.asarray(self.points, "<f8").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, count: int) -> Self:
        """What `to_bytes` wrote, with the sample's size."""
        return cls(tuple(np.frombuffer(data, "<f8").tolist()), count)
