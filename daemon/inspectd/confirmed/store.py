"""The port for confirmed regions, and what a search gives. It decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ConfirmedRegion:
    """A region of an event that a person has confirmed, as one model saw it."""

    event_id: str
    region: int  # its number in the event, from 1
    camera_id: str
    model_version: str  # of the expert that made the embedding: others cannot be compared with it
    defect_type: str  # a slug, one of the expert's or any other that a reviewer gave
    expert_type: str  # what the expert took it for by itself
    embedding: NDArray[np.float32]  # [E], of length 1


@dataclass(frozen=True, slots=True)
class Found:
    """A confirmed region and how near it is."""

    event_id: str
    region: int
    defect_type: str
    similarity: float  # cosine, up to 1
    expert_type: str  # what the expert took it for by itself

    @property
    def known(self) -> bool:
        """Whether the expert was right about it."""
        return self.expert_type == self.defect_type


class ConfirmedStore(Protocol):
    """Holds the regions of an event all together; they go with the event."""

    async def replace(self, event_id: str, model_version: str, regions: Sequence[ConfirmedRegion]) -> None:
        """Puts these in the place of what is known of the event under this model version. Idempotent.

        Of an event that is not there nothing is kept. Raises Unavailable.
        """

    async def forget(self, event_id: str) -> None:
        """Takes the event out, under every model version. Idempotent. Raises Unavailable."""

    async def labels(self, event_id: str) -> dict[str, str]:
        """The type by model version under which the event is remembered; empty when it is not. Raises Unavailable."""

    async def search(
        self, model_version: str, embeddings: NDArray[np.float32], count: int, camera_id: str = "", leave_out: str = ""
    ) -> list[list[Found]]:
        """For each of embeddings [R, E] the nearest regions, one of each event, at most `count`, the nearest first.

        Only those of the model version, and of the camera unless empty; never those of the event `leave_out`. Raises
        Unavailable.
        """
