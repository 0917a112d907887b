"""A folder with manifest.jsonl: one JSON object a line, paths relative to the file.

    {"image": "a.png", "mask": null, "defect_type": null, "group": "g1"}
    {"image": "b.png", "mask": "b_mask.png", "defect_type": "crack", "group": "g2", "part": "test", "product": "tile"}
    {"image": "c.png", "template": "t.png", "boxes": [{"box": [x0, y0, x1, y1], "defect_type": "spur"}], "group": "g3"}

Only `image` is required: without a type, a mask or boxes the picture is good; without a group it is its own. A group may
be a number, 0 too.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from iad_unify.data.samples import PARTS, Box, DataError, Sample

NAME = "manifest.jsonl"
#: What says of a picture whether it is good, null for one that is; `group` and `part` alone say nothing of it.
_LABELS = ("mask", "boxes", "defect_type")


def matches(folder: Path) -> bool:
    """Whether there is a manifest."""
    return (folder / NAME).is_file()


def tells_defects(folder: Path) -> bool:
    """Whether there is a manifest with a row that has a mask, boxes or a type, be it null; raises DataError."""
    return matches(folder) and any(label in row for _, row in rows(folder / NAME) for label in _LABELS)


def read(folder: Path) -> Iterator[Sample]:
    """A sample for each line, in order. Raises DataError with the line that is damaged or names a missing file."""
    path = folder / NAME
    for number, row in rows(path):
        try:
            sample = _sample(folder, row)
        except KeyError as error:
            raise DataError(path, f"line {number} lacks {error}") from error
        except (TypeError, ValueError) as error:
            raise DataError(path, f"line {number} is damaged ({error})") from error
        for file in (sample.image, sample.mask, sample.template):
            if file is not None and not file.is_file():
                raise DataError(file, f"named in line {number} of {NAME} and not there")
        if sample.mask is not None and sample.defect_type is None:
            mend = 'write "unknown" where the type is not known'
            raise DataError(path, f"line {number} has a mask and no defect_type; {mend}")
        yield sample


def rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects of a JSON Lines file with their line numbers; raises DataError."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(path, f"line {number} is not JSON ({error})") from error
        if not isinstance(row, dict):
            raise DataError(path, f"line {number} is not a JSON object")
        yield number, row


def group(row: Mapping[str, Any]) -> str | None:
    """The group that a row names; None where it names none. 0 is a name, an empty text is not."""
    named = row.get("group")
    return None if named is None or named == "" else str(named)


def _sample(folder: Path, row: Mapping[str, Any]) -> Sample:
    mask, template = (folder / str(row[key]) if row.get(key) else None for key in ("mask", "template"))
    boxes = tuple(_box(entry) for entry in row.get("boxes") or ())
    types = {box.defect_type for box in boxes}
    only = next(iter(types)) if len(types) == 1 else None
    part = str(row["part"]) if row.get("part") else None
    if part is not None and part not in PARTS:
        raise ValueError(f"part {part!r} is none of {', '.join(PARTS)}")
    return Sample(
        folder / str(row["image"]),
        mask,
        str(row["defect_type"]) if row.get("defect_type") else only,
        group(row) or str(row["image"]),
        boxes,
        template,
        part,
        str(row["product"]) if row.get("product") else None,
    )


def _box(entry: Mapping[str, Any]) -> Box:
    x0, y0, x1, y1 = (int(value) for value in entry["box"])
    if not (0 <= x0 < x1 and 0 <= y0 < y1):
        raise ValueError(f"the box {entry['box']} is empty or begins outside the picture")
    return Box(x0, y0, x1, y1, str(entry["defect_type"]))
