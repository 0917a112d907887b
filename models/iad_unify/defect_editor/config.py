"""Sizes of a defect editor and where its frozen parts come from. Knows no tensors."""

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from iad_unify.checkpoint import CheckpointError, read_config

#: Spoken strength of an edit, by the mean absolute change of its pixels (0..255): below the first bound it is faint.
STRENGTH_BOUNDS: tuple[float, float] = (14.0, 40.0)
STRENGTHS: tuple[str, ...] = ("faint", "", "strong")


@dataclass(frozen=True, slots=True)
class EditorConfig:
    """`kind` is "flow_pixels" (trained here from scratch) or "inpaint_latents" (a public inpainting model)."""

    name: str = "tiny"
    kind: str = "flow_pixels"
    crop: int = 48  # pixels; side of the square that the network sees
    hidden_size: int = 0  # H of the backbone's hidden states; set from the explainer at training
    explainer_version: str = ""  # the backbone whose hidden states it was trained on; no other will do
    expert_version: str = ""  # the expert whose region tokens served as references
    condition_size: int = 96  # cross_attention_dim of the network
    block_channels: tuple[int, ...] = (64, 96, 128)
    attention_heads: int = 4
    norm_groups: int = 16
    source: str = ""  # inpaint_latents: local directory or hub id of the public model

    def trained_with(self, hidden_size: int, explainer_version: str, expert_version: str) -> "EditorConfig":
        """The same editor for one backbone and one region expert, by their model versions."""
        return replace(
            self, hidden_size=hidden_size, explainer_version=explainer_version, expert_version=expert_version
        )

    def to_json(self) -> str:
        """Stable text: it is hashed into the model version."""
        return json.dumps({"role": "defect_editor", **asdict(self)}, indent=2, sort_keys=True) + "\n"

    @classmethod
    def read(cls, folder: Path) -> "EditorConfig":
        """Reads the folder's `config.json`; raises CheckpointError when it is absent or not an editor's."""
        values = read_config(folder)
        if values.pop("role", None) != "defect_editor":
            raise CheckpointError(folder, "name the folder of a defect editor", "not a defect editor's checkpoint")
        known = {field.name for field in fields(cls)}
        values["block_channels"] = tuple(values["block_channels"])
        return cls(**{key: value for key, value in values.items() if key in known})


#: Trained from scratch on procedural pairs; this is what ships.
TINY = EditorConfig()
#: A public inpainting model, frozen; only the projection of the hidden states is trained.
FULL = EditorConfig(
    name="full",
    kind="inpaint_latents",
    crop=512,
    condition_size=768,
    source="stable-diffusion-v1-5/stable-diffusion-inpainting",
)

CONFIGS: dict[str, EditorConfig] = {config.name: config for config in (TINY, FULL)}
