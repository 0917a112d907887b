"""InspectionService over a real server, the real pipeline and the real ledger."""

from typing import Any

import grpc
import pytest
from tests.line import BAD, GOOD, Line, picture

from inspectd.client import CallError, Client
from inspectd.v1 import inspection_pb2 as pb
from inspectd.v1 import inspection_service_pb2 as service


async def failed(client: Client, call: Any) -> CallError:
    with pytest.raises(CallError) as caught, client.told():
        await call
    return caught.value


async def test_a_picture_is_judged_and_nothing_is_kept(line: Line, client: Client) -> None:
    response = await client.inspections.InspectImage(service.InspectImageRequest(image=BAD))
    inspection = response.inspection
    assert (inspection.outcome, inspection.camera_id) == (pb.Inspection.DEFECT, "adhoc")
    assert inspection.score > inspection.threshold == 0.5
    assert [region.defect_type for region in response.regions] == ["scratch"]
    assert not response.HasField("defect_event")
    assert await line.ledger.count() == {} or not any((await line.ledger.count()).values())
    assert await line.events.last_sequence() == 0


async def test_regions_below_the_decision_threshold_are_told_too(client: Client) -> None:
    faint = picture((40, 30, 60, 12, 250), (200, 150, 20, 20, GOOD_BUT_STRANGE))
    response = await client.inspections.InspectImage(service.InspectImageRequest(image=faint))
    assert [round(region.score, 2) for region in response.regions] == [0.96, 0.31]


GOOD_BUT_STRANGE = 168


async def test_a_good_picture_passes(client: Client) -> None:
    response = await client.inspections.InspectImage(service.InspectImageRequest(image=GOOD))
    assert response.inspection.outcome == pb.Inspection.PASS
    assert response.inspection.HasField("score")


async def test_a_recorded_picture_goes_the_whole_way_once_however_often_it_is_sent(line: Line, client: Client) -> None:
    request = service.InspectImageRequest(
        image=BAD, camera_id="cam-7", record=True, part_id="P", lot="L", request_id="r-1"
    )
    first, second = [await client.inspections.InspectImage(request) for _ in range(2)]
    assert first.defect_event.event_id == second.defect_event.event_id != ""
    assert await line.events.last_sequence() == 1
    got = await client.inspections.GetInspection(service.GetInspectionRequest(frame_id=first.inspection.frame_id))
    assert (got.part_id, got.lot, got.event_id) == ("P", "L", first.defect_event.event_id)
    without_id = service.InspectImageRequest(image=BAD, record=True)
    ids = {(await client.inspections.InspectImage(without_id)).inspection.frame_id for _ in range(2)}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("request_", "reason", "field"),
    [
        (service.InspectImageRequest(), "EMPTY", "image"),
        (service.InspectImageRequest(image=b"GIF89a"), "UNSUPPORTED_FORMAT", "image"),
        (service.InspectImageRequest(image=BAD[:-30]), "TRUNCATED", "image"),
        (service.InspectImageRequest(image=BAD + bytes(1 << 20)), "TOO_LARGE", "image"),
        (service.InspectImageRequest(image=BAD, camera_id="a b"), "BAD_CAMERA_ID", "camera_id"),
        (service.InspectImageRequest(image=BAD, camera_id="x" * 129), "BAD_CAMERA_ID", "camera_id"),
        (service.InspectImageRequest(image=BAD, part_id="x" * 257), "TOO_LONG", "part_id"),
        (service.InspectImageRequest(image=BAD, lot="é" * 129), "TOO_LONG", "lot"),
        (service.InspectImageRequest(image=BAD, request_id="a_b"), "BAD_REQUEST_ID", "request_id"),
        (service.InspectImageRequest(image=BAD, request_id="x" * 65), "BAD_REQUEST_ID", "request_id"),
    ],
)
async def test_a_bad_request_names_reason_and_field(client: Client, request_: Any, reason: str, field: str) -> None:
    error = await failed(client, client.inspections.InspectImage(request_))
    assert (error.code, error.reason, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, reason, field)


async def test_a_model_that_is_away_is_unavailable(line: Line, client: Client) -> None:
    line.expert.away = True
    error = await failed(client, client.inspections.InspectImage(service.InspectImageRequest(image=BAD)))
    assert (error.code, error.away) == (grpc.StatusCode.UNAVAILABLE, False)


async def test_verdicts_are_listed_in_pages_and_by_filters(line: Line, client: Client) -> None:
    for number in range(4):
        await line.inspect(number, BAD if number % 2 else GOOD)
    await line.inspect(9, GOOD, "cam-2")

    async def frames(**fields: Any) -> list[str]:
        request = service.ListInspectionsRequest(**fields)
        return [
            item.frame_id async for item in client.pages(client.inspections.ListInspections, request, "inspections", 99)
        ]

    assert len(await frames()) == 5
    assert await frames(camera_id="cam-2") == ["cam-2/boot/9"]
    assert await frames(part_id="P-3") == ["cam-1/boot/3"]
    assert sorted(await frames(outcome=pb.Inspection.DEFECT)) == ["cam-1/boot/1", "cam-1/boot/3"]
    page = await client.inspections.ListInspections(service.ListInspectionsRequest(page_size=2))
    rest = await client.inspections.ListInspections(
        service.ListInspectionsRequest(page_size=9, page_token=page.next_page_token)
    )
    assert len({item.frame_id for item in [*page.inspections, *rest.inspections]}) == 5


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (service.ListInspectionsRequest(page_size=-2), "page_size"),
        (service.ListInspectionsRequest(page_token="?"), "page_token"),
        (service.ListInspectionsRequest(camera_id="/"), "camera_id"),
        (service.ListInspectionsRequest(part_id="x" * 300), "part_id"),
        (service.ListInspectionsRequest(outcome=9), "outcome"),
    ],
)
async def test_a_bad_listing_names_its_field(client: Client, request_: Any, field: str) -> None:
    assert (await failed(client, client.inspections.ListInspections(request_))).field == field


async def test_an_unknown_frame_is_not_found(client: Client) -> None:
    error = await failed(
        client, client.inspections.GetInspection(service.GetInspectionRequest(frame_id="no/such/frame"))
    )
    assert error.code is grpc.StatusCode.NOT_FOUND
