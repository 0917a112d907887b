import datetime

from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AugmentationJob(_message.Message):
    __slots__ = ("job_id", "state", "event_id", "camera_id", "defect_type", "requested_count", "accepted_count", "refused_count", "dataset_uri", "failure", "create_time", "update_time", "seed")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[AugmentationJob.State]
        QUEUED: _ClassVar[AugmentationJob.State]
        RUNNING: _ClassVar[AugmentationJob.State]
        SUCCEEDED: _ClassVar[AugmentationJob.State]
        FAILED: _ClassVar[AugmentationJob.State]
        CANCELLED: _ClassVar[AugmentationJob.State]
    STATE_UNSPECIFIED: AugmentationJob.State
    QUEUED: AugmentationJob.State
    RUNNING: AugmentationJob.State
    SUCCEEDED: AugmentationJob.State
    FAILED: AugmentationJob.State
    CANCELLED: AugmentationJob.State
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    DEFECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REFUSED_COUNT_FIELD_NUMBER: _ClassVar[int]
    DATASET_URI_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    state: AugmentationJob.State
    event_id: str
    camera_id: str
    defect_type: str
    requested_count: int
    accepted_count: int
    refused_count: int
    dataset_uri: str
    failure: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    seed: int
    def __init__(self, job_id: _Optional[str] = ..., state: _Optional[_Union[AugmentationJob.State, str]] = ..., event_id: _Optional[str] = ..., camera_id: _Optional[str] = ..., defect_type: _Optional[str] = ..., requested_count: _Optional[int] = ..., accepted_count: _Optional[int] = ..., refused_count: _Optional[int] = ..., dataset_uri: _Optional[str] = ..., failure: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., seed: _Optional[int] = ...) -> None: ...

class CreateAugmentationJobRequest(_message.Message):
    __slots__ = ("event_id", "count", "request_id", "seed")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    count: int
    request_id: str
    seed: int
    def __init__(self, event_id: _Optional[str] = ..., count: _Optional[int] = ..., request_id: _Optional[str] = ..., seed: _Optional[int] = ...) -> None: ...

class GetAugmentationJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class ListAugmentationJobsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAugmentationJobsResponse(_message.Message):
    __slots__ = ("augmentation_jobs", "next_page_token")
    AUGMENTATION_JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    augmentation_jobs: _containers.RepeatedCompositeFieldContainer[AugmentationJob]
    next_page_token: str
    def __init__(self, augmentation_jobs: _Optional[_Iterable[_Union[AugmentationJob, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelAugmentationJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...
