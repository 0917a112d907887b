from inspectd.v1 import defect_event_pb2 as _defect_event_pb2
from inspectd.v1 import inspection_pb2 as _inspection_pb2
from inspectd.v1 import region_pb2 as _region_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InspectImageRequest(_message.Message):
    __slots__ = ("image", "camera_id", "record", "part_id", "lot", "request_id")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    PART_ID_FIELD_NUMBER: _ClassVar[int]
    LOT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    image: bytes
    camera_id: str
    record: bool
    part_id: str
    lot: str
    request_id: str
    def __init__(self, image: _Optional[bytes] = ..., camera_id: _Optional[str] = ..., record: _Optional[bool] = ..., part_id: _Optional[str] = ..., lot: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class InspectImageResponse(_message.Message):
    __slots__ = ("inspection", "regions", "defect_event")
    INSPECTION_FIELD_NUMBER: _ClassVar[int]
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    DEFECT_EVENT_FIELD_NUMBER: _ClassVar[int]
    inspection: _inspection_pb2.Inspection
    regions: _containers.RepeatedCompositeFieldContainer[_region_pb2.Region]
    defect_event: _defect_event_pb2.DefectEvent
    def __init__(self, inspection: _Optional[_Union[_inspection_pb2.Inspection, _Mapping]] = ..., regions: _Optional[_Iterable[_Union[_region_pb2.Region, _Mapping]]] = ..., defect_event: _Optional[_Union[_defect_event_pb2.DefectEvent, _Mapping]] = ...) -> None: ...

class GetInspectionRequest(_message.Message):
    __slots__ = ("frame_id",)
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    frame_id: str
    def __init__(self, frame_id: _Optional[str] = ...) -> None: ...

class ListInspectionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "camera_id", "part_id", "outcome")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    PART_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    camera_id: str
    part_id: str
    outcome: _inspection_pb2.Inspection.Outcome
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., camera_id: _Optional[str] = ..., part_id: _Optional[str] = ..., outcome: _Optional[_Union[_inspection_pb2.Inspection.Outcome, str]] = ...) -> None: ...

class ListInspectionsResponse(_message.Message):
    __slots__ = ("inspections", "next_page_token")
    INSPECTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    inspections: _containers.RepeatedCompositeFieldContainer[_inspection_pb2.Inspection]
    next_page_token: str
    def __init__(self, inspections: _Optional[_Iterable[_Union[_inspection_pb2.Inspection, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
