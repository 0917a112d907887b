"""Confirmed regions in a SQL database, searched with numpy. What a search reads is bounded.

The newest regions of a model version are held as a matrix and read again when the table has changed, by this daemon or
another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, insert, select

from inspectd.confirmed.store import ConfirmedRegion, Found
from inspectd.database.engine import Database
from inspectd.database.tables import confirmed_regions as table
from inspectd.database.tables import events
from inspectd.records import ReviewState

#: Model versions of which the matrix is held: the served one, and the one of a canary.
_HELD = 2


@dataclass(frozen=True, slots=True)
class _Held:
    """The regions of one model version in memory, and which state of the table they are."""

    stamp: tuple[int, int]
    event_ids: tuple[str, ...]
    regions: tuple[int, ...]
    cameras: NDArray[np.str_]
    types: tuple[str, ...]
    expert_types: tuple[str, ...]
    embeddings: NDArray[np.float32]  # [N, E]


class SqlConfirmedStore:
    """See the port. `most` regions of a model version are searched, the newest ones."""

    def __init__(self, *, database: Database, most: int = 4096) -> None:
        self._database, self._most = database, most
        self._held: dict[str, _Held] = {}

    async def replace(self, event_id: str, model_version: str, regions: Sequence[ConfirmedRegion]) -> None:
        """See the port."""

        def work(connection: Connection) -> None:
            connection.execute(
                delete(table).where(table.c.event_id == event_id, table.c.model_version == model_version)
            )
            there = connection.execute(select(events.c.event_id).where(events.c.event_id == event_id)).one_or_none()
            if there is not None and regions:
                connection.execute(insert(table), [_row(region) for region in regions])

        await self._database.write(work)

    async def forget(self, event_id: str) -> None:
        """See the port."""
        statement = delete(table).where(table.c.event_id == event_id)
        await self._database.write(lambda connection: connection.execute(statement))

    async def forget_unconfirmed(self) -> None:
        """Takes out every event that is not confirmed now. Idempotent. Raises Unavailable."""
        confirmed = select(events.c.event_id).where(events.c.review_state == ReviewState.CONFIRMED.value)
        statement = delete(table).where(table.c.event_id.not_in(confirmed))
        await self._database.write(lambda connection: connection.execute(statement))

    async def labels(self, event_id: str) -> dict[str, str]:
        """See the port."""
        statement = select(table.c.model_version, table.c.defect_type).where(table.c.event_id == event_id)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return {row.model_version: row.defect_type for row in rows}

    async def search(
        self, model_version: str, embeddings: NDArray[np.float32], count: int, camera_id: str = "", leave_out: str = ""
    ) -> list[list[Found]]:
        """See the port."""
        held = await self._database.read(lambda connection: self._load(connection, model_version))
        if not held.event_ids or held.embeddings.shape[1] != embeddings.shape[1]:
            return [[] for _ in embeddings]
        allowed = np.array([event_id != leave_out for event_id in held.event_ids])
        if camera_id:
            allowed &= held.cameras == camera_id
        similarities = embeddings.astype(np.float32) @ held.embeddings.T  # [R, N]
        return [_nearest(held, np.where(allowed, row, -np.inf), count) for row in similarities]

    def _load(self, connection: Connection, model_version: str) -> _Held:
        """What is held, when the table has not changed since, else what is there now."""
        own = table.c.model_version == model_version
        newest, total = connection.execute(select(func.max(table.c.number), func.count()).where(own)).one()
        stamp = (newest or 0, total)
        held = self._held.get(model_version)
        if held is not None and held.stamp == stamp:
            return held
        rows = connection.execute(select(table).where(own).order_by(table.c.number.desc()).limit(self._most)).all()
        rows = [row for row in rows if len(row.embedding) == len(rows[0].embedding)]  # others are from before an update
        vectors = [np.frombuffer(row.embedding, dtype="<f2").astype(np.float32) for row in rows]
        fresh = _Held(
            stamp,
            tuple(row.event_id for row in rows),
            tuple(row.region for row in rows),
            np.array([row.camera_id for row in rows], dtype=np.str_),
            tuple(row.defect_type for row in rows),
            tuple(row.expert_type for row in rows),
            np.stack(vectors) if vectors else np.zeros((0, 0), np.float32),
        )
        others = [(version, one) for version, one in self._held.items() if version != model_version]
        self._held = dict([*others[-(_HELD - 1) :], (model_version, fresh)])
        return fresh


def _nearest(held: _Held, similarities: NDArray[np.float32], count: int) -> list[Found]:
    """The nearest of each event: several regions of one event are one person's one decision."""
    found: dict[str, Found] = {}
    for index in np.argsort(-similarities, kind="stable"):
        if len(found) == count or not np.isfinite(similarities[index]):
            break
        event_id = held.event_ids[index]
        if event_id not in found:
            similarity = float(similarities[index])
            types = held.types[index], similarity, held.expert_types[index]
            found[event_id] = Found(event_id, held.regions[index], *types)
    return list(found.values())


def _row(region: ConfirmedRegion) -> dict[str, object]:
    return {
        "event_id": region.event_id,
        "region": region.region,
        "camera_id": region.camera_id,
        "model_version": region.model_version,
        "defect_type": region.defect_type,
        "expert_type": region.expert_type,
        "embedding": np.ascontiguousarray(region.embedding, dtype="<f2").tobytes(),
    }
