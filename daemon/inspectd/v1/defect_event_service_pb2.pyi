import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from inspectd.v1 import defect_event_pb2 as _defect_event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetDefectEventRequest(_message.Message):
    __slots__ = ("event_id",)
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    def __init__(self, event_id: _Optional[str] = ...) -> None: ...

class ListDefectEventsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "camera_id", "review_state", "capture_time_from", "capture_time_before")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    REVIEW_STATE_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_TIME_FROM_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_TIME_BEFORE_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    camera_id: str
    review_state: _defect_event_pb2.Review.State
    capture_time_from: _timestamp_pb2.Timestamp
    capture_time_before: _timestamp_pb2.Timestamp
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., camera_id: _Optional[str] = ..., review_state: _Optional[_Union[_defect_event_pb2.Review.State, str]] = ..., capture_time_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., capture_time_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListDefectEventsResponse(_message.Message):
    __slots__ = ("defect_events", "next_page_token")
    DEFECT_EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    defect_events: _containers.RepeatedCompositeFieldContainer[_defect_event_pb2.DefectEvent]
    next_page_token: str
    def __init__(self, defect_events: _Optional[_Iterable[_Union[_defect_event_pb2.DefectEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchDefectEventsRequest(_message.Message):
    __slots__ = ("resume_token", "camera_id")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    camera_id: str
    def __init__(self, resume_token: _Optional[str] = ..., camera_id: _Optional[str] = ...) -> None: ...

class WatchDefectEventsResponse(_message.Message):
    __slots__ = ("defect_event", "resume_token")
    DEFECT_EVENT_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    defect_event: _defect_event_pb2.DefectEvent
    resume_token: str
    def __init__(self, defect_event: _Optional[_Union[_defect_event_pb2.DefectEvent, _Mapping]] = ..., resume_token: _Optional[str] = ...) -> None: ...

class ReviewDefectEventRequest(_message.Message):
    __slots__ = ("event_id", "review", "etag")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    review: _defect_event_pb2.Review
    etag: str
    def __init__(self, event_id: _Optional[str] = ..., review: _Optional[_Union[_defect_event_pb2.Review, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class ExplainDefectEventRequest(_message.Message):
    __slots__ = ("event_id", "question")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    question: str
    def __init__(self, event_id: _Optional[str] = ..., question: _Optional[str] = ...) -> None: ...

class ExplainDefectEventResponse(_message.Message):
    __slots__ = ("text", "explanation", "tokens_cached")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    TOKENS_CACHED_FIELD_NUMBER: _ClassVar[int]
    text: str
    explanation: _defect_event_pb2.Explanation
    tokens_cached: bool
    def __init__(self, text: _Optional[str] = ..., explanation: _Optional[_Union[_defect_event_pb2.Explanation, _Mapping]] = ..., tokens_cached: _Optional[bool] = ...) -> None: ...

class GetDefectEventPictureRequest(_message.Message):
    __slots__ = ("event_id",)
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    def __init__(self, event_id: _Optional[str] = ...) -> None: ...

class GetDefectEventPictureResponse(_message.Message):
    __slots__ = ("data", "media_type")
    DATA_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    media_type: str
    def __init__(self, data: _Optional[bytes] = ..., media_type: _Optional[str] = ...) -> None: ...
