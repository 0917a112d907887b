"""Cameras, calibrations, augmentation jobs, and google.longrunning.Operations over both."""

import asyncio
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2
from tests.line import BAD, GOOD, GREY, Line, picture

from inspectd.client import CallError, Client
from inspectd.records import DefectEvent, JobState, ReviewState
from inspectd.v1 import augmentation_service_pb2 as augmentation
from inspectd.v1 import camera_service_pb2 as cameras


async def failed(client: Client, call: Any) -> CallError:
    with pytest.raises(CallError) as caught, client.told():
        await call
    return caught.value


async def ended(client: Client, name: str) -> operations_pb2.Operation:
    request = operations_pb2.WaitOperationRequest(name=name, timeout=Duration(seconds=10))
    operation = await client.operations.WaitOperation(request)
    assert operation.done
    return operation


def good_parts(count: int) -> list[bytes]:
    return [picture((10, 10, 20, 20, GREY + 1 + shade)) for shade in range(count)]


def calibrate(**fields: Any) -> cameras.CalibrateCameraRequest:
    return cameras.CalibrateCameraRequest(**{"camera_id": "cam-1", "false_alarm_rate": 0.1, **fields})


# --- cameras ---


async def test_a_camera_shows_its_counts_and_the_default_threshold(line: Line, client: Client) -> None:
    for number, data in enumerate((BAD, GOOD, GOOD)):
        await line.inspect(number, data)
    camera = await client.cameras.GetCamera(cameras.GetCameraRequest(camera_id="cam-1"))
    assert (camera.inspected_count, camera.defect_count) == (3, 1)
    assert (camera.threshold, camera.threshold_version) == (0.5, "default/0123456789ab")
    assert camera.last_capture_time.seconds


async def test_cameras_are_listed_by_id_in_pages(line: Line, client: Client) -> None:
    for name in ("cam-c", "cam-a", "cam-b"):
        await line.inspect(1, GOOD, name)
    first = await client.cameras.ListCameras(cameras.ListCamerasRequest(page_size=2))
    assert [camera.camera_id for camera in first.cameras] == ["cam-a", "cam-b"]
    rest = await client.cameras.ListCameras(cameras.ListCamerasRequest(page_token=first.next_page_token))
    assert [camera.camera_id for camera in rest.cameras] == ["cam-c"]
    assert rest.next_page_token == ""


async def test_bad_camera_requests_are_told(client: Client) -> None:
    error = await failed(client, client.cameras.GetCamera(cameras.GetCameraRequest(camera_id="cam-9")))
    assert error.code is grpc.StatusCode.NOT_FOUND
    for token in ("?", "YQ=="):
        error = await failed(client, client.cameras.ListCameras(cameras.ListCamerasRequest(page_token=token)))
        assert error.field == "page_token"


async def test_a_calibration_sets_the_threshold_and_tells_the_alarms_to_expect(line: Line, client: Client) -> None:
    started = await client.cameras.CalibrateCamera(calibrate(good_images=good_parts(20), frames_per_hour=1000))
    operation = await ended(client, started.name)
    camera, metadata = cameras.Camera(), cameras.CalibrateCameraMetadata()
    assert operation.response.Unpack(camera)
    assert operation.metadata.Unpack(metadata)
    assert (camera.camera_id, camera.threshold_version) == ("cam-1", "calibrated/1")
    assert (metadata.scored_count, metadata.total_count, metadata.expected_alarms_per_hour) == (20, 20, 100.0)
    got = await client.cameras.GetCamera(cameras.GetCameraRequest(camera_id="cam-1"))
    assert got.threshold == camera.threshold


async def test_too_few_pictures_for_the_rate_are_refused_before_any_work(line: Line, client: Client) -> None:
    error = await failed(
        client, client.cameras.CalibrateCamera(calibrate(good_images=good_parts(3), false_alarm_rate=0.01))
    )
    assert error.code is grpc.StatusCode.FAILED_PRECONDITION
    assert line.expert.looks == 0
    assert not (await client.operations.ListOperations(operations_pb2.ListOperationsRequest())).operations


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"camera_id": ""}, "camera_id"),
        ({"camera_id": "a/b"}, "camera_id"),
        ({}, "good_images"),
        ({"good_images": [GOOD], "false_alarm_rate": 0.0}, "false_alarm_rate"),
        ({"good_images": [GOOD], "false_alarm_rate": 1.0}, "false_alarm_rate"),
        ({"good_images": [GOOD], "false_alarm_rate": float("nan")}, "false_alarm_rate"),
        ({"good_images": [GOOD], "frames_per_hour": -1.0}, "frames_per_hour"),
    ],
)
async def test_a_bad_calibration_names_its_field(client: Client, fields: dict[str, Any], field: str) -> None:
    error = await failed(client, client.cameras.CalibrateCamera(calibrate(**fields)))
    assert (error.code, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)


