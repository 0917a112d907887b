"""The committed code is what the protos generate, and every element of the protos says what it is."""

import subprocess
import sys
from pathlib import Path

from google.protobuf import descriptor_pb2
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "daemon" / "inspectd" / "v1"


def test_the_committed_code_is_what_the_protos_generate(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "protos" / "generate.py", tmp_path], check=True)
    fresh = {path.name: path.read_text() for path in (tmp_path / "inspectd" / "v1").iterdir()}
    committed = {path.name: path.read_text() for path in COMMITTED.iterdir() if path.is_file()}
    assert sorted(fresh) == sorted(committed)
    assert [name for name in fresh if fresh[name] != committed[name]] == []


def test_every_element_of_the_protos_has_a_comment(tmp_path: Path) -> None:
    from importlib.resources import files

    import google.longrunning

    longrunning = Path(next(iter(google.longrunning.__path__)))
    sources = sorted((ROOT / "protos" / "inspectd" / "v1").glob("*.proto"))
    out = tmp_path / "protos.bin"
    arguments = [
        "protoc",
        f"-I{ROOT / 'protos'}",
        f"-I{longrunning.parent.parent}",
        f"-I{files('grpc_tools') / '_proto'}",
    ]
    arguments += [f"-Igoogle/longrunning/operations.proto={longrunning / 'operations_proto.proto'}"]
    arguments += ["--include_source_info", f"--descriptor_set_out={out}", *map(str, sources)]
    assert protoc.main(arguments) == 0
    bare = []
    for file in descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file:
        for location in file.source_code_info.location:
            if _is_element(tuple(location.path)) and not location.leading_comments.strip():
                bare.append((file.name, tuple(location.path)))
    assert bare == []


def _is_element(path: tuple[int, ...]) -> bool:
    """Messages, fields, enums, values, services and methods, at any depth of nesting."""
    shape = path[::2]
    nested = {(4,), (4, 2), (5,), (5, 2), (6,), (6, 2)}
    while len(shape) > 1 and shape[:2] == (4, 3):
        shape = (4, *shape[2:])
    if shape[:2] == (4, 4):  # an enum inside a message
        shape = (5, *shape[2:])
    return len(path) % 2 == 0 and shape in nested
