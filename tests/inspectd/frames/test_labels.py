"""Where a part's id comes from."""

from pathlib import Path

import pytest

from inspectd.errors import Misconfigured
from inspectd.frames.labels import Label, Labels, name_text, read_manifest
from inspectd.frames.shot import Shot


def shot(name: str = "a/part-7.jpg") -> Shot:
    return Shot(b"x", "image/jpeg", "1", name, attributes={"k": "v"})


def test_flags_hold_for_every_shot() -> None:
    label = Labels(fixed=Label(part_id="P", lot="L", recipe="R", view="V")).of(shot())
    assert (label.part_id, label.lot, label.recipe, label.view) == ("P", "L", "R", "V")
    assert label.attributes == {"k": "v", "file": "a/part-7.jpg"}


def test_the_name_can_be_the_part() -> None:
    labels = Labels(fixed=Label(part_id="P"), parts_from_names=True)
    assert labels.of(shot()).part_id == "part-7"
    assert labels.of(shot("")).part_id == "P"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("größe/部品-7.png", "größe/部品-7.png"),
        ("caf\udce9.png", "caf\\xe9.png"),
        ("two\nlines\t.png", "two\\x0alines\\x09.png"),
        ("a/" * 200 + "part-7.png", ("a/" * 200 + "part-7.png")[-256:]),
        ("x" + "é" * 127 + "ab", "é" * 127 + "ab"),
        ("é" * 128 + "a", "é" * 127 + "a"),  # the cut falls into a character
    ],
)
def test_a_name_becomes_text_that_every_frame_may_carry(name: str, text: str) -> None:
    assert name_text(name) == text
    assert len(text.encode()) <= 256


def test_a_manifest_goes_before_names_and_flags(tmp_path: Path) -> None:
    file = tmp_path / "parts.csv"
    file.write_text("file,part_id,lot,shift\npart-7.jpg,P-77,,night\nother.jpg,P-8,L8,\n", encoding="utf-8-sig")
    labels = Labels(fixed=Label(lot="L0"), parts_from_names=True, manifest=read_manifest(file))
    label = labels.of(shot())
    assert (label.part_id, label.lot) == ("P-77", "L0")
    assert label.attributes["shift"] == "night"
    assert labels.of(shot("unknown.jpg")).part_id == "unknown"


@pytest.mark.parametrize("content", [b"name,part\nx,y\n", b"", b"\xff\xfe\x00file"])
def test_a_manifest_that_is_none_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "parts.csv"
    file.write_bytes(content)
    with pytest.raises(Misconfigured, match="--manifest"):
        read_manifest(file)


def test_a_manifest_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="--manifest"):
        read_manifest(tmp_path / "nothing.csv")
