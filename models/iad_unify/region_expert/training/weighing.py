"""How much a region's look counts for its type beside what it severs and joins: chosen on held-out pictures.

A look is learnt from the boards of the training, and on others it may be worth less than it believes. It knows no data set.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from iad_unify.data.truth import MADE_UP
from iad_unify.region_expert.model import RegionExpert, Scene
from iad_unify.region_expert.squares import Labelled
from iad_unify.region_expert.training.validation import Held, template_of

#: What is tried, the least first.
SHARES = (0.0, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0)
#: The least share of these is taken that is right as often as the best, but for this: held-out pictures are few, and what is
#: severed holds for all boards.
_SLACK = 0.005
_PICTURES = 60


class Heard(NamedTuple):
    """Of N held-out regions: what their looks and their connections say, and their types [N]."""

    look: Tensor  # [N, T + 1]
    connected: Tensor  # [N, T + 1]
    kinds: Tensor


def weigh(model: RegionExpert, held_out: Sequence[Held]) -> float:
    """Choose the share, put it into the model, and return it; 1 for a model that compares with no templates."""
    heard = hear(model, held_out) if model.type_head.connected is not None else None
    if heard is None:
        return 1.0
    right = [float((share * heard.look + heard.connected).argmax(1).eq(heard.kinds).float().mean()) for share in SHARES]
    share = next(one for one, accuracy in zip(SHARES, right, strict=True) if accuracy >= max(right) - _SLACK)
    model.type_head.weigh_look(share)
    return share


def hear(model: RegionExpert, held_out: Sequence[Held]) -> Heard | None:
    """The regions of the first held-out pictures with a template, as they are annotated; None when there are none."""
    found: list[tuple[Tensor, Tensor, list[int]]] = []
    device = model.mean.device
    for labelled, _ in held_out[:_PICTURES]:
        regions, template = _regions(labelled), template_of(labelled)
        if not regions or template is None:
            continue
        masks = torch.from_numpy(np.stack([mask for mask, _ in regions])).to(device).float()
        owner = torch.zeros(len(regions), dtype=torch.int64, device=device)
        content = torch.from_numpy(labelled.content).to(device).float().expand_as(masks)
        squares = [torch.from_numpy(np.ascontiguousarray(plane)).to(device) for plane in (labelled.rgb[None], template)]
        with torch.inference_mode():
            scene = Scene(squares[0], model(*squares).features, squares[1])
            rows = model.describe(scene, masks, owner, content).rows
            look, connected = model.type_head.parts(rows, model.region_numbers(scene, masks, owner))
        if connected is not None:
            found.append((look.cpu(), connected.cpu(), [kind for _, kind in regions]))
    if not found:
        return None
    looks, connections, kinds = zip(*found, strict=True)
    return Heard(torch.cat(looks), torch.cat(connections), torch.tensor([kind for some in kinds for kind in some]))


def _regions(labelled: Labelled) -> list[tuple[NDArray[np.bool_], int]]:
    """The mask and the index of the type of each annotated box, or of each type where there are no boxes."""
    typed = (labelled.labels > 0) & (labelled.labels < MADE_UP)
    plane = labelled.labels if labelled.boxes is None else labelled.boxes
    masks = [typed & (plane == number) for number in np.unique(plane[plane > 0])]
    return [(mask, int(np.bincount(labelled.labels[mask]).argmax()) - 1) for mask in masks if mask.any()]