async def test_a_bad_picture_ends_the_calibration_with_its_number(client: Client) -> None:
    images = good_parts(20)
    images[7] = images[7][:-40]
    started = await client.cameras.CalibrateCamera(calibrate(good_images=images))
    operation = await ended(client, started.name)
    assert operation.error.code == code_pb2.INVALID_ARGUMENT
    assert "picture 8" in operation.error.message


async def test_a_calibration_can_be_cancelled_and_forgotten(
    line: Line, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forever(*_: Any, **__: Any) -> Any:
        await asyncio.sleep(3600)

    monkeypatch.setattr(line.expert, "find_regions", forever)
    started = await client.cameras.CalibrateCamera(calibrate(good_images=good_parts(20)))
    error = await failed(
        client, client.operations.DeleteOperation(operations_pb2.DeleteOperationRequest(name=started.name))
    )
    assert error.code is grpc.StatusCode.FAILED_PRECONDITION
    other = await client.cameras.CalibrateCamera(calibrate(good_images=good_parts(20)))
    error = await failed(client, client.cameras.CalibrateCamera(calibrate(good_images=good_parts(20))))
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    for name in (started.name, other.name):
        await client.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=name))
        assert (await ended(client, name)).error.code == code_pb2.CANCELLED
    error = await failed(
        client, client.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=other.name))
    )
    assert error.code is grpc.StatusCode.FAILED_PRECONDITION
    await client.operations.DeleteOperation(operations_pb2.DeleteOperationRequest(name=started.name))
    error = await failed(client, client.operations.GetOperation(operations_pb2.GetOperationRequest(name=started.name)))
    assert error.code is grpc.StatusCode.NOT_FOUND


# --- calibrations without pictures ---


async def reviewed_shift(line: Line) -> None:
    """Thirty good frames of different shades, a false alarm and a defect."""
    for number, data in enumerate(good_parts(30)):
        await line.inspect(number, data)
    for number, state in ((100, ReviewState.REJECTED), (101, ReviewState.CONFIRMED)):
        event = await line.defect(number)
        await line.events.revise(event.event_id, lambda e, s=state: replace(e, review=replace(e.review, state=s)))


async def test_a_threshold_comes_from_reviews_and_the_change_is_told(line: Line, client: Client) -> None:
    await reviewed_shift(line)
    request = calibrate(from_reviews=cameras.ReviewWindow(dry_run=True), false_alarm_rate=0.0625)
    dry = await client.cameras.CalibrateCamera(request)
    metadata, camera = cameras.CalibrateCameraMetadata(), cameras.Camera()
    assert dry.done
    assert dry.metadata.Unpack(metadata)
    assert dry.response.Unpack(camera)
    change = metadata.change
    assert camera.threshold_version == "default/0123456789ab"
    assert (change.passed_count, change.rejected_count, change.confirmed_count, change.pending_count) == (30, 1, 1, 0)
    assert change.threshold_before == 0.5
    assert 0.2 < change.threshold_after < 0.5
    assert (change.missed_count, list(change.refusals)) == (0, [])
    request.from_reviews.dry_run = False
    assert (await client.cameras.CalibrateCamera(request)).response.Unpack(camera)
    assert (camera.threshold, camera.threshold_version) == (change.threshold_after, "calibrated/1")
    got = await client.operations.GetOperation(operations_pb2.GetOperationRequest(name=dry.name))
    assert got == dry


async def test_a_threshold_that_misses_a_defect_is_refused_unless_that_is_accepted(line: Line, client: Client) -> None:
    await reviewed_shift(line)
    request = calibrate(from_reviews=cameras.ReviewWindow(), false_alarm_rate=1 / 32)
    error = await failed(client, client.cameras.CalibrateCamera(request))
    assert error.code is grpc.StatusCode.FAILED_PRECONDITION
    assert "1 of 1 confirmed defects would pass" in str(error)
    request.from_reviews.accept_misses = True
    assert (await client.cameras.CalibrateCamera(request)).done


