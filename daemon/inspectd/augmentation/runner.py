"""Runs augmentation jobs: paints the confirmed defect on kept good frames, checks every edit, writes the dataset.

It knows the editor and the expert as ports; queueing and leases are the job store's.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import structlog
from numpy.typing import NDArray

from iad_unify.masks import Rle, decode
from inspectd.augmentation.dataset import DatasetWriter
from inspectd.augmentation.placement import place
from inspectd.augmentation.store import JobAnnouncer, JobStore
from inspectd.errors import Conflict, InspectdError, NotFound, Unavailable
from inspectd.events.store import EventStore
from inspectd.evidence.store import EvidenceStore, GoodFrame
from inspectd.frames.decode import decode_full
from inspectd.metrics import Metrics
from inspectd.records import AugmentationJob, DefectEvent, Findings, Frame, JobState, RegionTokens
from inspectd.thresholds.decision import Thresholds
from inspectd.vision.editor import DefectEditor, Edit
from inspectd.vision.expert import ExpertCard
from inspectd.vision.sight import Sight

log = structlog.get_logger(__name__)

#: How often an idle worker looks for a job, in seconds.
PAUSE_S = 1.0
#: An edit is taken when the expert's regions cover at least this share of the requested mask.
LEAST_COVER = 0.25


@dataclass(frozen=True, slots=True)
class Subject:
    """What a job paints: the event, its strongest region's shape and tokens, and the frames to paint on."""

    event: DefectEvent
    shape: NDArray[np.bool_]  # [H, W] of the event's frame
    reference: RegionTokens
    good: tuple[GoodFrame, ...]


