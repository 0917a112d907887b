"""Prints the verdict on each part as it comes: PASS, DEFECT, REJECTED or DROPPED.

python read_verdicts.py 127.0.0.1:9092
"""

import sys
from collections.abc import Iterator

from confluent_kafka import Consumer

from inspectd.v1.inspection_pb2 import Inspection


def verdicts(servers: str, topic: str = "inspectd.inspections") -> Iterator[Inspection]:
    """Every verdict from the oldest that is kept; a frame's verdict may repeat, and its frame_id tells so."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "line-control", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    try:
        while True:
            record = consumer.poll(1.0)
            if record is not None and record.error() is None:
                yield Inspection.FromString(record.value())
    finally:
        consumer.close()


if __name__ == "__main__":
    seen = set()
    for verdict in verdicts(*sys.argv[1:]):
        if verdict.frame_id not in seen:
            seen.add(verdict.frame_id)
            outcome = Inspection.Outcome.Name(verdict.outcome)
            print(verdict.camera_id, verdict.part_id or verdict.frame_id, outcome, verdict.reason, flush=True)
