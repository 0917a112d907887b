"""One edit of one frame: windows around the mask, the network on their crops, the answer back under the mask.

Knows no checkpoint folder and no wire format.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from iad_unify.defect_editor.editor import Crops, Editor
from iad_unify.defect_editor.window import Window, composite, cut, enlarge, groups, matte, shrink, window_around

STEPS = 12
GUIDANCE = 2.0


@dataclass(frozen=True, slots=True)
class EditRequest:
    """`allowed` bool [H, W]: where pixels may change. `shape` bool [H, W]: the defect's own shape, empty if free."""

    frame: np.ndarray  # uint8 [H, W, 3] RGB
    allowed: np.ndarray
    shape: np.ndarray
    states: np.ndarray  # float32 [T, H] hidden states of the instruction and its references
    seed: int = 0
    steps: int = STEPS
    guidance: float = GUIDANCE


@dataclass(frozen=True, slots=True)
class _Piece:
    """One window of a request."""

    window: Window
    mask: np.ndarray  # bool [H, W], the part of `allowed` that this window edits
    clean: np.ndarray  # uint8 [side, side, 3]
    small: np.ndarray  # uint8 [crop, crop, 3]


class Sampler(Protocol):
    """Anything that edits a frame as `edit` does; evaluation and serving take one."""

    def __call__(self, request: EditRequest) -> np.ndarray:
        """The edited frame, uint8 [H, W, 3], equal to the request's frame wherever `allowed` is false."""


def edit(model: Editor, crop: int, request: EditRequest, device: str = "cpu") -> np.ndarray:
    """The edited frame, uint8 [H, W, 3]; equal to `request.frame` bit for bit wherever `request.allowed` is false."""
    if not request.allowed.any():
        return request.frame.copy()
    pieces = [_piece(request, group, crop) for group in groups(request.allowed)]
    generated = _generate(model, crop, request, pieces, device)
    result = request.frame
    grey = is_grey(request.frame)
    for piece, picture in zip(pieces, generated, strict=True):
        if grey:
            picture = np.repeat(picture.mean(2, keepdims=True), 3, axis=2)
        large = enlarge(picture, piece.small, piece.clean)
        share = matte(cut(piece.mask, piece.window), cut(request.shape, piece.window), piece.window.side / crop)
        blended = piece.clean + share[..., None] * (large - piece.clean)
        result = composite(result, blended, piece.mask, piece.window)
    return result


def is_grey(frame: np.ndarray) -> bool:
    """Whether all three channels are equal: a grey frame must stay one."""
    return bool((frame[..., 0] == frame[..., 1]).all() and (frame[..., 1] == frame[..., 2]).all())


def picture_tensor(pictures: list[np.ndarray]) -> Tensor:
    """uint8 [S, S, 3] each -> float32 [B, 3, S, S] in [-1, 1]; `pixels` takes it back exactly."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def mask_tensor(masks: list[np.ndarray]) -> Tensor:
    """Bool [S, S] each -> float32 [B, 1, S, S]."""
    return torch.from_numpy(np.stack(masks))[:, None].float()


def pixels(pictures: Tensor) -> np.ndarray:
    """float32 [B, 3, S, S] in [-1, 1] -> float32 [B, S, S, 3] in 0..255."""
    return ((pictures.clamp(-1, 1) + 1) * 127.5).permute(0, 2, 3, 1).cpu().numpy()


def _piece(request: EditRequest, group: np.ndarray, crop: int) -> _Piece:
    window = window_around(group, crop)
    clean = cut(request.frame, window)
    return _Piece(window, group, clean, shrink(clean, crop))


def _generate(model: Editor, crop: int, request: EditRequest, pieces: list[_Piece], device: str) -> np.ndarray:
    states = torch.from_numpy(np.asarray(request.states, dtype=np.float32))[None].expand(len(pieces), -1, -1)
    crops = Crops(
        clean=picture_tensor([piece.small for piece in pieces]).to(device),
        allowed=mask_tensor([shrink(cut(piece.mask, piece.window), crop) for piece in pieces]).to(device),
        shape=mask_tensor([shrink(cut(request.shape & piece.mask, piece.window), crop) for piece in pieces]).to(device),
        hidden=states.to(device),
        real=torch.ones(states.shape[:2], dtype=torch.bool, device=device),
    )
    generator = torch.Generator().manual_seed(request.seed % 2**63)
    return pixels(model.generate(crops, request.steps, request.guidance, generator))
