"""How an explainer was trained, where that is not the default: a small file in its checkpoint folder.

Its absence means the default, so that checkpoints without one need none. Knows no model.
"""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from iad_unify.checkpoint import CheckpointError

NAME = "recipe.json"
#: mixed: single true regions first, then 45 % true ones. The others are those of the paper's table, as we read them.
#: gt: true regions alone. gt-then-predicted: from all true to all predicted, little by little. stage-wise: a stage of true
#: ones, then a stage of predicted ones with a learning rate of its own. joint: half and half from the first step to the last.
SCHEDULES = ("mixed", "gt", "gt-then-predicted", "stage-wise", "joint")
#: Where a run's learning rate starts anew; once, at the beginning, for the others.
STAGES = {"stage-wise": 2}
#: What stands in for a frame's regions: they themselves, the whole picture as the one region, or nothing.
REGIONS = ("given", "whole", "none")

#: Fields that a file may lack, since there was a time before them.
_LATER = {"references": False, "neighbours": 0.0, "crops": 0.0, "simple": False}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is learned from; the defaults are those of `iad-unify train explainer`."""

    schedule: str = "mixed"
    regions: str = "given"
    lora: int = 0  # rank; 0 is no adapter
    whole: bool = False  # a pretrained language model learns in all its weights
    checkpointing: bool = False  # activations are computed twice and not kept
    references: bool = False  # half of the examples show what a golden template looks like at each region
    neighbours: float = 0.0  # share of examples that tell what regions like theirs were confirmed as; 0: none ever does
    crops: float = 0.0  # share of the examples that show the frame
    simple: bool = (
        False  # one region and what it is, where, how large, in English: a thousand steps learn that, and no more
    )

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ValueError(f"{self.schedule!r} is none of {', '.join(SCHEDULES)}")
        if self.regions not in REGIONS:
            raise ValueError(f"{self.regions!r} is none of {', '.join(REGIONS)}")
        if self.lora < 0 or (self.lora and self.whole):
            raise ValueError("either an adapter of some rank learns, or every weight")
        if self.references and self.regions != "given":
            raise ValueError("references are those of given regions")
        if not 0 <= self.neighbours <= 1 or (self.neighbours and self.regions != "given"):
            raise ValueError(
                "a share of the examples, from 0 to 1, tells of neighbours; without regions there are none"
            )
        if not 0 <= self.crops <= 1:
            raise ValueError(f"a share of crops lies between 0 and 1, not at {self.crops}")
        if self.crops and self.regions != "given":
            raise ValueError("crops are shown beside regions that are given")
        if self.crops and self.references:
            raise ValueError("either references or crops are learned in a run, not both")

    @property
    def stages(self) -> int:
        """How many times the learning rate warms down over the run."""
        return STAGES.get(self.schedule, 1)

    def oracle_share(self, progress: float, default: float) -> float:
        """Share of the scenes whose regions are the true ones, the rest being predicted, at a point of the run, 0 to 1.

        `default` is what the schedule `mixed` has there.
        """
        match self.schedule:
            case "gt":
                return 1.0
            case "gt-then-predicted":
                return 1.0 - progress
            case "stage-wise":
                return 1.0 if progress < 1 / self.stages else 0.0
            case "joint":
                return 0.5
        return default

    def changes(self) -> dict[str, Any]:
        """The fields that differ from the default."""
        mine, default = asdict(self), asdict(DEFAULT)
        return {name: value for name, value in mine.items() if value != default[name]}

    def options(self) -> str:
        """The command's options for those fields, each after a blank."""
        named = {
            "whole": "--whole",
            "checkpointing": "--gradient-checkpointing",
            "references": "--references",
            "simple": "--simple",
        }
        return "".join(
            f" {named[name]}" if name in named else f" --{name} {value}" for name, value in self.changes().items()
        )


DEFAULT = Recipe()


def write_recipe(folder: Path, recipe: Recipe) -> None:
    """Into a checkpoint folder; nothing for the default, and what lay there is removed."""
    path = folder / NAME
    if recipe.changes():
        path.write_text(json.dumps(asdict(recipe), indent=2) + "\n", encoding="utf-8")
    else:
        path.unlink(missing_ok=True)


def recipe_of(folder: Path) -> Recipe:
    """Of a checkpoint folder; CheckpointError when its file is damaged."""
    try:
        values = _LATER | json.loads((folder / NAME).read_text(encoding="utf-8"))
        return Recipe(**{field.name: values[field.name] for field in fields(Recipe)})
    except FileNotFoundError:
        return Recipe()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(folder, "train it again", f"{NAME} is damaged ({error})") from error