async def test_an_older_threshold_is_restored(line: Line, client: Client) -> None:
    await reviewed_shift(line)
    request = calibrate(from_reviews=cameras.ReviewWindow(), false_alarm_rate=0.1)
    for rate in (0.1, 0.2):
        request.false_alarm_rate = rate
        await client.cameras.CalibrateCamera(request)
    old = await line.thresholds.get("calibrated/1")
    camera = cameras.Camera()
    operation = await client.cameras.CalibrateCamera(
        cameras.CalibrateCameraRequest(camera_id="cam-1", restore_version="calibrated/1")
    )
    assert operation.response.Unpack(camera)
    assert (camera.threshold, camera.threshold_version) == (old.calibration.threshold, "calibrated/3")
    error = await failed(
        client,
        client.cameras.CalibrateCamera(cameras.CalibrateCameraRequest(camera_id="cam-1", restore_version="x")),
    )
    assert error.code is grpc.StatusCode.NOT_FOUND


async def test_only_one_source_of_a_threshold_may_be_named(client: Client) -> None:
    request = calibrate(good_images=[GOOD], from_reviews=cameras.ReviewWindow())
    assert (await failed(client, client.cameras.CalibrateCamera(request))).field == "good_images"


async def test_a_camera_tells_how_well_its_calibration_fits(line: Line, client: Client) -> None:
    await line.inspect(0, GOOD)
    request = cameras.GetCameraRequest(camera_id="cam-1")
    assert not (await client.cameras.GetCamera(request)).HasField("drift")
    started = await client.cameras.CalibrateCamera(calibrate(good_images=good_parts(30)))
    await ended(client, started.name)
    await line.watch.measure_all()
    line.directory._thresholds._known.clear()  # type: ignore[attr-defined]  # instead of waiting until it is stale
    drift = (await client.cameras.GetCamera(request)).drift
    assert (drift.state, drift.threshold_version) == (cameras.ScoreDrift.TOO_FEW, "calibrated/1")
    assert not drift.HasField("ks_distance")


# --- augmentation ---


async def confirmed(line: Line, defect_type: str = "") -> DefectEvent:
    event = await line.defect(1)
    change = await line.events.revise(
        event.event_id,
        lambda e: replace(e, review=replace(e.review, state=ReviewState.CONFIRMED, defect_type=defect_type)),
    )
    return change.event


def job_of(operation: operations_pb2.Operation) -> augmentation.AugmentationJob:
    job = augmentation.AugmentationJob()
    assert operation.metadata.Unpack(job)
    return job


async def test_a_job_is_queued_from_a_confirmed_event(line: Line, client: Client) -> None:
    event = await confirmed(line, "crack")
    request = augmentation.CreateAugmentationJobRequest(event_id=event.event_id, count=7, seed=3)
    operation = await client.augmentation.CreateAugmentationJob(request)
    job = job_of(operation)
    assert operation.name == f"operations/{job.job_id}"
    assert not operation.done
    assert (job.state, job.requested_count, job.seed) == (augmentation.AugmentationJob.QUEUED, 7, 3)
    assert (job.camera_id, job.defect_type, job.event_id) == ("cam-1", "crack", event.event_id)
    got = await client.augmentation.GetAugmentationJob(augmentation.GetAugmentationJobRequest(job_id=job.job_id))
    assert got == job


async def test_a_repeated_request_is_the_same_job_and_another_one_is_refused(line: Line, client: Client) -> None:
    event = await confirmed(line)
    request = augmentation.CreateAugmentationJobRequest(event_id=event.event_id, count=7, request_id="once")
    names = {(await client.augmentation.CreateAugmentationJob(request)).name for _ in range(3)}
    assert len(names) == 1
    request.count = 8
    error = await failed(client, client.augmentation.CreateAugmentationJob(request))
    assert error.field == "request_id"


async def test_an_event_that_is_not_confirmed_or_has_no_type_makes_no_job(line: Line, client: Client) -> None:
    event = await line.defect(1)
    request = augmentation.CreateAugmentationJobRequest(event_id=event.event_id, count=1)
    error = await failed(client, client.augmentation.CreateAugmentationJob(request))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE")
    await confirmed(line, "unknown")
    error = await failed(client, client.augmentation.CreateAugmentationJob(request))
    assert "no known type" in str(error)


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"count": 1}, "event_id"), ({"event_id": "e"}, "count"), ({"event_id": "e", "count": 1001}, "count"),
     ({"event_id": "e", "count": 1, "request_id": "ä"}, "request_id")],
)  # fmt: skip
async def test_a_bad_job_names_its_field(client: Client, fields: dict[str, Any], field: str) -> None:
    call = client.augmentation.CreateAugmentationJob(augmentation.CreateAugmentationJobRequest(**fields))
    assert (await failed(client, call)).field == field


