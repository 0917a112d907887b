"""The port for the scores of a camera's inspected frames, by what is known of the parts.

A frame that passed was seen by nobody: it is taken for good, though a missed defect may be among them. An event that a
reviewer rejected is good, one that was confirmed is a defect, and one without a decision (unreviewed or acknowledged) is
pending: neither. So the good frames are the passed and the rejected ones, and above the lowest pending score they are
not all known.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inspectd.records import Threshold


@dataclass(frozen=True, slots=True)
class ScoreQuery:
    """Frames of one camera and model version; `limit` takes the newest ones."""

    camera_id: str
    model_version: str
    since: datetime
    limit: int
    threshold_version: str = ""  # only frames judged by it; empty means any
    without_versions: tuple[str, ...] = ()  # frames judged by one of these are left out


@dataclass(frozen=True, slots=True)
class ScoreWindow:
    """Image scores, which are what a calibration with good parts uses; of the confirmed ones the strongest region's."""

    passed: NDArray[np.float64]  # [N] no region reached the threshold
    rejected: NDArray[np.float64]  # [N] false alarms, says a reviewer
    confirmed: NDArray[np.float64]  # [N] defects, says a reviewer
    pending: NDArray[np.float64]  # [N] events without a decision
    begin: datetime | None  # the first frame's inspection; None without a frame
    end: datetime | None  # the last one's

    @property
    def good(self) -> NDArray[np.float64]:
        """[N] passed and rejected, in no order."""
        return np.concatenate([self.passed, self.rejected])

    @property
    def frame_count(self) -> int:
        """All of them."""
        return len(self.passed) + len(self.rejected) + len(self.confirmed) + len(self.pending)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The model and the threshold of a camera's newest verdict."""

    model_version: str
    threshold: Threshold


class ScoreHistory(Protocol):
    """Reads the ledger and the reviews; opens no picture."""

    async def window(self, query: ScoreQuery) -> ScoreWindow:
        """Empty when no frame fits. Raises Unavailable."""

    async def newest(self, camera_id: str) -> Judgement:
        """Raises NotFound when no frame of the camera was ever judged, Unavailable."""
