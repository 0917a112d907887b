"""What travels between the parts: frozen values, validated once. Knows no wire format and no driver."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

#: Namespace of event ids: an event's id is the UUIDv5 of its frame's id, so that a repeated frame is the same event.
EVENT_NAMESPACE = uuid.UUID("6f1e7f6a-31a5-5c0e-9d0e-3f0b7a0f2c11")


def event_id_of(frame_id: str) -> str:
    """The event that a defective frame raises."""
    return str(uuid.uuid5(EVENT_NAMESPACE, frame_id))


@dataclass(frozen=True, slots=True)
class Frame:
    """One camera frame, still encoded."""

    frame_id: str
    camera_id: str
    data: bytes  # JPEG or PNG
    media_type: str  # image/jpeg or image/png
    sha256: str  # of `data`, lower-case hexadecimal
    capture_time: datetime  # aware, UTC
    part_id: str = ""
    lot: str = ""
    recipe: str = ""
    view: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def digest(data: bytes) -> str:
        """Lower-case hexadecimal SHA-256."""
        return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Image:
    """A decoded frame, letterboxed for the region expert."""

    pixels: NDArray[np.uint8]  # [S, S, 3] RGB; S is the setting vision.square_px
    letterbox: NDArray[np.float32]  # [5] scale, pad_x, pad_y, width, height of the original
    width: int  # of the original
    height: int


@dataclass(frozen=True, slots=True)
class Mask:
    """COCO run-length encoding of a region, in pixels of the original frame."""

    width: int
    height: int
    counts: str


@dataclass(frozen=True, slots=True)
class Region:
    """One anomalous region. Scores are raw."""

    number: int  # from 1, strongest first
    box: tuple[float, float, float, float]  # x, y, width, height in original pixels
    mask: Mask
    score: float
    area_px: int
    cell: str  # of the 3x3 grid
    type_probabilities: Mapping[str, float]  # slug -> probability, adds up to 1

    @property
    def defect_type(self) -> str:
        """The most likely type's slug."""
        return max(self.type_probabilities, key=lambda slug: self.type_probabilities[slug], default="unknown")


@dataclass(frozen=True, slots=True)
class RegionTokens:
    """What grounds the words and the edits; row i belongs to region number i + 1."""

    appearance: NDArray[np.float16]  # [N, K, D]
    geometry: NDArray[np.float32]  # [N, 5] cx, cy, w, h, area, normalised to the original frame
    reference: NDArray[np.float16] | None = None  # [N, K, D] of a good part at the same masks; None without one

    def __post_init__(self) -> None:
        if len(self.appearance) != len(self.geometry):
            raise ValueError(f"{len(self.appearance)} appearance rows for {len(self.geometry)} geometry rows")
        if self.reference is not None and self.reference.shape != self.appearance.shape:
            raise ValueError(f"reference rows {self.reference.shape} for appearance rows {self.appearance.shape}")

    def strongest(self, count: int) -> "RegionTokens":
        """Those of the first so many regions."""
        reference = None if self.reference is None else self.reference[:count]
        return RegionTokens(self.appearance[:count], self.geometry[:count], reference)


@dataclass(frozen=True, slots=True)
class Findings:
    """All that the region expert says of one frame: raw numbers, no decision."""

    image_score: float
    regions: tuple[Region, ...]  # strongest first; above the proposal threshold
    tokens: RegionTokens
    model_version: str


@dataclass(frozen=True, slots=True)
class Threshold:
    """A decision threshold with its version: `default/{model version}` or `calibrated/{number}`."""

    value: float
    version: str
    reference_version: str = ""  # what frames were compared with, by id (see REFERENCE in the catalog); empty: nothing


class Outcome(StrEnum):
    """How an inspection ended."""

    PASS = "pass"
    DEFECT = "defect"
    REJECTED = "rejected"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Inspection:
    """The verdict on one frame; every frame leaves one."""

    frame_id: str
    camera_id: str
    outcome: Outcome
    inspect_time: datetime
    capture_time: datetime
    score: float | None = None
    threshold: float | None = None
    threshold_version: str = ""
    model_version: str = ""
    part_id: str = ""
    lot: str = ""
    event_id: str = ""
    reason: str = ""


