import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Camera(_message.Message):
    __slots__ = ("camera_id", "threshold", "threshold_version", "inspected_count", "defect_count", "last_capture_time", "drift")
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_VERSION_FIELD_NUMBER: _ClassVar[int]
    INSPECTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    DEFECT_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_CAPTURE_TIME_FIELD_NUMBER: _ClassVar[int]
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    camera_id: str
    threshold: float
    threshold_version: str
    inspected_count: int
    defect_count: int
    last_capture_time: _timestamp_pb2.Timestamp
    drift: ScoreDrift
    def __init__(self, camera_id: _Optional[str] = ..., threshold: _Optional[float] = ..., threshold_version: _Optional[str] = ..., inspected_count: _Optional[int] = ..., defect_count: _Optional[int] = ..., last_capture_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., drift: _Optional[_Union[ScoreDrift, _Mapping]] = ...) -> None: ...

class ScoreDrift(_message.Message):
    __slots__ = ("camera_id", "threshold_version", "state", "measure_time", "good_count", "compared_count", "ks_distance", "psi", "promised_rate", "false_alarm_share", "false_alarm_low", "false_alarm_high", "alarm_share")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[ScoreDrift.State]
        TOO_FEW: _ClassVar[ScoreDrift.State]
        STEADY: _ClassVar[ScoreDrift.State]
        DRIFTING: _ClassVar[ScoreDrift.State]
    STATE_UNSPECIFIED: ScoreDrift.State
    TOO_FEW: ScoreDrift.State
    STEADY: ScoreDrift.State
    DRIFTING: ScoreDrift.State
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MEASURE_TIME_FIELD_NUMBER: _ClassVar[int]
    GOOD_COUNT_FIELD_NUMBER: _ClassVar[int]
    COMPARED_COUNT_FIELD_NUMBER: _ClassVar[int]
    KS_DISTANCE_FIELD_NUMBER: _ClassVar[int]
    PSI_FIELD_NUMBER: _ClassVar[int]
    PROMISED_RATE_FIELD_NUMBER: _ClassVar[int]
    FALSE_ALARM_SHARE_FIELD_NUMBER: _ClassVar[int]
    FALSE_ALARM_LOW_FIELD_NUMBER: _ClassVar[int]
    FALSE_ALARM_HIGH_FIELD_NUMBER: _ClassVar[int]
    ALARM_SHARE_FIELD_NUMBER: _ClassVar[int]
    camera_id: str
    threshold_version: str
    state: ScoreDrift.State
    measure_time: _timestamp_pb2.Timestamp
    good_count: int
    compared_count: int
    ks_distance: float
    psi: float
    promised_rate: float
    false_alarm_share: float
    false_alarm_low: float
    false_alarm_high: float
    alarm_share: float
    def __init__(self, camera_id: _Optional[str] = ..., threshold_version: _Optional[str] = ..., state: _Optional[_Union[ScoreDrift.State, str]] = ..., measure_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., good_count: _Optional[int] = ..., compared_count: _Optional[int] = ..., ks_distance: _Optional[float] = ..., psi: _Optional[float] = ..., promised_rate: _Optional[float] = ..., false_alarm_share: _Optional[float] = ..., false_alarm_low: _Optional[float] = ..., false_alarm_high: _Optional[float] = ..., alarm_share: _Optional[float] = ...) -> None: ...

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
    __slots__ = ("camera_id", "good_images", "false_alarm_rate", "frames_per_hour", "from_reviews", "restore_version")
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    GOOD_IMAGES_FIELD_NUMBER: _ClassVar[int]
    FALSE_ALARM_RATE_FIELD_NUMBER: _ClassVar[int]
    FRAMES_PER_HOUR_FIELD_NUMBER: _ClassVar[int]
    FROM_REVIEWS_FIELD_NUMBER: _ClassVar[int]
    RESTORE_VERSION_FIELD_NUMBER: _ClassVar[int]
    camera_id: str
    good_images: _containers.RepeatedScalarFieldContainer[bytes]
    false_alarm_rate: float
    frames_per_hour: float
    from_reviews: ReviewWindow
    restore_version: str
    def __init__(self, camera_id: _Optional[str] = ..., good_images: _Optional[_Iterable[bytes]] = ..., false_alarm_rate: _Optional[float] = ..., frames_per_hour: _Optional[float] = ..., from_reviews: _Optional[_Union[ReviewWindow, _Mapping]] = ..., restore_version: _Optional[str] = ...) -> None: ...

class ReviewWindow(_message.Message):
    __slots__ = ("since", "accept_misses", "accept_pending", "dry_run")
    SINCE_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_MISSES_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_PENDING_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    since: _timestamp_pb2.Timestamp
    accept_misses: bool
    accept_pending: bool
    dry_run: bool
    def __init__(self, since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., accept_misses: _Optional[bool] = ..., accept_pending: _Optional[bool] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class RecalibrationChange(_message.Message):
    __slots__ = ("threshold_before", "threshold_after", "begin", "end", "passed_count", "rejected_count", "confirmed_count", "pending_count", "missed_count", "alarms_per_hour_before", "alarms_per_hour_after", "worst_rate", "refusals")
    THRESHOLD_BEFORE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_AFTER_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    PASSED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_COUNT_FIELD_NUMBER: _ClassVar[int]
    PENDING_COUNT_FIELD_NUMBER: _ClassVar[int]
    MISSED_COUNT_FIELD_NUMBER: _ClassVar[int]
    ALARMS_PER_HOUR_BEFORE_FIELD_NUMBER: _ClassVar[int]
    ALARMS_PER_HOUR_AFTER_FIELD_NUMBER: _ClassVar[int]
    WORST_RATE_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    threshold_before: float
    threshold_after: float
    begin: _timestamp_pb2.Timestamp
    end: _timestamp_pb2.Timestamp
    passed_count: int
    rejected_count: int
    confirmed_count: int
    pending_count: int
    missed_count: int
    alarms_per_hour_before: float
    alarms_per_hour_after: float
    worst_rate: float
    refusals: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, threshold_before: _Optional[float] = ..., threshold_after: _Optional[float] = ..., begin: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., passed_count: _Optional[int] = ..., rejected_count: _Optional[int] = ..., confirmed_count: _Optional[int] = ..., pending_count: _Optional[int] = ..., missed_count: _Optional[int] = ..., alarms_per_hour_before: _Optional[float] = ..., alarms_per_hour_after: _Optional[float] = ..., worst_rate: _Optional[float] = ..., refusals: _Optional[_Iterable[str]] = ...) -> None: ...

class CalibrateCameraMetadata(_message.Message):
    __slots__ = ("scored_count", "total_count", "expected_alarms_per_hour", "change")
    SCORED_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ALARMS_PER_HOUR_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    scored_count: int
    total_count: int
    expected_alarms_per_hour: float
    change: RecalibrationChange
    def __init__(self, scored_count: _Optional[int] = ..., total_count: _Optional[int] = ..., expected_alarms_per_hour: _Optional[float] = ..., change: _Optional[_Union[RecalibrationChange, _Mapping]] = ...) -> None: ...
