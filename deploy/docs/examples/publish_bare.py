"""Publishes a JPEG or PNG as it is, without any of our code: the key is the camera, the value the picture.

python publish_bare.py 127.0.0.1:9092 press-1 part.jpg
"""

import sys
from pathlib import Path

from confluent_kafka import Producer

servers, camera, picture, topic = (*sys.argv[1:4], *sys.argv[4:], "inspectd.frames")[:4]
producer = Producer({"bootstrap.servers": servers})
producer.produce(topic, Path(picture).read_bytes(), key=camera)
if producer.flush(30):
    raise SystemExit("not published: no answer within 30 s")
