"""The port that builds memories of good parts. It knows pictures and an id, no camera and no threshold."""

from collections.abc import Sequence
from typing import Protocol

from inspectd.records import Image

#: Fewer pictures make no memory.
LEAST_PICTURES = 4
#: More pictures would hardly change the patches that are kept, and are all held while they are chosen.
MOST_PICTURES = 500


class MemoryBuilder(Protocol):
    """Builds with one checkpoint; what it built lies where the expert finds it by its id."""

    async def model_version(self) -> str:
        """Of the checkpoint. Raises Misconfigured, Unavailable."""

    async def build(self, images: Sequence[Image]) -> str:
        """The id of the memory of these good parts, `LEAST_PICTURES` at least. The same pictures give the same id.

        Raises ModelFailed, Unavailable.
        """

    async def close(self) -> None:
        """Lets go of the process."""
