"""Scores from the ledger beside the reviews, in one SQL database."""

from typing import Any

import numpy as np
from sqlalchemy import Row, Select, case, select

from inspectd.database.engine import Database
from inspectd.database.tables import events, inspections
from inspectd.errors import NotFound
from inspectd.records import Outcome, ReviewState, Threshold
from inspectd.thresholds.scores import Judgement, ScoreQuery, ScoreWindow
from inspectd.v1 import defect_event_pb2

_JUDGED = (Outcome.PASS.value, Outcome.DEFECT.value)
_DECIDED = {ReviewState.REJECTED.value: "rejected", ReviewState.CONFIRMED.value: "confirmed"}


class SqlScoreHistory:
    """The scores of one database; both tables are written by any number of daemons."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def window(self, query: ScoreQuery) -> ScoreWindow:
        """See the port. A defective frame whose event is gone counts as pending."""
        statement = _frames(query)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        scores: dict[str, list[float]] = {"passed": [], "rejected": [], "confirmed": [], "pending": []}
        for row in rows:
            kind = "passed" if row.outcome == Outcome.PASS.value else _DECIDED.get(row.review_state, "pending")
            scores[kind].append(_decided_score(row) if kind == "confirmed" else row.score)
        return ScoreWindow(
            **{kind: np.asarray(values, np.float64) for kind, values in scores.items()},
            begin=rows[-1].inspect_time if rows else None,
            end=rows[0].inspect_time if rows else None,
        )

    async def newest(self, camera_id: str) -> Judgement:
        """See the port."""
        statement = (
            select(inspections.c.model_version, inspections.c.threshold, inspections.c.threshold_version)
            .where(inspections.c.camera_id == camera_id, inspections.c.outcome.in_(_JUDGED))
            .order_by(inspections.c.inspect_time.desc(), inspections.c.frame_id.desc())
            .limit(1)
        )
        row: Row[Any] | None = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        if row is None:
            raise NotFound(f"no frame of camera {camera_id!r} has been inspected")
        return Judgement(row.model_version, Threshold(row.threshold, row.threshold_version))


def _frames(query: ScoreQuery) -> Select[Any]:
    """Newest first. The payload comes with confirmed events only: it alone knows the strongest region's score."""
    is_confirmed = events.c.review_state == ReviewState.CONFIRMED.value
    statement = (
        select(
            inspections.c.outcome,
            inspections.c.score,
            inspections.c.inspect_time,
            events.c.review_state,
            case((is_confirmed, events.c.payload), else_=None).label("payload"),
        )
        .select_from(inspections.outerjoin(events, events.c.event_id == inspections.c.event_id))
        .where(
            inspections.c.camera_id == query.camera_id,
            inspections.c.model_version == query.model_version,
            inspections.c.inspect_time >= query.since,
            inspections.c.outcome.in_(_JUDGED),
            inspections.c.score.is_not(None),
        )
        .order_by(inspections.c.inspect_time.desc(), inspections.c.frame_id.desc())
        .limit(query.limit)
    )
    if query.threshold_version:
        statement = statement.where(inspections.c.threshold_version == query.threshold_version)
    if query.without_versions:
        statement = statement.where(inspections.c.threshold_version.not_in(query.without_versions))
    return statement


def _decided_score(row: Row[Any]) -> float:
    """What the threshold is held against: a region's score, which may lie below the picture's."""
    return defect_event_pb2.DefectEvent.FromString(row.payload).score
