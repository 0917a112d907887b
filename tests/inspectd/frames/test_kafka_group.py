"""The driver's records as ours, whatever their producers have put into them."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kafka.consumer.fetcher import ConsumerRecord

from inspectd.frames.kafka_group import frame_record

NOW_S = time.time()


def record(timestamp: int | None, headers: tuple[tuple[str, bytes | None], ...] = ()) -> Any:
    return ConsumerRecord("frames", 0, 1, 7, timestamp, 0, b"press-1", b"value", headers, None, 7, 5, 0)


@pytest.mark.parametrize(
    "timestamp",
    [None, -1, int(NOW_S * 1e6), int(NOW_S * 1e9), 2**63 - 1, -(2**63), 7_258_118_400_000],
    ids=["none", "negative", "microseconds", "nanoseconds", "largest", "smallest", "the year 2200"],
)
def test_a_time_that_cannot_be_a_frame_s_is_now(timestamp: int | None) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    assert before <= frame_record(record(timestamp)).timestamp <= datetime.now(UTC) + timedelta(seconds=1)


def test_a_time_in_milliseconds_is_taken_as_it_is() -> None:
    taken = datetime(2026, 3, 1, 12, 30, 0, 250_000, UTC)
    assert frame_record(record(int(taken.timestamp() * 1000))).timestamp == taken
    assert frame_record(record(0)).timestamp == datetime(1970, 1, 1, tzinfo=UTC)


def test_a_null_header_is_an_empty_one() -> None:
    assert frame_record(record(0, (("ce_id", None),))).headers == [("ce_id", b"")]