class ExplanationState(StrEnum):
    """How far an event's words are."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"
    UNGROUNDED = "ungrounded"
    EXPIRED = "expired"


class Origin(StrEnum):
    """Who wrote the words."""

    NONE = ""
    MODEL_VERIFIED = "model_verified"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A region of a confirmed event that is like one of another event's."""

    region: int  # of the other event
    event_id: str  # the confirmed one
    event_region: int
    defect_type: str  # that it was confirmed as
    similarity: float  # cosine of their embeddings


@dataclass(frozen=True, slots=True)
class Explanation:
    """The words for an event."""

    state: ExplanationState = ExplanationState.PENDING
    text: str = ""
    origin: Origin = Origin.NONE
    attempts: int = 0
    model_version: str = ""
    failure: str = ""
    contradictions: tuple[str, ...] = ()
    defect_type: str = ""  # of the strongest region, by expert and neighbours together; empty without words
    type_confidence: float = 0.0
    neighbours: tuple[Neighbour, ...] = ()


class ReviewState(StrEnum):
    """What people decided."""

    UNREVIEWED = "unreviewed"
    ACKNOWLEDGED = "acknowledged"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Review:
    """A decision about an event."""

    state: ReviewState = ReviewState.UNREVIEWED
    defect_type: str = ""
    reviewer: str = ""
    comment: str = ""
    review_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """Where an event's picture is kept: the key in the evidence store is `sha256`."""

    sha256: str
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class DefectEvent:
    """One defective frame with its regions, at one revision."""

    event_id: str
    revision: int
    frame_id: str
    camera_id: str
    score: float
    threshold: float
    threshold_version: str
    model_version: str
    regions: tuple[Region, ...]
    picture: Picture
    capture_time: datetime
    raise_time: datetime
    update_time: datetime
    explanation: Explanation = Explanation()
    review: Review = Review()
    part_id: str = ""
    lot: str = ""
    recipe: str = ""
    view: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def defect_type(self) -> str:
        """The type that holds: the reviewer's, else the words', else the expert's of the strongest region."""
        expert = self.regions[0].defect_type if self.regions else "unknown"
        return self.review.defect_type or self.explanation.defect_type or expert

    @property
    def etag(self) -> str:
        """Changes with every revision."""
        return f"{self.event_id}/{self.revision}"


@dataclass(frozen=True, slots=True)
class Change:
    """One committed revision of one event; `sequence` has no gaps and follows the order of commits."""

    sequence: int
    event: DefectEvent


class JobState(StrEnum):
    """How far an augmentation job is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to the job."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class AugmentationJob:
    """A request for synthetic defects, its progress and its result."""

    job_id: str
    state: JobState
    event_id: str
    camera_id: str
    defect_type: str
    requested_count: int
    seed: int
    create_time: datetime
    update_time: datetime
    accepted_count: int = 0
    refused_count: int = 0
    dataset_uri: str = ""
    failure: str = ""


class DriftState(StrEnum):
    """What the scores of recent good frames say of a calibration."""

    TOO_FEW = "too_few"
    STEADY = "steady"
    DRIFTING = "drifting"


@dataclass(frozen=True, slots=True)
class ScoreDrift:
    """How far a camera's recent good frames are from its calibration. Shares are of 1."""

    camera_id: str
    threshold_version: str
    state: DriftState
    measure_time: datetime
    good_count: int  # frames that passed and events that were rejected, judged by this version
    compared_count: int  # of them, those below the lowest undecided score; 0 when they are too few
    ks_distance: float | None  # None when they are too few
    psi: float | None
    promised_rate: float
    false_alarm_share: float  # rejected events among the good frames
    false_alarm_low: float  # its Wilson interval
    false_alarm_high: float
    alarm_share: float  # events among all frames, defects included: no measure of drift

    @property
    def alarm_id(self) -> str:
        """Tells repetitions of one alarm: the camera, the version and the day (UTC)."""
        return f"{self.camera_id}/{self.threshold_version}/{self.measure_time.astimezone(UTC):%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """A camera as the daemon sees it."""

    camera_id: str
    threshold: Threshold
    inspected_count: int = 0
    defect_count: int = 0
    last_capture_time: datetime | None = None
    drift: ScoreDrift | None = None  # None without a calibration, or when nothing is measured yet


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a listing; `next_token` is empty on the last."""

    items: tuple[T, ...]
    next_token: str = ""
