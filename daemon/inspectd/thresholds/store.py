"""The port for decision thresholds, keyed by camera and model version. Every write is a new version."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from inspectd.records import Threshold


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a threshold was found."""

    camera_id: str
    model_version: str
    threshold: float
    false_alarm_rate: float
    good_count: int
    create_time: datetime
    reference_version: str = ""


class ThresholdStore(Protocol):
    """Small and strongly consistent."""

    async def find(self, camera_id: str, model_version: str) -> Threshold | None:
        """The newest threshold of this camera for this model, or None. Raises Unavailable."""

    async def put(self, calibration: Calibration) -> Threshold:
        """Stores a new version and returns it as it will be found. Raises Unavailable."""

    async def cameras(self) -> tuple[str, ...]:
        """Every camera that has a threshold, by id."""
