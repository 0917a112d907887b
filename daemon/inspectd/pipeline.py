"""The path of one frame, in one direction and on one screen. Retries, bounds and acknowledgement are the worker's."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from inspectd.events.store import EventStore
from inspectd.evidence.store import EvidenceStore
from inspectd.frames.decode import picture_size
from inspectd.inspections.ledger import InspectionSink
from inspectd.records import (
    DefectEvent,
    Findings,
    Frame,
    Inspection,
    Outcome,
    Picture,
    Region,
    Threshold,
    event_id_of,
)
from inspectd.thresholds.decision import Thresholds
from inspectd.vision.expert import ExpertCard
from inspectd.vision.sight import Sight


class Announcer(Protocol):
    """Takes committed changes to the world outside: the outbox."""

    async def wait_published(self, sequence: int) -> None:
        """Returns when the change of this sequence is acknowledged."""


class GoodFrames(Protocol):
    """Keeps some of the frames that pass."""

    async def offer(self, frame: Frame) -> None:
        """Keeps the frame when it is the camera's turn."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the inspection of one frame gave."""

    inspection: Inspection
    regions: tuple[Region, ...]
    event: DefectEvent | None = None


class Inspector:
    """Frame in, verdict out; with `record`, its traces are safe when it returns."""

    def __init__(
        self,
        *,
        sight: Sight,
        thresholds: Thresholds,
        evidence: EvidenceStore,
        events: EventStore,
        outbox: Announcer,
        ledger: InspectionSink,
        good_frames: GoodFrames,
        on_event: Callable[[DefectEvent], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._sight, self._thresholds, self._evidence = sight, thresholds, evidence
        self._events, self._outbox, self._ledger = events, outbox, ledger
        self._good_frames, self._on_event, self._clock = good_frames, on_event, clock

    async def inspect(self, frame: Frame, *, record: bool = True) -> Verdict:
        """Nothing half-done is left behind by a repetition.

        Raises Rejected (a bad picture), CalibrateAgain (the camera's reference cannot be used), ModelFailed, Unavailable.
        """
        threshold, findings = await self._look(frame)
        inspection = judge(frame, findings, threshold, self._clock())
        if not record:
            return Verdict(inspection, findings.regions)
        event = None
        if inspection.outcome is Outcome.DEFECT:
            event = await self._raise(frame, findings, threshold)
        else:
            await self._good_frames.offer(frame)
        await self._ledger.record(inspection)
        return Verdict(inspection, findings.regions, event)

    async def _look(self, frame: Frame) -> tuple[Threshold, Findings]:
        """The threshold in force and what it is to judge, both of one model also while another one takes its place."""
        camera = frame.camera_id

        async def attempt(card: ExpertCard) -> tuple[Threshold, Findings]:
            threshold = await self._thresholds.find(camera, card)
            reference = threshold.reference_version
            sighting = await self._sight.look(frame.data, frame.sha256, camera, threshold.value, reference, card=card)
            return threshold, sighting.findings

        return await self._sight.with_card(camera, attempt)

    async def _raise(self, frame: Frame, findings: Findings, threshold: Threshold) -> DefectEvent:
        await self._evidence.put(frame.data, frame.sha256, frame.media_type)  # before the event that cites it
        change = await self._events.raise_event(new_event(frame, findings, threshold, self._clock()))
        await self._outbox.wait_published(change.sequence)
        self._on_event(change.event)
        return change.event


def judge(frame: Frame, findings: Findings, threshold: Threshold, now: datetime) -> Inspection:
    """The decision, and nothing else: a frame is defective when a region's score reaches the threshold."""
    defective = any(region.score >= threshold.value for region in findings.regions)
    return Inspection(
        frame_id=frame.frame_id,
        camera_id=frame.camera_id,
        outcome=Outcome.DEFECT if defective else Outcome.PASS,
        inspect_time=now,
        capture_time=frame.capture_time,
        score=findings.image_score,
        threshold=threshold.value,
        threshold_version=threshold.version,
        model_version=findings.model_version,
        part_id=frame.part_id,
        lot=frame.lot,
        event_id=event_id_of(frame.frame_id) if defective else "",
    )


def new_event(frame: Frame, findings: Findings, threshold: Threshold, now: datetime) -> DefectEvent:
    """The event of a defective frame, with the regions that reached the threshold."""
    width, height = picture_size(frame.data, frame.media_type)
    return DefectEvent(
        event_id=event_id_of(frame.frame_id),
        revision=1,
        frame_id=frame.frame_id,
        camera_id=frame.camera_id,
        score=findings.regions[0].score,
        threshold=threshold.value,
        threshold_version=threshold.version,
        model_version=findings.model_version,
        regions=tuple(region for region in findings.regions if region.score >= threshold.value),
        picture=Picture(frame.sha256, frame.media_type, width, height),
        capture_time=frame.capture_time,
        raise_time=now,
        update_time=now,
        part_id=frame.part_id,
        lot=frame.lot,
        recipe=frame.recipe,
        view=frame.view,
        attributes=frame.attributes,
    )
