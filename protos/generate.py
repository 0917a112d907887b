"""Generates daemon/inspectd/v1 from protos/inspectd/v1: `python protos/generate.py [OUT]`.

grpcio-tools is pinned to 1.81: later ones emit code for protobuf 7, which tritonclient refuses.
"""

import sys
from importlib.resources import files
from pathlib import Path

import google.longrunning
from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent


def generate(out: Path) -> None:
    """Writes the Python modules and stubs under `out`/inspectd/v1."""
    # googleapis-common-protos ships operations.proto under another file name.
    longrunning = Path(next(iter(google.longrunning.__path__)))
    includes = [
        f"-I{PROTOS}",
        f"-Igoogle/longrunning/operations.proto={longrunning / 'operations_proto.proto'}",
        f"-I{longrunning.parent.parent}",
        f"-I{files('grpc_tools') / '_proto'}",
    ]
    sources = sorted(str(path) for path in (PROTOS / "inspectd" / "v1").glob("*.proto"))
    outputs = [f"--python_out={out}", f"--pyi_out={out}", f"--grpc_python_out={out}"]
    if protoc.main(["protoc", *includes, *outputs, *sources]) != 0:
        raise SystemExit("protoc failed; its message is above")
    for unused in (out / "inspectd" / "v1").glob("*_pb2_grpc.py"):
        if not unused.name.endswith("_service_pb2_grpc.py"):
            unused.unlink()  # a file without a service says nothing
    (out / "inspectd" / "v1" / "__init__.py").write_text(
        '"""Generated from protos/inspectd/v1 by protos/generate.py; never edited."""\n'
    )


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else PROTOS.parent / "daemon")
