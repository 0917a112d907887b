"""An event's picture once more: its findings from the cache, else from the expert and the kept picture."""

from inspectd.evidence.store import EvidenceStore
from inspectd.records import DefectEvent
from inspectd.thresholds.decision import Thresholds
from inspectd.vision.expert import ExpertCard
from inspectd.vision.sight import Sight, Sighting


async def revisit(event: DefectEvent, *, sight: Sight, thresholds: Thresholds, evidence: EvidenceStore) -> Sighting:
    """What the served expert finds, compared with the reference that the event's threshold was calibrated with.

    Raises NotFound (the picture is gone), Rejected, CalibrateAgain, Unavailable, ModelFailed.
    """
    sha256, camera, threshold = event.picture.sha256, event.camera_id, event.threshold

    async def attempt(card: ExpertCard) -> Sighting:
        reference = await thresholds.reference_of(event.threshold_version, card)
        findings = await sight.recall(sha256, camera, threshold, reference)
        if findings is not None:
            return Sighting(findings, cached=True)
        data = await evidence.get(sha256)
        return await sight.look(data, sha256, camera, threshold, reference, card=card)

    return await sight.with_card(camera, attempt)
