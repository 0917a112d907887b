"""Reads and writes an editor's checkpoint folder. Half precision on disk, fp32 in memory."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from iad_unify.checkpoint import CONFIG, TENSORS, Card, CheckpointError, read_card
from iad_unify.defect_editor.config import EditorConfig
from iad_unify.defect_editor.flow import FlowEditor
from iad_unify.defect_editor.inpaint import InpaintEditor

AnyEditor = FlowEditor | InpaintEditor

#: The card's name of the part without which an editor refuses to serve.
TRAINED_HEAD = "condition_projection"
TRAIN_COMMAND = (
    "iad-unify train defect-editor --config {config} --data procedural --explainer CKPT --expert CKPT --out CKPT"
)


def build(config: EditorConfig) -> AnyEditor:
    """A fresh editor of the configured kind; its condition projection is untrained."""
    if config.kind == "flow_pixels":
        return FlowEditor(config)
    if config.kind == "inpaint_latents":
        return InpaintEditor(config)
    raise CheckpointError(
        config.name, "use kind flow_pixels or inpaint_latents", f"unknown editor kind {config.kind!r}"
    )


def save(folder: Path, config: EditorConfig, tensors: dict[str, Tensor]) -> None:
    """Writes config.json and model.safetensors (fp16); the card is written by who measured something."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(config.to_json())
    save_file(
        {name: tensor.detach().to("cpu", torch.float16).contiguous() for name, tensor in tensors.items()},
        folder / TENSORS,
    )
    (folder / TENSORS).chmod(0o644)  # safetensors writes files for their owner only


@dataclass(frozen=True, slots=True)
class LoadedEditor:
    """A checkpoint in memory."""

    config: EditorConfig
    model: AnyEditor
    card: Card


def load(folder: Path, device: str = "cpu") -> LoadedEditor:
    """Raises CheckpointError when a file is missing, damaged, or does not fit its configuration."""
    config, card = EditorConfig.read(folder), read_card(folder)
    model = build(config)
    read_tensors(model, folder)
    return LoadedEditor(config, model.eval().requires_grad_(False).to(device), card)


def read_tensors(model: AnyEditor, folder: Path) -> None:
    """Fills the learned parameters from the folder's safetensors; raises CheckpointError."""
    try:
        stored = load_file(folder / TENSORS)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(folder, "train it again", f"{TENSORS} cannot be read ({error})") from error
    wanted: dict[str, nn.Parameter] = dict(model.learned())
    fits = stored.keys() == wanted.keys() and all(stored[name].shape == wanted[name].shape for name in wanted)
    if not fits:
        raise CheckpointError(folder, "train it again", "its tensors do not fit its configuration")
    with torch.no_grad():
        for name, parameter in wanted.items():
            parameter.copy_(stored[name].to(parameter.dtype))
