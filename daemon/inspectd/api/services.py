"""What the servicers need of the rest of the daemon beside the stores: small protocols, satisfied in wiring."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from inspectd.records import DefectEvent, Explanation, Frame, Inspection, Region, ScoreDrift, Threshold
from inspectd.thresholds.recalibrator import Recalibration
from inspectd.thresholds.store import StoredCalibration
from inspectd.vision.expert import ExpertCard


class Verdict(Protocol):
    """What the inspection of one frame gave."""

    @property
    def inspection(self) -> Inspection:
        """The decision."""

    @property
    def regions(self) -> tuple[Region, ...]:
        """Every region above the proposal threshold, strongest first."""

    @property
    def event(self) -> DefectEvent | None:
        """The event that was raised."""


class Inspector(Protocol):
    """Frame in, verdict out."""

    async def inspect(self, frame: Frame, *, record: bool) -> Verdict:
        """Nothing is kept without `record`. Raises Rejected, CalibrateAgain, Unavailable, ModelFailed."""


class Answer(Protocol):
    """The end of an answer: the whole of it, after verification."""

    @property
    def explanation(self) -> Explanation:
        """It replaces the pieces when the model was contradicted."""

    @property
    def tokens_cached(self) -> bool:
        """Whether the region tokens came from the cache."""


class Narrator(Protocol):
    """Answers questions about events."""

    def ask(self, event_id: str, question: str, within_s: float | None = None) -> AsyncIterator[str | Answer]:
        """Pieces of text, then one Answer, in the seconds that are given. An empty question is the alert's.

        Raises NotFound, Unavailable, TooLate, ModelFailed.
        """


class Calibrator(Protocol):
    """Sets a camera's threshold from pictures of good parts."""

    async def calibrate(
        self,
        camera_id: str,
        images: Sequence[bytes],
        rate: float,
        frames_per_hour: float,
        progress: Callable[[int, int], None],
    ) -> tuple[Threshold, float]:
        """The stored threshold and the alarms per hour to expect. Raises Rejected, Conflict (too few), Unavailable."""


class Recalibrator(Protocol):
    """Sets a camera's threshold from reviews, or to an older one."""

    async def propose(
        self, camera_id: str, since: datetime, rate: float, frames_per_hour: float | None = None
    ) -> Recalibration:
        """Stores nothing. Raises NotFound (no frame), Conflict (too few), Rejected, Unavailable."""

    async def store(
        self, proposal: Recalibration, *, accept_misses: bool = False, accept_pending: bool = False
    ) -> Threshold:
        """Raises Conflict with every refusal that is not accepted, Unavailable."""

    async def restore(self, camera_id: str, version: str) -> StoredCalibration:
        """Raises NotFound, Conflict (another camera's), Unavailable."""


class DriftSource(Protocol):
    """Knows how well calibrations still fit."""

    def find(self, camera_id: str) -> ScoreDrift | None:
        """The newest measure, if there is one."""


class Readiness(Protocol):
    """What works now; none of it may block."""

    def report(self) -> Mapping[str, bool]:
        """Every part by name, and whether it works now."""

    def live(self) -> bool:
        """Whether the daemon's loops tick; false means that a restart is due."""


class CardSource(Protocol):
    """Knows the served region expert."""

    async def card(self, camera_id: str) -> ExpertCard:
        """Its version and defaults for a camera's frames. Raises Unavailable."""


class CameraThresholds(Protocol):
    """Knows which threshold holds."""

    async def find(self, camera_id: str, card: ExpertCard) -> Threshold:
        """The camera's calibrated threshold, else the card's default. Raises Unavailable."""
