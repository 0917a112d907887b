"""The defect editor behind the tensors of `catalog.DEFECT_EDITOR`. Which frames and masks to edit is the caller's choice."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iad_unify.catalog import DEFECT_EDITOR
from iad_unify.checkpoint import CheckpointError, UntrainedHead, model_version
from iad_unify.defect_editor.backbone import ExplainerBackbone
from iad_unify.defect_editor.condition import Reference, instruction, parse_request
from iad_unify.defect_editor.sampling import GUIDANCE, STEPS, EditRequest, edit
from iad_unify.defect_editor.weights import TRAIN_COMMAND, TRAINED_HEAD, load

Request = Mapping[str, NDArray[Any]]

#: Bounds of a request; more steps or guidance cost time or saturate and bring nothing.
MOST_STEPS, MOST_GUIDANCE = 100, 10.0
#: Largest frame side in pixels.
MOST_SIDE = 16_384
#: References beyond these are left out, as the explainer's prompt leaves out regions.
MOST_REFERENCES = 8


class DefectEditorService:
    """Loads an editor and the explainer whose hidden states it was trained on; not thread-safe.

    Raises CheckpointError for an unusable folder or another explainer than the one of its training, UntrainedHead for
    an editor whose projection of the hidden states was never trained.
    """

    def __init__(self, checkpoint: Path, explainer_checkpoint: Path, threads: int = 1, device: str = "cpu") -> None:
        loaded = load(checkpoint, device)
        if loaded.card.role != DEFECT_EDITOR.name:
            raise CheckpointError(checkpoint, "name a defect editor's checkpoint", f"is a {loaded.card.role}")
        if TRAINED_HEAD not in loaded.card.trained_heads:
            raise UntrainedHead(checkpoint, TRAINED_HEAD, TRAIN_COMMAND.format(config=loaded.config.name))
        found, wanted = model_version(explainer_checkpoint), loaded.config.explainer_version
        if found != wanted:
            raise CheckpointError(
                checkpoint,
                f"serve it with explainer {wanted}, or train it on {explainer_checkpoint} with `iad-unify train defect-editor`",
                f"was trained on the hidden states of explainer {wanted}, not {found}",
            )
        self.card = loaded.card
        self.model_version = model_version(checkpoint)
        self._config, self._model, self._device = loaded.config, loaded.model, device
        self._backbone = ExplainerBackbone(explainer_checkpoint, threads, device)

    def infer(self, request: Request) -> dict[str, NDArray[Any]]:
        """Inputs and outputs as in `catalog.DEFECT_EDITOR`, without a batch dimension.

        MASK: 0 keeps a pixel bit for bit, 1 may change it, 2 and above mark the defect's own shape; without such a mark
        the text decides what to draw in the area. DEFECT_TYPE is a slug, "faint" or "strong" may stand before it. SEED,
        STEPS, GUIDANCE, APPEARANCE and GEOMETRY may be left out. Raises ValueError that names the tensor at fault.
        """
        frame, mask = _frame(request), _mask(request)
        if mask.shape != frame.shape[:2]:
            raise ValueError(f"MASK is {list(mask.shape)} for a frame of {list(frame.shape[:2])}")
        states = self._states(request)
        asked = EditRequest(
            frame=frame,
            allowed=mask > 0,
            shape=mask > 1,
            states=states,
            seed=int(_number(request, "SEED", 0, -(2**63), 2**63 - 1)),
            steps=int(_number(request, "STEPS", STEPS, 1, MOST_STEPS)),
            guidance=float(_number(request, "GUIDANCE", GUIDANCE, 0.0, MOST_GUIDANCE)),
        )
        edited = edit(self._model, self._config.crop, asked, self._device)
        return {"EDITED": edited, "MODEL_VERSION": np.array([self.model_version.encode()], dtype=object)}

    def _states(self, request: Request) -> NDArray[np.float32]:
        try:
            text = instruction(*parse_request(_text(request)))
        except ValueError as error:
            raise ValueError(f"DEFECT_TYPE: {error}") from error
        return self._backbone.states([text], [_reference(request)])[0]


def _tensor(request: Request, name: str) -> NDArray[Any]:
    if name not in request:
        raise ValueError(f"{name} is missing")
    return np.asarray(request[name])


def _frame(request: Request) -> NDArray[np.uint8]:
    frame = _tensor(request, "IMAGE")
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise ValueError(f"IMAGE is uint8 [H, W, 3], not {frame.dtype} {list(frame.shape)}")
    if not all(1 <= side <= MOST_SIDE for side in frame.shape[:2]):
        raise ValueError(f"IMAGE has sides of 1..{MOST_SIDE} pixels, not {list(frame.shape[:2])}")
    return frame


def _mask(request: Request) -> NDArray[np.uint8]:
    mask = _tensor(request, "MASK")
    if mask.ndim != 2 or mask.dtype not in (np.uint8, np.bool_):
        raise ValueError(f"MASK is uint8 [H, W], not {mask.dtype} {list(mask.shape)}")
    if not mask.any():
        raise ValueError("MASK is empty: mark the pixels that may change")
    return mask.astype(np.uint8)


def _text(request: Request) -> str:
    values = _tensor(request, "DEFECT_TYPE").reshape(-1)
    if values.size != 1:
        raise ValueError(f"DEFECT_TYPE has {values.size} values, one is expected")
    return values[0].decode("utf-8", "replace") if isinstance(values[0], bytes) else str(values[0])


def _number(request: Request, name: str, default: float, low: float, high: float) -> float:
    if name not in request:
        return default
    values = np.asarray(request[name]).reshape(-1)
    if values.size != 1:
        raise ValueError(f"{name} has {values.size} values, one is expected")
    value = values[0].item()
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}; it must lie in {low:g}..{high:g}")
    return value  # an int stays one: a seed has more digits than a float


def _reference(request: Request) -> Reference | None:
    """None when there is no reference region; the shapes are checked by the explainer, which names the tensor."""
    if "APPEARANCE" not in request or not len(np.asarray(request["APPEARANCE"])):
        return None
    appearance, geometry = np.asarray(request["APPEARANCE"]), _tensor(request, "GEOMETRY")
    if len(appearance) != len(geometry):
        raise ValueError(f"APPEARANCE has {len(appearance)} regions, GEOMETRY {len(geometry)}")
    return Reference(appearance[:MOST_REFERENCES], geometry[:MOST_REFERENCES])
