"""The port for decision thresholds, keyed by camera and model version. Every write is a new version."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from inspectd.records import Threshold
from inspectd.thresholds.sketch import ScoreSketch


class Source(StrEnum):
    """Where a threshold comes from."""

    GOOD_PARTS = "good_parts"
    REVIEWS = "reviews"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class ReviewedWindow:
    """What a threshold from reviews was computed from. Good are `passed_count` + `rejected_count`."""

    begin: datetime  # the first frame's inspection
    end: datetime  # the last one's
    passed_count: int  # frames that passed; nobody has looked at them
    rejected_count: int  # events that a reviewer called false alarms
    confirmed_count: int  # events that a reviewer called defects
    pending_count: int  # events without a decision: neither good nor bad
    missed_count: int  # of the confirmed ones, how many the new threshold lets pass


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a threshold was found."""

    camera_id: str
    model_version: str
    threshold: float
    false_alarm_rate: float
    good_count: int
    create_time: datetime
    reference_version: str = ""  # id of the memory, template or both that the scores were made with; empty: none
    source: Source = Source.GOOD_PARTS
    window: ReviewedWindow | None = None  # with source REVIEWS
    restores: str = ""  # with source RESTORED: the version that this one repeats
    scores: ScoreSketch | None = None  # of the good frames; None when it was calibrated before scores were kept


@dataclass(frozen=True, slots=True)
class StoredCalibration:
    """A calibration with its version, `calibrated/{number}`, and the version that was in force until then."""

    version: str
    replaces: str  # `default/{model version}` when it was the first
    calibration: Calibration


class ThresholdStore(Protocol):
    """Small and strongly consistent. Nothing is ever changed or removed, so that every version can be restored."""

    async def find(self, camera_id: str, model_version: str) -> Threshold | None:
        """The newest threshold of this camera for this model, or None. Raises Unavailable."""

    async def newest(self, camera_id: str, model_version: str) -> StoredCalibration | None:
        """The calibration behind `find`, or None. Raises Unavailable."""

    async def put(self, calibration: Calibration) -> Threshold:
        """Stores a new version, which replaces the newest one, and returns it as it will be found. Raises Unavailable."""

    async def get(self, version: str) -> StoredCalibration:
        """One version. Raises NotFound, Unavailable."""

    async def history(self, camera_id: str) -> tuple[StoredCalibration, ...]:
        """Every version of this camera for every model, newest first; empty when it has none. Raises Unavailable."""

    async def cameras(self) -> tuple[str, ...]:
        """Every camera that has a threshold, by id."""
