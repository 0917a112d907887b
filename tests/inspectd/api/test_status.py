"""The table of errors."""

import grpc
import pytest
from google.rpc import error_details_pb2
from tests.line import Line

import inspectd.errors
from inspectd.api.status import CODES, code_of, reason_of, status_of
from inspectd.client import CallError, Client
from inspectd.dashboard.app import STATUSES
from inspectd.errors import Conflict, Expired, InspectdError, Misconfigured, NotFound, Overloaded, Rejected, Unreachable
from inspectd.v1 import defect_event_service_pb2 as service


def error_classes() -> list[type[InspectdError]]:
    found = vars(inspectd.errors).values()
    return [item for item in found if isinstance(item, type) and issubclass(item, InspectdError)]


def example(cls: type[InspectdError]) -> InspectdError:
    if issubclass(cls, Rejected):
        return cls("too_long", "detail", field="lot")
    return cls("api.port", "taken", "Set another") if issubclass(cls, Misconfigured | Unreachable) else cls("detail")


def test_every_error_class_has_its_own_entry() -> None:
    assert set(CODES) == set(error_classes())
    assert set(STATUSES) == set(error_classes())


@pytest.mark.parametrize("cls", error_classes())
def test_every_error_becomes_a_status_with_error_info(cls: type[InspectdError]) -> None:
    status = status_of(example(cls))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.domain, info.reason) == ("inspectd", reason_of(example(cls)))
    assert info.reason == info.reason.upper()
    assert status.code == CODES[cls].value[0]
    assert status.message


def test_a_rejected_field_is_a_field_violation() -> None:
    status = status_of(Rejected("too_long", "300 bytes", field="review.comment"))
    bad = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(bad)
    assert [(v.field, v.description) for v in bad.field_violations] == [("review.comment", "300 bytes")]


def test_a_rejection_without_a_field_has_no_violation() -> None:
    assert len(status_of(Rejected("bad", "detail")).details) == 1


def test_conflicts_differ_by_staleness() -> None:
    assert code_of(Conflict("x")) is grpc.StatusCode.FAILED_PRECONDITION
    assert code_of(Conflict("x", stale=True)) is grpc.StatusCode.ABORTED


def test_an_overloaded_server_is_not_an_absent_one() -> None:
    assert code_of(Overloaded("x")) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert code_of(Expired("x")) is grpc.StatusCode.OUT_OF_RANGE
    assert code_of(NotFound("x")) is grpc.StatusCode.NOT_FOUND


def test_a_class_of_a_later_day_is_answered_as_its_parent() -> None:
    class Later(NotFound):
        pass

    assert code_of(Later("x")) is grpc.StatusCode.NOT_FOUND


def test_an_error_that_is_none_of_ours_keeps_its_text_to_itself() -> None:
    status = status_of(RuntimeError("password=hunter2"))
    assert "hunter2" not in str(status)
    assert status.code == grpc.StatusCode.INTERNAL.value[0]


async def test_an_unforeseen_error_is_internal_and_the_server_goes_on(
    line: Line, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(event_id: str) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(line.events, "get", broken)
    with pytest.raises(CallError, match="internal error") as caught, client.told():
        await client.events.GetDefectEvent(service.GetDefectEventRequest(event_id="e"))
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    monkeypatch.undo()
    assert not (await client.events.ListDefectEvents(service.ListDefectEventsRequest())).defect_events
