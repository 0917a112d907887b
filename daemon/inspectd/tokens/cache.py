"""The port for cached findings, keyed by what they were computed from."""

from dataclasses import dataclass
from typing import Protocol

from inspectd.records import Findings


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Everything that the findings depend on."""

    sha256: str  # of the encoded frame
    model_version: str  # names a square larger than the expert's input too
    proposal: float  # proposal threshold
    reference_version: str = ""
    describes_reference: bool = False  # whether a good part's rows belong to the findings

    def __str__(self) -> str:
        more = ":described" if self.describes_reference else ""
        return f"{self.sha256}:{self.model_version}:{self.reference_version or '-'}:{self.proposal:.6g}{more}"


class TokenCache(Protocol):
    """A cache: what is put may be gone at any time. It never raises for a server that is away: a miss, counted, is the answer."""

    async def get(self, key: TokenKey) -> Findings | None:
        """The findings, or None."""

    async def put(self, key: TokenKey, findings: Findings) -> None:
        """Keeps the findings for the cache's time to live."""

    async def ready(self) -> bool:
        """Whether the cache answers."""

    async def close(self) -> None:
        """Lets go of the connection."""
