"""The offset book: what was handed out, what is finished, and how far each partition may be committed. Pure; no Kafka.

Offsets may have holes (compaction, transaction markers), so "contiguous" means in the order of handing out. A partition
that is taken away and comes back has a new generation: what was handed out before is still counted as outstanding until
it is finished, but it never moves the new generation's commits.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Partition = tuple[str, int]  # topic, number


@dataclass(slots=True)
class _Page:
    """One partition under one generation."""

    generation: int
    waiting: dict[int, bool] = field(default_factory=dict)  # offset -> finished, in the order of handing out
    next_offset: int | None = None  # where a restart shall begin
    committed: int | None = None


class OffsetBook:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pages: dict[Partition, _Page] = {}
        self._generation = 0
        self._outstanding: set[tuple[Partition, int, int]] = set()

    def assign(self, partitions: Iterable[Partition]) -> None:
        """Begins a new generation of these partitions."""
        with self._lock:
            self._generation += 1
            for partition in partitions:
                self._pages[partition] = _Page(self._generation)

    def revoke(self, partitions: Iterable[Partition]) -> None:
        """Fences these partitions: nothing handed out before can move a commit any more."""
        with self._lock:
            for partition in partitions:
                self._pages.pop(partition, None)

    def hand_out(self, partition: Partition, offset: int) -> int | None:
        """The generation to deliver under; None when the partition is not ours."""
        with self._lock:
            page = self._pages.get(partition)
            if page is None:
                return None
            page.waiting[offset] = False
            self._outstanding.add((partition, offset, page.generation))
            return page.generation

    def acknowledge(self, partition: Partition, offset: int, generation: int) -> bool:
        """Whether it counts: False for a fenced generation and for a repetition."""
        with self._lock:
            known = (partition, offset, generation) in self._outstanding
            self._outstanding.discard((partition, offset, generation))
            page = self._pages.get(partition)
            if not known or page is None or page.generation != generation:
                return False
            page.waiting[offset] = True
            self._advance(page)
            return True

    def is_current(self, partition: Partition, generation: int) -> bool:
        """Whether a delivery of this generation may still move a commit."""
        with self._lock:
            page = self._pages.get(partition)
            return page is not None and page.generation == generation

    @property
    def outstanding(self) -> int:
        """How many deliveries are not finished, fenced ones included: they use memory all the same."""
        with self._lock:
            return len(self._outstanding)

    def committable(self) -> dict[Partition, int]:
        """The next offset of every partition whose contiguous prefix has grown since it was committed."""
        with self._lock:
            return {
                partition: page.next_offset
                for partition, page in self._pages.items()
                if page.next_offset is not None and page.next_offset != page.committed
            }

    def committed(self, offsets: Mapping[Partition, int]) -> None:
        """Notes what the broker has taken."""
        with self._lock:
            for partition, offset in offsets.items():
                if partition in self._pages:
                    self._pages[partition].committed = offset

    @staticmethod
    def _advance(page: _Page) -> None:
        while page.waiting:
            offset, finished = next(iter(page.waiting.items()))
            if not finished:
                return
            del page.waiting[offset]
            page.next_offset = offset + 1
