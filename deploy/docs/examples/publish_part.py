"""Publishes one picture of a part as a camera frame, with any Kafka client; here confluent-kafka.

python publish_part.py 127.0.0.1:9092 press-1 P-0815 part.jpg
"""

import sys
import time
from pathlib import Path

from confluent_kafka import Producer

from inspectd.v1.frame_pb2 import Frame, InlineImage


def publish(servers: str, camera: str, part: str, picture: Path, topic: str = "inspectd.frames") -> str:
    """Sends the frame, waits until the broker has it, and returns its frame id."""
    frame = Frame(part_id=part, inline=InlineImage(data=picture.read_bytes()))
    frame.capture_time.GetCurrentTime()
    # boot/seq names the frame: the same id twice is the same frame, so a retry after a timeout is safe
    number = f"{time.strftime('%Y%m%dT%H%M%S')}/{time.time_ns()}"
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_type", b"inspectd.v1.frame"),
        ("ce_source", f"/cameras/{camera}".encode()),
        ("ce_id", number.encode()),
        ("content-type", b"application/protobuf"),
    ]
    refused = []
    producer = Producer({"bootstrap.servers": servers, "acks": "all"})
    producer.produce(
        topic,
        frame.SerializeToString(),
        key=camera.encode(),
        headers=headers,
        on_delivery=lambda error, record: refused.append(error) if error else None,
    )
    if producer.flush(30) or refused:
        raise SystemExit(f"not published: {refused or 'no answer within 30 s'}")
    return f"{camera}/{number}"


if __name__ == "__main__":
    print(publish(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]), *sys.argv[5:]))
