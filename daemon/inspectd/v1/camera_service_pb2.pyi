import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Camera(_message.Message):
    __slots__ = ("camera_id", "threshold", "threshold_version", "inspected_count", "defect_count", "last_capture_time")
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_VERSION_FIELD_NUMBER: _ClassVar[int]
    INSPECTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    DEFECT_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_CAPTURE_TIME_FIELD_NUMBER: _ClassVar[int]
    camera_id: str
    threshold: float
    threshold_version: str
    inspected_count: int
    defect_count: int
    last_capture_time: _timestamp_pb2.Timestamp
    def __init__(self, camera_id: _Optional[str] = ..., threshold: _Optional[float] = ..., threshold_version: _Optional[str] = ..., inspected_count: _Optional[int] = ..., defect_count: _Optional[int] = ..., last_capture_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetCameraRequest(_message.Message):
    __slots__ = ("camera_id",)
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    camera_id: str
    def __init__(self, camera_id: _Optional[str] = ...) -> None: ...

class ListCamerasRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCamerasResponse(_message.Message):
    __slots__ = ("cameras", "next_page_token")
    CAMERAS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    cameras: _containers.RepeatedCompositeFieldContainer[Camera]
    next_page_token: str
    def __init__(self, cameras: _Optional[_Iterable[_Union[Camera, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CalibrateCameraRequest(_message.Message):
    __slots__ = ("camera_id", "good_images", "false_alarm_rate", "frames_per_hour")
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    GOOD_IMAGES_FIELD_NUMBER: _ClassVar[int]
    FALSE_ALARM_RATE_FIELD_NUMBER: _ClassVar[int]
    FRAMES_PER_HOUR_FIELD_NUMBER: _ClassVar[int]
    camera_id: str
    good_images: _containers.RepeatedScalarFieldContainer[bytes]
    false_alarm_rate: float
    frames_per_hour: float
    def __init__(self, camera_id: _Optional[str] = ..., good_images: _Optional[_Iterable[bytes]] = ..., false_alarm_rate: _Optional[float] = ..., frames_per_hour: _Optional[float] = ...) -> None: ...

class CalibrateCameraMetadata(_message.Message):
    __slots__ = ("scored_count", "total_count", "expected_alarms_per_hour")
    SCORED_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ALARMS_PER_HOUR_FIELD_NUMBER: _ClassVar[int]
    scored_count: int
    total_count: int
    expected_alarms_per_hour: float
    def __init__(self, scored_count: _Optional[int] = ..., total_count: _Optional[int] = ..., expected_alarms_per_hour: _Optional[float] = ...) -> None: ...
