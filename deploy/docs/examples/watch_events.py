"""Follows every change of every defect event, without a gap, also over a lost connection.

python watch_events.py 127.0.0.1:50051
"""

import sys
import time

import grpc

from inspectd.v1.defect_event_service_pb2 import WatchDefectEventsRequest
from inspectd.v1.defect_event_service_pb2_grpc import DefectEventServiceStub

token = sys.argv[2] if len(sys.argv) > 2 else ""  # keep it in a file to go on after a restart
while True:
    try:
        with grpc.insecure_channel(sys.argv[1]) as channel:
            for change in DefectEventServiceStub(channel).WatchDefectEvents(
                WatchDefectEventsRequest(resume_token=token)
            ):
                token = change.resume_token
                if change.HasField("defect_event"):  # else a heartbeat
                    event = change.defect_event
                    print(event.event_id, event.revision, event.camera_id, event.explanation.text, flush=True)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        time.sleep(1)
