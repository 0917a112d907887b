"""The port of the region expert: one frame in, raw findings out. It decides nothing."""

from dataclasses import dataclass
from typing import Protocol

from iad_unify.catalog import EXPERT_SIZE
from inspectd.records import Findings, Image


@dataclass(frozen=True, slots=True)
class ExpertCard:
    """What the served expert says of itself, for squares of one side."""

    model_version: str  # another one for squares of another side
    default_threshold: float
    proposal_threshold: float
    type_level: float | None = None  # a region's likely types hold more than this; None: the types are not calibrated


class RegionExpert(Protocol):
    """Stateless and idempotent; calls may run side by side and are batched by the server."""

    async def describe(self, side: int = EXPERT_SIZE) -> ExpertCard:
        """The served model's version and defaults for squares of `side` pixels.

        Raises Unavailable, ModelFailed (it takes no squares of that side).
        """

    async def find_regions(
        self, image: Image, proposal: float = 0.0, reference: str = "", *, describe_reference: bool = False
    ) -> Findings:
        """Regions above the proposal threshold (0: the card's own), compared with the reference of that id unless empty.

        With `describe_reference` the tokens have reference rows of a good part where there is a reference, at the cost of one more
        pass of the network for a frame with regions.

        Raises CalibrateAgain (the expert cannot use that reference), Unavailable (server away), Overloaded (queue full),
        ModelFailed (the model broke on this frame).
        """

    async def close(self) -> None:
        """Lets go of the server or the process."""
