"""What a shot's part is called: from flags, from the file's name, or from a manifest. Knows no pixels."""

import csv
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from inspectd.errors import Misconfigured
from inspectd.frames.codec import MAX_TEXT_BYTES
from inspectd.frames.shot import Shot

_FIELDS = ("part_id", "lot", "recipe", "view")


@dataclass(frozen=True, slots=True)
class Label:
    """The integrator's names for one frame."""

    part_id: str = ""
    lot: str = ""
    recipe: str = ""
    view: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


class Labels:
    """The same label for every shot, but for what names or a manifest say of one."""

    def __init__(
        self, *, fixed: Label | None = None, parts_from_names: bool = False, manifest: Mapping[str, Label] | None = None
    ) -> None:
        self._fixed, self._from_names, self._manifest = fixed or Label(), parts_from_names, manifest

    def of(self, shot: Shot) -> Label:
        """A shot that the manifest does not name keeps the fixed label."""
        fixed = self._fixed
        row = (self._manifest or {}).get(shot.name) or (self._manifest or {}).get(PurePosixPath(shot.name).name)
        part_id = name_text(PurePosixPath(shot.name).stem) if self._from_names and shot.name else fixed.part_id
        attributes = {**fixed.attributes, **shot.attributes, **(row.attributes if row else {})}
        if shot.name:
            attributes.setdefault("file", name_text(shot.name))
        return Label(
            part_id=(row.part_id if row else "") or part_id,
            lot=(row.lot if row else "") or fixed.lot,
            recipe=(row.recipe if row else "") or fixed.recipe,
            view=(row.view if row else "") or fixed.view,
            attributes=attributes,
        )


def name_text(name: str) -> str:
    """A file's name as a frame may carry it: no good picture is refused for its name.

    Bytes that are not UTF-8 are written in hexadecimal, so that two names stay two; of a long path the end is kept.
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    text = re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\x{ord(found[0]):02x}", text)
    return text.encode()[-MAX_TEXT_BYTES:].decode("utf-8", "ignore")


def read_manifest(file: Path) -> dict[str, Label]:
    """A CSV with a header: `file`, then any of part_id, lot, recipe, view; other columns become attributes.

    Raises Misconfigured.
    """
    mend = "Write a CSV with a header line, such as: file,part_id,lot"
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream)
            if "file" not in (rows.fieldnames or ()):
                raise Misconfigured("--manifest", f"{file} has no column `file`", mend)
            return {row["file"]: _label(row) for row in rows if row["file"]}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Misconfigured("--manifest", f"{file} cannot be read ({error})", mend) from error


def _label(row: Mapping[str, str | None]) -> Label:
    known = {name: (row.get(name) or "").strip() for name in _FIELDS}
    rest = {
        k: v.strip() for k, v in row.items() if k and isinstance(v, str) and v.strip() and k not in ("file", *_FIELDS)
    }
    return Label(attributes=rest, **known)
