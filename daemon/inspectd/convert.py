"""Records to protobuf and back: the only place that does either. Knows no transport and no store.

Every pair is exact: `x_from_proto(x_to_proto(record)) == record`. What only the wire may hold (an enum's zero or a
number from a newer version, a missing time) raises Rejected with the field's name.
"""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from inspectd.errors import Rejected
from inspectd.records import (
    AugmentationJob,
    CameraStatus,
    DefectEvent,
    DriftState,
    Explanation,
    ExplanationState,
    Inspection,
    JobState,
    Mask,
    Neighbour,
    Origin,
    Outcome,
    Picture,
    Region,
    Review,
    ReviewState,
    ScoreDrift,
    Threshold,
)
from inspectd.v1 import (
    augmentation_service_pb2,
    camera_service_pb2,
    defect_event_pb2,
    inspection_pb2,
    region_pb2,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_OUTCOMES: Mapping[Outcome, int] = {item: inspection_pb2.Inspection.Outcome.Value(item.name) for item in Outcome}
_EXPLANATION_STATES: Mapping[ExplanationState, int] = {
    item: defect_event_pb2.Explanation.State.Value(item.name) for item in ExplanationState
}
_ORIGINS: Mapping[Origin, int] = {
    item: defect_event_pb2.Explanation.Origin.Value(item.name if item else "ORIGIN_UNSPECIFIED") for item in Origin
}
_REVIEW_STATES: Mapping[ReviewState, int] = {
    item: defect_event_pb2.Review.State.Value(item.name) for item in ReviewState
}
_JOB_STATES: Mapping[JobState, int] = {
    item: augmentation_service_pb2.AugmentationJob.State.Value(item.name) for item in JobState
}
_DRIFT_STATES: Mapping[DriftState, int] = {
    item: camera_service_pb2.ScoreDrift.State.Value(item.name) for item in DriftState
}

_OUTCOME_OF = {number: item for item, number in _OUTCOMES.items()}
_EXPLANATION_STATE_OF = {number: item for item, number in _EXPLANATION_STATES.items()}
_ORIGIN_OF = {number: item for item, number in _ORIGINS.items()}
_REVIEW_STATE_OF = {number: item for item, number in _REVIEW_STATES.items()}
_JOB_STATE_OF = {number: item for item, number in _JOB_STATES.items()}
_DRIFT_STATE_OF = {number: item for item, number in _DRIFT_STATES.items()}


def _enum(table: Mapping[int, Any], number: int, field: str) -> Any:
    try:
        return table[number]
    except KeyError as error:
        raise Rejected("unspecified", f"{field} is {number}, which names nothing", field=field) from error


def time_to_proto(time: datetime) -> Timestamp:
    """An aware time, to the microsecond. Raises ValueError for a naive one, which would be read as another hour."""
    if time.tzinfo is None:
        raise ValueError(f"{time.isoformat()} has no time zone")
    microseconds = (time - _EPOCH) // _MICROSECOND
    return Timestamp(seconds=microseconds // 1_000_000, nanos=microseconds % 1_000_000 * 1000)


def time_from_proto(time: Timestamp) -> datetime:
    """UTC; what is finer than a microsecond is cut off. Raises Rejected outside the years 1 to 9999."""
    try:
        return _EPOCH + timedelta(seconds=time.seconds, microseconds=time.nanos // 1000)
    except OverflowError as error:
        raise Rejected("bad_time", f"{time.seconds} seconds lie outside the years 1 to 9999") from error


def required_time(message: Any, field: str) -> datetime:
    """A message's time field. Raises Rejected when it is not set."""
    time = optional_time(message, field)
    if time is None:
        raise Rejected("missing", f"{field} is not set", field=field)
    return time


def optional_time(message: Any, field: str) -> datetime | None:
    """A message's time field, or None when it is not set. Raises Rejected with the field for a time that is none."""
    if not message.HasField(field):
        return None
    try:
        return time_from_proto(getattr(message, field))
    except Rejected as error:
        raise Rejected(error.reason, error.detail, field=field) from error


def outcome_to_proto(outcome: Outcome) -> Any:
    """The enum's number."""
    return _OUTCOMES[outcome]


def outcome_from_proto(number: int, field: str = "outcome") -> Outcome:
    """Raises Rejected for a number that names nothing."""
    return _enum(_OUTCOME_OF, number, field)


def review_state_to_proto(state: ReviewState) -> Any:
    """The enum's number."""
    return _REVIEW_STATES[state]


def review_state_from_proto(number: int, field: str = "review.state") -> ReviewState:
    """Raises Rejected for a number that names nothing."""
    return _enum(_REVIEW_STATE_OF, number, field)


def job_state_from_proto(number: int, field: str = "state") -> JobState:
    """Raises Rejected for a number that names nothing."""
    return _enum(_JOB_STATE_OF, number, field)


def region_to_proto(region: Region) -> region_pb2.Region:
    """With every type's probability, most likely first."""
    x, y, width, height = region.box
    ranked = sorted(region.type_probabilities.items(), key=lambda pair: -pair[1])  # stable: ties keep their order
    return region_pb2.Region(
        number=region.number,
        box=region_pb2.BoundingBox(x=x, y=y, width=width, height=height),
        mask=region_pb2.RleMask(width=region.mask.width, height=region.mask.height, counts=region.mask.counts),
        score=region.score,
        defect_type=region.defect_type,
        type_probabilities=[region_pb2.TypeProbability(defect_type=slug, probability=p) for slug, p in ranked],
        area_px=region.area_px,
        cell=region.cell,
    )


def region_from_proto(message: region_pb2.Region) -> Region:
    """The type is the most likely one again."""
    box, mask = message.box, message.mask
    return Region(
        number=message.number,
        box=(box.x, box.y, box.width, box.height),
        mask=Mask(mask.width, mask.height, mask.counts),
        score=message.score,
        area_px=message.area_px,
        cell=message.cell,
        type_probabilities={item.defect_type: item.probability for item in message.type_probabilities},
    )


def inspection_to_proto(inspection: Inspection) -> inspection_pb2.Inspection:
    """Score and threshold stay absent when no model ran."""
    message = inspection_pb2.Inspection(
        frame_id=inspection.frame_id,
        camera_id=inspection.camera_id,
        outcome=outcome_to_proto(inspection.outcome),
        threshold_version=inspection.threshold_version,
        model_version=inspection.model_version,
        part_id=inspection.part_id,
        lot=inspection.lot,
        capture_time=time_to_proto(inspection.capture_time),
        inspect_time=time_to_proto(inspection.inspect_time),
        event_id=inspection.event_id,
        reason=inspection.reason,
    )
    if inspection.score is not None:
        message.score = inspection.score
    if inspection.threshold is not None:
        message.threshold = inspection.threshold
    return message


def inspection_from_proto(message: inspection_pb2.Inspection) -> Inspection:
    """Raises Rejected for an outcome or a time that is not there."""
    return Inspection(
        frame_id=message.frame_id,
        camera_id=message.camera_id,
        outcome=outcome_from_proto(message.outcome),
        inspect_time=required_time(message, "inspect_time"),
        capture_time=required_time(message, "capture_time"),
        score=message.score if message.HasField("score") else None,
        threshold=message.threshold if message.HasField("threshold") else None,
        threshold_version=message.threshold_version,
        model_version=message.model_version,
        part_id=message.part_id,
        lot=message.lot,
        event_id=message.event_id,
        reason=message.reason,
    )


def explanation_to_proto(explanation: Explanation) -> defect_event_pb2.Explanation:
    """The words and their state."""
    return defect_event_pb2.Explanation(
        state=_EXPLANATION_STATES[explanation.state],  # type: ignore[arg-type]
        text=explanation.text,
        origin=_ORIGINS[explanation.origin],  # type: ignore[arg-type]
        attempts=explanation.attempts,
        model_version=explanation.model_version,
        failure=explanation.failure,
        contradictions=explanation.contradictions,
        defect_type=explanation.defect_type,
        type_confidence=explanation.type_confidence,
        neighbours=[defect_event_pb2.ConfirmedNeighbour(**dataclasses.asdict(one)) for one in explanation.neighbours],
    )


def explanation_from_proto(message: defect_event_pb2.Explanation) -> Explanation:
    """Raises Rejected for a state that names nothing."""
    return Explanation(
        state=_enum(_EXPLANATION_STATE_OF, message.state, "explanation.state"),
        text=message.text,
        origin=_enum(_ORIGIN_OF, message.origin, "explanation.origin"),
        attempts=message.attempts,
        model_version=message.model_version,
        failure=message.failure,
        contradictions=tuple(message.contradictions),
        defect_type=message.defect_type,
        type_confidence=message.type_confidence,
        neighbours=tuple(
            Neighbour(one.region, one.event_id, one.event_region, one.defect_type, one.similarity)
            for one in message.neighbours
        ),
    )


def review_to_proto(review: Review) -> defect_event_pb2.Review:
    """The decision; its time stays unset when nobody has decided."""
    return defect_event_pb2.Review(
        state=review_state_to_proto(review.state),
        defect_type=review.defect_type,
        reviewer=review.reviewer,
        comment=review.comment,
        review_time=None if review.review_time is None else time_to_proto(review.review_time),
    )


def review_from_proto(message: defect_event_pb2.Review) -> Review:
    """Raises Rejected for a state that names nothing."""
    return Review(
        state=review_state_from_proto(message.state),
        defect_type=message.defect_type,
        reviewer=message.reviewer,
        comment=message.comment,
        review_time=optional_time(message, "review_time"),
    )


def event_to_proto(event: DefectEvent) -> defect_event_pb2.DefectEvent:
    """One revision, whole."""
    picture = event.picture
    return defect_event_pb2.DefectEvent(
        event_id=event.event_id,
        revision=event.revision,
        etag=event.etag,
        frame_id=event.frame_id,
        camera_id=event.camera_id,
        part_id=event.part_id,
        lot=event.lot,
        recipe=event.recipe,
        view=event.view,
        attributes=dict(event.attributes),
        score=event.score,
        threshold=event.threshold,
        threshold_version=event.threshold_version,
        model_version=event.model_version,
        regions=[region_to_proto(region) for region in event.regions],
        picture=defect_event_pb2.Picture(
            sha256=picture.sha256, media_type=picture.media_type, width=picture.width, height=picture.height
        ),
        capture_time=time_to_proto(event.capture_time),
        raise_time=time_to_proto(event.raise_time),
        update_time=time_to_proto(event.update_time),
        explanation=explanation_to_proto(event.explanation),
        review=review_to_proto(event.review),
    )


def event_from_proto(message: defect_event_pb2.DefectEvent) -> DefectEvent:
    """The etag is built again from id and revision. Raises Rejected for a state or a time that is not there."""
    picture = message.picture
    return DefectEvent(
        event_id=message.event_id,
        revision=message.revision,
        frame_id=message.frame_id,
        camera_id=message.camera_id,
        score=message.score,
        threshold=message.threshold,
        threshold_version=message.threshold_version,
        model_version=message.model_version,
        regions=tuple(region_from_proto(region) for region in message.regions),
        picture=Picture(picture.sha256, picture.media_type, picture.width, picture.height),
        capture_time=required_time(message, "capture_time"),
        raise_time=required_time(message, "raise_time"),
        update_time=required_time(message, "update_time"),
        explanation=explanation_from_proto(message.explanation),
        review=review_from_proto(message.review),
        part_id=message.part_id,
        lot=message.lot,
        recipe=message.recipe,
        view=message.view,
        attributes=dict(message.attributes),
    )


def job_to_proto(job: AugmentationJob) -> augmentation_service_pb2.AugmentationJob:
    """A job with its progress."""
    return augmentation_service_pb2.AugmentationJob(
        job_id=job.job_id,
        state=_JOB_STATES[job.state],  # type: ignore[arg-type]
        event_id=job.event_id,
        camera_id=job.camera_id,
        defect_type=job.defect_type,
        requested_count=job.requested_count,
        accepted_count=job.accepted_count,
        refused_count=job.refused_count,
        dataset_uri=job.dataset_uri,
        failure=job.failure,
        create_time=time_to_proto(job.create_time),
        update_time=time_to_proto(job.update_time),
        seed=job.seed,
    )


def job_from_proto(message: augmentation_service_pb2.AugmentationJob) -> AugmentationJob:
    """Raises Rejected for a state or a time that is not there."""
    return AugmentationJob(
        job_id=message.job_id,
        state=job_state_from_proto(message.state),
        event_id=message.event_id,
        camera_id=message.camera_id,
        defect_type=message.defect_type,
        requested_count=message.requested_count,
        seed=message.seed,
        create_time=required_time(message, "create_time"),
        update_time=required_time(message, "update_time"),
        accepted_count=message.accepted_count,
        refused_count=message.refused_count,
        dataset_uri=message.dataset_uri,
        failure=message.failure,
    )


def drift_to_proto(drift: ScoreDrift) -> camera_service_pb2.ScoreDrift:
    """Distance and index stay absent when the frames are too few."""
    message = camera_service_pb2.ScoreDrift(
        camera_id=drift.camera_id,
        threshold_version=drift.threshold_version,
        state=_DRIFT_STATES[drift.state],  # type: ignore[arg-type]
        measure_time=time_to_proto(drift.measure_time),
        good_count=drift.good_count,
        compared_count=drift.compared_count,
        promised_rate=drift.promised_rate,
        false_alarm_share=drift.false_alarm_share,
        false_alarm_low=drift.false_alarm_low,
        false_alarm_high=drift.false_alarm_high,
        alarm_share=drift.alarm_share,
    )
    if drift.ks_distance is not None:
        message.ks_distance = drift.ks_distance
    if drift.psi is not None:
        message.psi = drift.psi
    return message


def drift_from_proto(message: camera_service_pb2.ScoreDrift) -> ScoreDrift:
    """Raises Rejected for a state or a time that is not there."""
    return ScoreDrift(
        camera_id=message.camera_id,
        threshold_version=message.threshold_version,
        state=_enum(_DRIFT_STATE_OF, message.state, "drift.state"),
        measure_time=required_time(message, "measure_time"),
        good_count=message.good_count,
        compared_count=message.compared_count,
        ks_distance=message.ks_distance if message.HasField("ks_distance") else None,
        psi=message.psi if message.HasField("psi") else None,
        promised_rate=message.promised_rate,
        false_alarm_share=message.false_alarm_share,
        false_alarm_low=message.false_alarm_low,
        false_alarm_high=message.false_alarm_high,
        alarm_share=message.alarm_share,
    )


def camera_to_proto(camera: CameraStatus) -> camera_service_pb2.Camera:
    """The last capture time stays unset for a camera that has sent nothing, the drift for one that is not measured."""
    return camera_service_pb2.Camera(
        camera_id=camera.camera_id,
        threshold=camera.threshold.value,
        threshold_version=camera.threshold.version,
        inspected_count=camera.inspected_count,
        defect_count=camera.defect_count,
        last_capture_time=None if camera.last_capture_time is None else time_to_proto(camera.last_capture_time),
        drift=None if camera.drift is None else drift_to_proto(camera.drift),
    )


def camera_from_proto(message: camera_service_pb2.Camera) -> CameraStatus:
    """A camera's status."""
    return CameraStatus(
        camera_id=message.camera_id,
        threshold=Threshold(message.threshold, message.threshold_version),
        inspected_count=message.inspected_count,
        defect_count=message.defect_count,
        last_capture_time=optional_time(message, "last_capture_time"),
        drift=drift_from_proto(message.drift) if message.HasField("drift") else None,
    )
