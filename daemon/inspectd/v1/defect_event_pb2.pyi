import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from inspectd.v1 import region_pb2 as _region_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DefectEvent(_message.Message):
    __slots__ = ("event_id", "revision", "etag", "frame_id", "camera_id", "part_id", "lot", "recipe", "view", "attributes", "score", "threshold", "threshold_version", "model_version", "regions", "picture", "capture_time", "raise_time", "update_time", "explanation", "review")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    CAMERA_ID_FIELD_NUMBER: _ClassVar[int]
    PART_ID_FIELD_NUMBER: _ClassVar[int]
    LOT_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_TIME_FIELD_NUMBER: _ClassVar[int]
    RAISE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    revision: int
    etag: str
    frame_id: str
    camera_id: str
    part_id: str
    lot: str
    recipe: str
    view: str
    attributes: _containers.ScalarMap[str, str]
    score: float
    threshold: float
    threshold_version: str
    model_version: str
    regions: _containers.RepeatedCompositeFieldContainer[_region_pb2.Region]
    picture: Picture
    capture_time: _timestamp_pb2.Timestamp
    raise_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    explanation: Explanation
    review: Review
    def __init__(self, event_id: _Optional[str] = ..., revision: _Optional[int] = ..., etag: _Optional[str] = ..., frame_id: _Optional[str] = ..., camera_id: _Optional[str] = ..., part_id: _Optional[str] = ..., lot: _Optional[str] = ..., recipe: _Optional[str] = ..., view: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ..., score: _Optional[float] = ..., threshold: _Optional[float] = ..., threshold_version: _Optional[str] = ..., model_version: _Optional[str] = ..., regions: _Optional[_Iterable[_Union[_region_pb2.Region, _Mapping]]] = ..., picture: _Optional[_Union[Picture, _Mapping]] = ..., capture_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., raise_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., explanation: _Optional[_Union[Explanation, _Mapping]] = ..., review: _Optional[_Union[Review, _Mapping]] = ...) -> None: ...

class Picture(_message.Message):
    __slots__ = ("sha256", "media_type", "width", "height")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    media_type: str
    width: int
    height: int
    def __init__(self, sha256: _Optional[str] = ..., media_type: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("state", "text", "origin", "attempts", "model_version", "failure", "contradictions", "defect_type", "type_confidence", "neighbours")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Explanation.State]
        PENDING: _ClassVar[Explanation.State]
        READY: _ClassVar[Explanation.State]
        FAILED: _ClassVar[Explanation.State]
        UNGROUNDED: _ClassVar[Explanation.State]
        EXPIRED: _ClassVar[Explanation.State]
    STATE_UNSPECIFIED: Explanation.State
    PENDING: Explanation.State
    READY: Explanation.State
    FAILED: Explanation.State
    UNGROUNDED: Explanation.State
    EXPIRED: Explanation.State
    class Origin(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ORIGIN_UNSPECIFIED: _ClassVar[Explanation.Origin]
        MODEL_VERIFIED: _ClassVar[Explanation.Origin]
        TEMPLATE: _ClassVar[Explanation.Origin]
    ORIGIN_UNSPECIFIED: Explanation.Origin
    MODEL_VERIFIED: Explanation.Origin
    TEMPLATE: Explanation.Origin
    STATE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    CONTRADICTIONS_FIELD_NUMBER: _ClassVar[int]
    DEFECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    TYPE_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    state: Explanation.State
    text: str
    origin: Explanation.Origin
    attempts: int
    model_version: str
    failure: str
    contradictions: _containers.RepeatedScalarFieldContainer[str]
    defect_type: str
    type_confidence: float
    neighbours: _containers.RepeatedCompositeFieldContainer[ConfirmedNeighbour]
    def __init__(self, state: _Optional[_Union[Explanation.State, str]] = ..., text: _Optional[str] = ..., origin: _Optional[_Union[Explanation.Origin, str]] = ..., attempts: _Optional[int] = ..., model_version: _Optional[str] = ..., failure: _Optional[str] = ..., contradictions: _Optional[_Iterable[str]] = ..., defect_type: _Optional[str] = ..., type_confidence: _Optional[float] = ..., neighbours: _Optional[_Iterable[_Union[ConfirmedNeighbour, _Mapping]]] = ...) -> None: ...

class ConfirmedNeighbour(_message.Message):
    __slots__ = ("region", "event_id", "event_region", "defect_type", "similarity")
    REGION_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_REGION_FIELD_NUMBER: _ClassVar[int]
    DEFECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    region: int
    event_id: str
    event_region: int
    defect_type: str
    similarity: float
    def __init__(self, region: _Optional[int] = ..., event_id: _Optional[str] = ..., event_region: _Optional[int] = ..., defect_type: _Optional[str] = ..., similarity: _Optional[float] = ...) -> None: ...

class Review(_message.Message):
    __slots__ = ("state", "defect_type", "reviewer", "comment", "review_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Review.State]
        UNREVIEWED: _ClassVar[Review.State]
        ACKNOWLEDGED: _ClassVar[Review.State]
        CONFIRMED: _ClassVar[Review.State]
        REJECTED: _ClassVar[Review.State]
    STATE_UNSPECIFIED: Review.State
    UNREVIEWED: Review.State
    ACKNOWLEDGED: Review.State
    CONFIRMED: Review.State
    REJECTED: Review.State
    STATE_FIELD_NUMBER: _ClassVar[int]
    DEFECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    REVIEW_TIME_FIELD_NUMBER: _ClassVar[int]
    state: Review.State
    defect_type: str
    reviewer: str
    comment: str
    review_time: _timestamp_pb2.Timestamp
    def __init__(self, state: _Optional[_Union[Review.State, str]] = ..., defect_type: _Optional[str] = ..., reviewer: _Optional[str] = ..., comment: _Optional[str] = ..., review_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
