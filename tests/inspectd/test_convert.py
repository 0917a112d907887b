"""Records and protobuf are exact mirrors."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from inspectd import convert
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
    Origin,
    Outcome,
    Picture,
    Region,
    Review,
    ReviewState,
    ScoreDrift,
    Threshold,
    event_id_of,
)
from inspectd.v1 import augmentation_service_pb2, camera_service_pb2, defect_event_pb2, inspection_pb2, region_pb2

NOW = datetime(2025, 3, 4, 5, 6, 7, 891_011, tzinfo=UTC)

REGION = Region(
    number=1,
    box=(10.5, 20.25, 30.0, 40.0),
    mask=Mask(640, 480, "abc012"),
    score=0.1 + 0.2,  # not exact in fewer than 17 digits
    area_px=777,
    cell="top_left",
    type_probabilities={"crack": 0.2, "scratch": 0.7, "dent": 0.1},
)

EVENT = DefectEvent(
    event_id=event_id_of("cam-1/boot/7"),
    revision=3,
    frame_id="cam-1/boot/7",
    camera_id="cam-1",
    score=1 / 3,
    threshold=0.25,
    threshold_version="calibrated/2",
    model_version="abcdef012345",
    regions=(REGION, replace(REGION, number=2, score=0.2)),
    picture=Picture("00" * 32, "image/png", 640, 480),
    capture_time=NOW,
    raise_time=NOW + timedelta(milliseconds=31),
    update_time=NOW + timedelta(seconds=2),
    explanation=Explanation(ExplanationState.UNGROUNDED, "A scratch.", Origin.TEMPLATE, 2, "0123", "", ("a", "b")),
    review=Review(ReviewState.CONFIRMED, "crack", "Ada", "deep", NOW + timedelta(minutes=1)),
    part_id="P-1",
    lot="L-1",
    recipe="R",
    view="top",
    attributes={"line": "7", "": "empty name"},
)

INSPECTION = Inspection(
    frame_id="cam-1/boot/7",
    camera_id="cam-1",
    outcome=Outcome.DEFECT,
    inspect_time=NOW + timedelta(milliseconds=40),
    capture_time=NOW,
    score=0.0,
    threshold=0.5,
    threshold_version="default/ab",
    model_version="ab",
    part_id="P",
    lot="L",
    event_id="E",
)

JOB = AugmentationJob(
    "job-1", JobState.RUNNING, "event", "cam", "dent", 12, -5, NOW, NOW + timedelta(hours=1), 3, 4, "file:///d", ""
)


def test_an_event_survives_the_wire_exactly() -> None:
    wire = convert.event_to_proto(EVENT).SerializeToString()
    assert convert.event_from_proto(defect_event_pb2.DefectEvent.FromString(wire)) == EVENT


def test_an_event_with_nothing_optional_survives_the_wire_exactly() -> None:
    bare = replace(
        EVENT, regions=(REGION,), explanation=Explanation(), review=Review(), part_id="", lot="", attributes={}
    )
    assert convert.event_from_proto(convert.event_to_proto(bare)) == bare


def test_an_events_etag_is_on_the_wire() -> None:
    assert convert.event_to_proto(EVENT).etag == EVENT.etag != replace(EVENT, revision=4).etag


def test_a_region_survives_the_wire_and_names_its_most_likely_type_first() -> None:
    message = region_pb2.Region.FromString(convert.region_to_proto(REGION).SerializeToString())
    assert convert.region_from_proto(message) == REGION
    assert message.defect_type == "scratch"
    assert [item.defect_type for item in message.type_probabilities] == ["scratch", "crack", "dent"]


def test_a_region_whose_types_are_tied_keeps_its_type() -> None:
    tied = replace(REGION, type_probabilities={"dent": 0.5, "crack": 0.5})
    assert convert.region_from_proto(convert.region_to_proto(tied)).defect_type == tied.defect_type == "dent"


@pytest.mark.parametrize(
    "inspection",
    [
        INSPECTION,
        replace(INSPECTION, outcome=Outcome.PASS, event_id=""),
        replace(INSPECTION, outcome=Outcome.REJECTED, score=None, threshold=None, event_id="", reason="truncated"),
        replace(INSPECTION, outcome=Outcome.DROPPED, score=None, threshold=None, event_id="", reason="full"),
    ],
)
def test_an_inspection_survives_the_wire_exactly(inspection: Inspection) -> None:
    wire = convert.inspection_to_proto(inspection).SerializeToString()
    assert convert.inspection_from_proto(inspection_pb2.Inspection.FromString(wire)) == inspection


def test_a_score_of_zero_is_not_an_absent_score() -> None:
    message = convert.inspection_to_proto(INSPECTION)
    assert message.HasField("score")
    assert not convert.inspection_to_proto(replace(INSPECTION, score=None)).HasField("score")


@pytest.mark.parametrize("state", list(ExplanationState))
@pytest.mark.parametrize("origin", list(Origin))
def test_every_state_and_origin_of_an_explanation_survives(state: ExplanationState, origin: Origin) -> None:
    explanation = Explanation(state, "text é\n<b>", origin, 1, "m", "why", ("one",))
    assert convert.explanation_from_proto(convert.explanation_to_proto(explanation)) == explanation


@pytest.mark.parametrize("state", list(ReviewState))
@pytest.mark.parametrize("time", [None, NOW])
def test_every_review_survives(state: ReviewState, time: datetime | None) -> None:
    review = Review(state, "dent", "Ada", "comment", time)
    assert convert.review_from_proto(convert.review_to_proto(review)) == review


@pytest.mark.parametrize("state", list(JobState))
def test_every_job_survives_the_wire_exactly(state: JobState) -> None:
    job = replace(JOB, state=state)
    wire = convert.job_to_proto(job).SerializeToString()
    assert convert.job_from_proto(augmentation_service_pb2.AugmentationJob.FromString(wire)) == job


@pytest.mark.parametrize("last", [None, NOW])
def test_a_camera_survives_the_wire_exactly(last: datetime | None) -> None:
    camera = CameraStatus("cam", Threshold(0.1, "calibrated/1"), 100, 7, last)
    wire = convert.camera_to_proto(camera).SerializeToString()
    assert convert.camera_from_proto(camera_service_pb2.Camera.FromString(wire)) == camera


@pytest.mark.parametrize("state", list(DriftState))
@pytest.mark.parametrize("ks", [None, 0.0, 1 / 3])
def test_every_drift_survives_the_wire_exactly(state: DriftState, ks: float | None) -> None:
    drift = ScoreDrift("cam", "calibrated/1", state, NOW, 7, 6, ks, ks, 0.1, 0.2, 0.15, 0.3, 0.4)
    camera = CameraStatus("cam", Threshold(0.1, "calibrated/1"), 100, 7, NOW, drift)
    wire = convert.camera_to_proto(camera).SerializeToString()
    assert convert.camera_from_proto(camera_service_pb2.Camera.FromString(wire)) == camera


@pytest.mark.parametrize(
    "time",
    [
        NOW,
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
        datetime(2025, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ],
)
def test_every_aware_time_survives_to_the_microsecond(time: datetime) -> None:
    message = convert.time_to_proto(time)
    assert 0 <= message.nanos < 1_000_000_000
    assert convert.time_from_proto(message) == time
    assert convert.time_from_proto(message).tzinfo is UTC


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        convert.time_to_proto(datetime(2025, 1, 1))


def test_a_time_outside_the_calendar_is_rejected() -> None:
    with pytest.raises(Rejected, match="bad_time"):
        convert.time_from_proto(Timestamp(seconds=10**15))


def test_a_missing_time_names_its_field() -> None:
    message = convert.inspection_to_proto(INSPECTION)
    message.ClearField("capture_time")
    with pytest.raises(Rejected) as caught:
        convert.inspection_from_proto(message)
    assert caught.value.field == "capture_time"


def test_an_unspecified_or_unknown_state_names_its_field() -> None:
    for number in (0, 99):
        with pytest.raises(Rejected) as caught:
            convert.review_state_from_proto(number)
        assert caught.value.field == "review.state"
        with pytest.raises(Rejected):
            convert.outcome_from_proto(number)
        with pytest.raises(Rejected):
            convert.job_state_from_proto(number)
