"""What a model was made to read beside its regions and the question, as its configuration says."""

from dataclasses import dataclass

from transformers import Qwen3_5Config

from iad_unify.explainer.config import reads_neighbours, takes_references
from iad_unify.explainer.crop import CropRule


@dataclass(frozen=True, slots=True)
class Reads:
    """What a question brings and a model was not made for is left out of its prompts."""

    references: bool = False  # what a good part looks like at each region
    neighbours: bool = False  # what regions like these were confirmed as
    crops: CropRule | None = None  # the frame, and how it is brought to the vision tower

    @staticmethod
    def of(config: Qwen3_5Config) -> "Reads":
        """Of a loaded model's configuration."""
        return Reads(takes_references(config), reads_neighbours(config), CropRule.of(config))
