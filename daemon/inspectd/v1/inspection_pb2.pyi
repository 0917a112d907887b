import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Inspection(_message.Message):
    __slots__ = ("frame_id", "camera_id", "outcome", "score", "threshold", "threshold_version", "model_version", "part_id", "lot", "capture_time", "inspect_time", "event_id", "reason")
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OUTCOME_UNSPECIFIED: _ClassVar[Inspection.Outcome]
        PASS: _ClassVar[Inspection.Outcome]
        DEFECT: _ClassVar[Inspection.Outcome]
        REJECTED: _ClassVar[Inspection.Outcome]
        DROPPED: _ClassVar[Inspection.Outcome]
    OUTCOME_UNSPECIFIED: Inspection.Outcome
    PASS: Inspection.Outcome
    DEFECT: Inspection.Outcome
    REJECTED: Inspection.Outcome
    DROPPED: Inspection.Outcome
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    PART_ID_FIELD_NUMBER: _ClassVar[int]
    LOT_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_TIME_FIELD_NUMBER: _ClassVar[int]
    INSPECT_TIME_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    frame_id: str
    camera_id: str
    outcome: Inspection.Outcome
    score: float
    threshold: float
    threshold_version: str
    model_version: str
    part_id: str
    lot: str
    capture_time: _timestamp_pb2.Timestamp
    inspect_time: _timestamp_pb2.Timestamp
    event_id: str
    reason: str
    def __init__(self, frame_id: _Optional[str] = ..., camera_id: _Optional[str] = ..., outcome: _Optional[_Union[Inspection.Outcome, str]] = ..., score: _Optional[float] = ..., threshold: _Optional[float] = ..., threshold_version: _Optional[str] = ..., model_version: _Optional[str] = ..., part_id: _Optional[str] = ..., lot: _Optional[str] = ..., capture_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., inspect_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., event_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...