class AugmentationRunner:
    """One job at a time. A job that a worker left behind is begun again; the same seed gives the same edits."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        events: EventStore,
        evidence: EvidenceStore,
        editor: DefectEditor,
        sight: Sight,
        thresholds: Thresholds,
        datasets: Path,
        attempts_per_edit: int,
        max_pixels: int,
        metrics: Metrics,
        worker: str,
        clock: Callable[[], datetime],
        announcer: JobAnnouncer | None = None,
    ) -> None:
        self._announcer, self._thresholds = announcer, thresholds
        self._jobs, self._events, self._evidence, self._editor, self._sight = jobs, events, evidence, editor, sight
        self._datasets, self._attempts, self._max_pixels = datasets, attempts_per_edit, max_pixels
        self._metrics, self._worker, self._clock = metrics, worker, clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if await self.run_once() is None:
                    await asyncio.sleep(PAUSE_S)
            except (Unavailable, Conflict) as error:  # Conflict: another worker has taken the job over
                log.warning("waiting with the augmentation job", error=str(error))
                await asyncio.sleep(PAUSE_S)

    async def run_once(self) -> AugmentationJob | None:
        """Claims and runs one job to its end; None when there was none. Raises Unavailable (the lease then runs out), Conflict."""
        job = await self._jobs.claim(self._worker)
        if job is None:
            return None
        await self._announce(job)
        try:
            job = await self._paint_all(job, await self._subject(job))
        except (Unavailable, Conflict):
            raise
        except (InspectdError, OSError, ValueError) as error:
            log.warning("augmentation job failed", job_id=job.job_id, error=str(error))
            job = replace(job, state=JobState.FAILED, failure=str(error))
        ended = await self._jobs.update(replace(job, update_time=self._clock()), self._worker)
        await self._announce(ended)
        return ended

    async def _announce(self, job: AugmentationJob) -> None:
        """Waits for a broker that is away: a pipeline outside waits for the end, and the job's row is safe meanwhile."""
        while self._announcer is not None:
            try:
                return await self._announcer.announce(job)
            except Unavailable as error:
                log.warning("waiting to announce the augmentation job", job_id=job.job_id, error=str(error))
                await asyncio.sleep(PAUSE_S)

    async def _subject(self, job: AugmentationJob) -> Subject:
        event = await self._events.get(job.event_id)
        good = await self._evidence.good_frames(job.camera_id)
        if not good:
            raise NotFound(f"no good frame of camera {job.camera_id} is kept; let it see good parts first")
        region = event.regions[0]
        shape = decode(Rle(region.mask.width, region.mask.height, region.mask.counts))
        data = await self._evidence.get(event.picture.sha256)
        tokens = (await self._look(data, event)).tokens
        return Subject(event, shape, RegionTokens(tokens.appearance[:1], tokens.geometry[:1]), good)

    async def _paint_all(self, job: AugmentationJob, subject: Subject) -> AugmentationJob:
        writer = DatasetWriter(root=self._datasets / job.job_id, camera_id=job.camera_id)
        cleans = [await self._clean(frame) for frame in subject.good]
        for index, (frame, clean) in enumerate(zip(subject.good, cleans, strict=True)):
            await asyncio.to_thread(writer.add_good, index, clean, {"clean_sha256": frame.sha256, "kind": "good"})
        job = replace(job, dataset_uri=str(writer.folder), accepted_count=0, refused_count=0)
        for index in range(job.requested_count):
            painted = await self._paint_one(job, subject, cleans, writer, index)
            refused = painted - 1 if painted else self._attempts
            job = replace(
                job,
                accepted_count=job.accepted_count + bool(painted),
                refused_count=job.refused_count + refused,
                update_time=self._clock(),
            )
            job = await self._jobs.update(job, self._worker)
            if job.state is not JobState.RUNNING:
                return job
        failure = "" if job.accepted_count else "the region expert found none of the edits where it was asked"
        return replace(job, state=JobState.SUCCEEDED if job.accepted_count else JobState.FAILED, failure=failure)

    async def _paint_one(
        self, job: AugmentationJob, subject: Subject, cleans: list[NDArray[np.uint8]], writer: DatasetWriter, index: int
    ) -> int:
        """The number of the try that passed the check and was written; 0 when none did."""
        for attempt in range(self._attempts):
            seed = (job.seed * 1_000_003 + index) * 101 + attempt
            rng = np.random.default_rng(seed & (2**63 - 1))
            chosen = int(rng.integers(len(cleans)))
            clean = cleans[chosen]
            mask = place(subject.shape, clean.shape[1], clean.shape[0], rng)
            edit = Edit(clean, mask, job.defect_type, subject.reference, seed=seed & (2**31 - 1))
            edited = await self._editor.paint(edit)
            findings = await self._look(await asyncio.to_thread(_encoded, edited), subject.event)
            cover = covered_share(findings, mask)
            accepted = findings.image_score >= subject.event.threshold and cover >= LEAST_COVER
            self._metrics.edits.labels("accepted" if accepted else "refused").inc()
            if accepted:
                origin = {
                    "kind": "synthetic",
                    "event_id": job.event_id,
                    "job_id": job.job_id,
                    "clean_sha256": subject.good[chosen].sha256,
                    "seed": edit.seed,
                    "expert_version": findings.model_version,
                    "score": findings.image_score,
                    "covered_share": cover,
                }
                await asyncio.to_thread(writer.add_edit, index, edited, mask, job.defect_type, origin)
                return attempt + 1
        return 0

    async def _clean(self, frame: GoodFrame) -> NDArray[np.uint8]:
        data = await self._evidence.get(frame.sha256)
        return await asyncio.to_thread(decode_full, data, self._max_pixels)

    async def _look(self, data: bytes, event: DefectEvent) -> Findings:
        """As the event's frame was looked at."""
        camera = event.camera_id

        async def attempt(card: ExpertCard) -> Findings:
            reference = await self._thresholds.reference_of(event.threshold_version, card)
            digest = Frame.digest(data)
            return (await self._sight.look(data, digest, camera, event.threshold, reference, card=card)).findings

        return await self._sight.with_card(camera, attempt)


def _encoded(picture: NDArray[np.uint8]) -> bytes:
    """A PNG."""
    return cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()


def covered_share(findings: Findings, mask: NDArray[np.bool_]) -> float:
    """The share of the requested mask [H, W] that the expert's regions cover."""
    found = np.zeros_like(mask)
    for region in findings.regions:
        found |= decode(Rle(region.mask.width, region.mask.height, region.mask.counts))
    return float((found & mask).sum() / max(1, mask.sum()))
