from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Region(_message.Message):
    __slots__ = ("number", "box", "mask", "score", "defect_type", "type_probabilities", "area_px", "cell")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    DEFECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    TYPE_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    AREA_PX_FIELD_NUMBER: _ClassVar[int]
    CELL_FIELD_NUMBER: _ClassVar[int]
    number: int
    box: BoundingBox
    mask: RleMask
    score: float
    defect_type: str
    type_probabilities: _containers.RepeatedCompositeFieldContainer[TypeProbability]
    area_px: int
    cell: str
    def __init__(self, number: _Optional[int] = ..., box: _Optional[_Union[BoundingBox, _Mapping]] = ..., mask: _Optional[_Union[RleMask, _Mapping]] = ..., score: _Optional[float] = ..., defect_type: _Optional[str] = ..., type_probabilities: _Optional[_Iterable[_Union[TypeProbability, _Mapping]]] = ..., area_px: _Optional[int] = ..., cell: _Optional[str] = ...) -> None: ...

class BoundingBox(_message.Message):
    __slots__ = ("x", "y", "width", "height")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    x: float
    y: float
    width: float
    height: float
    def __init__(self, x: _Optional[float] = ..., y: _Optional[float] = ..., width: _Optional[float] = ..., height: _Optional[float] = ...) -> None: ...

class RleMask(_message.Message):
    __slots__ = ("width", "height", "counts")
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    width: int
    height: int
    counts: str
    def __init__(self, width: _Optional[int] = ..., height: _Optional[int] = ..., counts: _Optional[str] = ...) -> None: ...

class TypeProbability(_message.Message):
    __slots__ = ("defect_type", "probability")
    DEFECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    defect_type: str
    probability: float
    def __init__(self, defect_type: _Optional[str] = ..., probability: _Optional[float] = ...) -> None: ...
