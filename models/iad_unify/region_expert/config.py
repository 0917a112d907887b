"""What a region expert is built from. Plain values that round-trip through config.json; no torch here."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from iad_unify.catalog import EXPERT_SIZE
from iad_unify.types import DEFECT_TYPES, UNKNOWN

#: The heads that serving needs; a checkpoint lists those that were trained and serves no others.
HEADS: tuple[str, ...] = ("anomaly", "type")
#: The head that tells how far beyond a region its annotated box reaches; trained where the data has boxes.
EXTENT = "extent"

#: Sides of squares and crops are multiples of this, the largest neighbourhood that a pixel is compared with, pixels.
SIDE_STEP = 64
#: Parts of a map nearer than this are one region unless a checkpoint says otherwise, pixels of the square.
MERGE_GAP_PX = 5

#: A Dinov2 of toy size: it keeps every code path of the real one and costs about 2 ms a frame.
TINY_BACKBONE: Mapping[str, Any] = {
    "model_type": "dinov2",
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "mlp_ratio": 2,
    "patch_size": 16,
    "image_size": EXPERT_SIZE,
    "layerscale_value": 1.0,
}

#: Where each named configuration takes its backbone from; None is the toy above. `--backbone` names any other directory or
#: hub id of a Dinov2 or Dinov2WithRegisters, such as facebook/dinov2-with-registers-large.
BACKBONES: Mapping[str, str | None] = {
    "tiny": None,
    "small": "facebook/dinov2-small",
    "base": "facebook/dinov2-base",
    "large": "facebook/dinov2-large",
    "giant": "facebook/dinov2-giant",
}


@dataclass(frozen=True, slots=True)
class ExpertConfig:
    """Shape of a region expert. `backbone` is a Dinov2 (or Dinov2WithRegisters) configuration as a dict."""

    name: str = "tiny"
    size: int = EXPERT_SIZE  # side of the square input, pixels; a multiple of SIDE_STEP
    backbone: Mapping[str, Any] = field(default_factory=lambda: dict(TINY_BACKBONE))
    backbone_layers: tuple[int, ...] = (1, 2)  # hidden states taken, 0 is the patch embedding
    backbone_size: int = 0  # side that the backbone sees the square at, pixels; 0: nearest to `size`
    widths: tuple[int, ...] = (32, 64, 96, 128)  # detail branch, at strides 4, 8, 16, 32
    token_dim: int = 64
    type_slugs: tuple[str, ...] = DEFECT_TYPES
    smoothing_px: float = 1.0  # sigma of the Gaussian over the probability map, pixels of the square
    template: bool = False  # has a branch that compares the picture with a golden template
    boxes: bool = False  # has a head for the annotated box of a region
    grow_share: float = 1.0  # a region grows down to this share of the threshold that it must reach somewhere
    merge_gap_px: int = MERGE_GAP_PX  # parts nearer than this are one region, pixels of the square
    trained_heads: tuple[str, ...] = ()
    silent: bool = False  # its heads say nothing on purpose: frames are judged by their references alone, see `bare`

    @property
    def answers(self) -> tuple[str, ...]:
        """What the type head chooses from: the types, and last that it is none of them."""
        return (*self.type_slugs, UNKNOWN)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self) | {"backbone": dict(self.backbone), "role": "region_expert"}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ExpertConfig":
        """The inverse of `as_dict`; raises KeyError, TypeError or ValueError on a config of another shape."""
        if values.get("role") != "region_expert":
            raise ValueError(f"role is {values.get('role')!r}, not 'region_expert'")
        return cls(
            name=str(values["name"]),
            size=int(values["size"]),
            backbone=dict(values["backbone"]),
            backbone_layers=tuple(int(layer) for layer in values["backbone_layers"]),
            backbone_size=int(values.get("backbone_size", 0)),
            widths=tuple(int(width) for width in values["widths"]),
            token_dim=int(values["token_dim"]),
            type_slugs=tuple(str(slug) for slug in values["type_slugs"]),
            smoothing_px=float(values["smoothing_px"]),
            template=bool(values.get("template", False)),
            boxes=bool(values.get("boxes", False)),
            grow_share=float(values.get("grow_share", 1.0)),
            merge_gap_px=int(values.get("merge_gap_px", MERGE_GAP_PX)),
            trained_heads=tuple(str(head) for head in values["trained_heads"]),
            silent=bool(values.get("silent", False)),
        )
