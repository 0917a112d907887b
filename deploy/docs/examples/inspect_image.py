"""Asks for the verdict on one picture over gRPC.

python inspect_image.py 127.0.0.1:50051 part.png
"""

import sys
from pathlib import Path

import grpc

from inspectd.v1.inspection_pb2 import Inspection
from inspectd.v1.inspection_service_pb2 import InspectImageRequest
from inspectd.v1.inspection_service_pb2_grpc import InspectionServiceStub

address, picture = sys.argv[1:3]
with grpc.insecure_channel(address) as channel:
    request = InspectImageRequest(image=Path(picture).read_bytes(), camera_id="press-1")
    answer = InspectionServiceStub(channel).InspectImage(request, timeout=10)
print(Inspection.Outcome.Name(answer.inspection.outcome), f"{answer.inspection.score:.3f}")
for region in answer.regions:
    print(f"  {region.number}: {region.defect_type} {region.score:.3f} at {region.cell}, {region.area_px} px")
