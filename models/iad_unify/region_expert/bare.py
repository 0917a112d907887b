"""A region expert on a pretrained DINOv2 of which nothing was trained: it compares, with good parts or a golden template.

Its decoder is silent and its type head knows nothing, so that the camera's own references alone say what is unusual
(AnomalyDINO, Damm et al. 2024): the first day of a product that nobody has labelled.
"""

from pathlib import Path

import torch
from torch import nn

from iad_unify.checkpoint import Card, write_card
from iad_unify.region_expert import model
from iad_unify.region_expert.config import ExpertConfig
from iad_unify.types import DEFECT_TYPES

#: Of the decoder's logits, so that the map is 0; of the type head's answer that a region is of no known type.
_NOTHING, _UNKNOWN = -30.0, 12.0
#: Half of a reference's own scale; each camera is calibrated anyway.
_THRESHOLD = 0.5
_NOTE = (
    "Compares frames with a camera's own good parts or its golden template, in the patch features of {name}, which was not "
    "trained further. It finds nothing by itself and knows no types: `inspectd calibrate --camera ID --good DIR` first."
)


def make(backbone: str, out: Path, size: int, backbone_size: int = 0) -> Card:
    """Write the checkpoint folder for a DINOv2 directory or hub id, and squares of `size` pixels.

    Raises OSError when the backbone is not there, UnknownBackboneError when it is none, and UnfitSide.
    """
    torch.manual_seed(0)  # of layers that say nothing; equal checkpoints shall be equal files
    config = ExpertConfig(name="bare", size=size, backbone_size=backbone_size, type_slugs=DEFECT_TYPES, silent=True)
    expert = model.create(config, backbone)
    _say(expert.decoder.anomaly, torch.full((expert.decoder.anomaly.out_channels,), _NOTHING))
    unknown = torch.zeros(len(expert.config.answers))
    unknown[-1] = _UNKNOWN
    _say(expert.type_head.layers[-1], unknown)
    model.save(expert.eval(), out)
    name = Path(backbone).name if Path(backbone).is_dir() else backbone
    return write_card(
        out,
        Card(
            role="region_expert",
            config="bare",
            parameters=model.parameters(expert),
            data=(),
            steps=0,
            seed=0,
            minutes=0.0,
            trained_heads=(),
            default_threshold=_THRESHOLD,
            proposal_threshold=_THRESHOLD,
            type_slugs=DEFECT_TYPES,
            note=_NOTE.format(name=name),
        ),
    )


def _say(layer: nn.Module, always: torch.Tensor) -> None:
    """From now on the layer answers that, whatever it reads."""
    with torch.no_grad():
        layer.get_parameter("weight").zero_()
        layer.get_parameter("bias").copy_(always)