async def test_a_job_is_followed_to_its_end_as_an_operation(line: Line, client: Client) -> None:
    event = await confirmed(line)
    request = augmentation.CreateAugmentationJobRequest(event_id=event.event_id, count=2)
    name = (await client.augmentation.CreateAugmentationJob(request)).name
    wait = operations_pb2.WaitOperationRequest(name=name, timeout=Duration(nanos=200_000_000))
    assert not (await client.operations.WaitOperation(wait)).done
    waiting = asyncio.ensure_future(ended(client, name))
    job = await line.jobs.claim("worker")
    assert job is not None
    await line.jobs.update(replace(job, state=JobState.SUCCEEDED, accepted_count=2, dataset_uri="file:///d"), "worker")
    response = augmentation.AugmentationJob()
    assert (await waiting).response.Unpack(response)
    assert (response.accepted_count, response.dataset_uri) == (2, "file:///d")


async def test_a_job_is_cancelled_once_by_either_service(line: Line, client: Client) -> None:
    event = await confirmed(line)
    request = augmentation.CreateAugmentationJobRequest(event_id=event.event_id, count=2)
    one, two = [await client.augmentation.CreateAugmentationJob(request) for _ in range(2)]
    cancel = augmentation.CancelAugmentationJobRequest(job_id=job_of(one).job_id)
    assert (await client.augmentation.CancelAugmentationJob(cancel)).state == augmentation.AugmentationJob.CANCELLED
    assert (await failed(client, client.augmentation.CancelAugmentationJob(cancel))).reason == "WRONG_STATE"
    await client.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=two.name))
    assert (await ended(client, two.name)).error.code == code_pb2.CANCELLED
    error = await failed(
        client, client.operations.DeleteOperation(operations_pb2.DeleteOperationRequest(name=two.name))
    )
    assert error.code is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_failed_job_is_an_operation_with_its_failure(line: Line, client: Client) -> None:
    event = await confirmed(line)
    request = augmentation.CreateAugmentationJobRequest(event_id=event.event_id, count=2)
    name = (await client.augmentation.CreateAugmentationJob(request)).name
    job = await line.jobs.claim("worker")
    assert job is not None
    await line.jobs.update(replace(job, state=JobState.FAILED, failure="no good frames"), "worker")
    assert (await ended(client, name)).error.message == "no good frames"


async def test_operations_are_listed_calibrations_first_in_pages(line: Line, client: Client) -> None:
    event = await confirmed(line)
    request = augmentation.CreateAugmentationJobRequest(event_id=event.event_id, count=2)
    jobs = {(await client.augmentation.CreateAugmentationJob(request)).name for _ in range(3)}
    calibration = (await client.cameras.CalibrateCamera(calibrate(good_images=good_parts(10)))).name
    await ended(client, calibration)
    names, token = [], ""
    while True:
        page = await client.operations.ListOperations(
            operations_pb2.ListOperationsRequest(page_size=2, page_token=token)
        )
        names += [operation.name for operation in page.operations]
        token = page.next_page_token
        if not token:
            break
    assert names[0] == calibration
    assert set(names[1:]) == jobs
    assert len(names) == 4
    listing = augmentation.ListAugmentationJobsRequest(page_size=2)
    assert len((await client.augmentation.ListAugmentationJobs(listing)).augmentation_jobs) == 2


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (operations_pb2.ListOperationsRequest(filter="done"), "filter"),
        (operations_pb2.ListOperationsRequest(name="jobs"), "name"),
        (operations_pb2.ListOperationsRequest(page_token="x y"), "page_token"),
        (operations_pb2.ListOperationsRequest(page_token="jobs ?"), "page_token"),
        (operations_pb2.ListOperationsRequest(page_size=-1), "page_size"),
    ],
)
async def test_a_bad_listing_of_operations_names_its_field(client: Client, request_: Any, field: str) -> None:
    assert (await failed(client, client.operations.ListOperations(request_))).field == field


async def test_bad_operation_names_are_told(client: Client) -> None:
    for name in ("", "jobs/1", "operations/"):
        error = await failed(client, client.operations.GetOperation(operations_pb2.GetOperationRequest(name=name)))
        assert error.field == "name"
    for name in ("operations/none", "operations/calibration-none"):
        error = await failed(client, client.operations.GetOperation(operations_pb2.GetOperationRequest(name=name)))
        assert error.code is grpc.StatusCode.NOT_FOUND
    wait = operations_pb2.WaitOperationRequest(name="operations/x", timeout=Duration(seconds=-1))
    assert (await failed(client, client.operations.WaitOperation(wait))).field == "timeout"
