"""The port that builds what a camera's frames are compared with. It knows pictures and an id, no camera and no threshold."""

from collections.abc import Sequence
from typing import Protocol

from inspectd.records import Image

#: Fewer pictures make no reference.
LEAST_PICTURES = 4
#: More pictures would hardly change what is kept, and are all held while it is chosen.
MOST_PICTURES = 500


class ReferenceBuilder(Protocol):
    """Builds with one checkpoint; what it built lies where the expert finds it by its id."""

    async def model_version(self) -> str:
        """Of the checkpoint. Raises Misconfigured, Unavailable."""

    async def build(self, images: Sequence[Image], *, memory: bool = True, template: Image | None = None) -> str:
        """The id of what these good parts, `LEAST_PICTURES` at least, give; the same pictures give the same id.

        That is a memory of them, a golden template that they give the scale of, or with both two ids joined by a plus. The
        template is none of the pictures and as large as each of them. Raises ModelFailed, Unavailable.
        """

    async def close(self) -> None:
        """Lets go of the process."""
