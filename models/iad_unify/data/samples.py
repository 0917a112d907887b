"""What a data set is: a list of samples, each a picture with its mask, its defect type and the group it belongs to.

Two layouts are read: a folder with manifest.jsonl, and MVTec-AD folders. It opens no picture.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}


class DataError(ValueError):
    """A data set that cannot be read: the path and what is wrong with it."""

    def __init__(self, path: Path | str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = Path(path)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Box:
    """Where one defect is, in pixels of the original picture; right and bottom are exclusive."""

    x0: int
    y0: int
    x1: int
    y1: int
    defect_type: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture and what is known of its defects: a mask, boxes, only a type, or nothing because it is good.

    `defect_type` is the type of all its defects. It is None both for a good picture and for one with defects of
    several types, so ask `good`, never `defect_type is None`, whether a picture is good.
    """

    image: Path
    mask: Path | None
    defect_type: str | None
    group: str  # pictures of one group show the same thing and never part in a split
    boxes: tuple[Box, ...] = ()
    template: Path | None = None  # a picture of the same place without defects, aligned with `image`
    part: str | None = None  # "train", "validation" or "test" where the data set itself says so
    product: str | None = None  # what is shown, where the data set has several

    @property
    def defect_types(self) -> frozenset[str]:
        """The types of all its defects; empty for a good picture."""
        return frozenset(box.defect_type for box in self.boxes) | ({self.defect_type} if self.defect_type else set())

    @property
    def good(self) -> bool:
        """Whether the picture shows no defect."""
        return not self.defect_types


def read(folder: Path) -> list[Sample]:
    """The samples of a folder, in a stable order: MVTec-AD when it has that shape, else manifest.jsonl.

    Raises DataError when it is neither, is empty, or names a file that is not there.
    """
    manifest = folder / "manifest.jsonl"
    roots = _mvtec_roots(folder)
    if roots:
        samples = [sample for root in roots for sample in _mvtec(root, folder)]
    elif manifest.is_file():
        samples = list(_manifest(manifest))
    else:
        raise DataError(folder, "neither manifest.jsonl nor MVTec-AD folders (train/good, test/TYPE)")
    if not samples:
        raise DataError(folder, "the data set is empty")
    return samples


def _manifest(path: Path) -> Iterator[Sample]:
    for number, row in _rows(path):
        try:
            image = path.parent / str(row["image"])
            mask, template = (path.parent / str(row[key]) if row.get(key) else None for key in ("mask", "template"))
            boxes = tuple(_box(entry) for entry in row.get("boxes") or ())
            defect_type = (
                str(row["defect_type"]) if row.get("defect_type") else _only({box.defect_type for box in boxes})
            )
            group = str(row.get("group") or row["image"])
        except KeyError as error:
            raise DataError(path, f"line {number} lacks {error}") from error
        except (TypeError, ValueError) as error:
            raise DataError(path, f"line {number} has a damaged box ({error})") from error
        for file in (image, mask, template):
            if file is not None and not file.is_file():
                raise DataError(file, f"named in line {number} of {path.name} and not there")
        if mask is not None and defect_type is None:
            raise DataError(path, f"line {number} has a mask and no defect_type")
        yield Sample(image, mask, defect_type, group, boxes, template)


def _box(entry: Mapping[str, Any]) -> Box:
    x0, y0, x1, y1 = (int(value) for value in entry["box"])
    if not (0 <= x0 < x1 and 0 <= y0 < y1):
        raise ValueError(f"{entry['box']} is empty or begins outside the picture")
    return Box(x0, y0, x1, y1, str(entry["defect_type"]))


def _only(types: set[str]) -> str | None:
    return next(iter(types)) if len(types) == 1 else None


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
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


def _mvtec_roots(folder: Path) -> list[Path]:
    """The folder itself, or its sub-folders when it holds one per product."""
    if (folder / "train" / "good").is_dir() or (folder / "test").is_dir():
        return [folder]
    if not folder.is_dir():
        raise DataError(folder, "no such folder")
    return sorted(
        child for child in folder.iterdir() if (child / "train" / "good").is_dir() or (child / "test").is_dir()
    )


def _mvtec(root: Path, top: Path) -> Iterator[Sample]:
    groups = _groups(top / "manifest.jsonl")
    for part in ("train", "test"):
        for kind in sorted(child for child in (root / part).glob("*") if child.is_dir()):
            defect_type = None if kind.name == "good" else kind.name
            for image in sorted(file for file in kind.iterdir() if file.suffix.lower() in _PICTURES):
                mask = _mvtec_mask(root, kind.name, image) if defect_type else None
                name = image.relative_to(top).as_posix()
                yield Sample(image, mask, defect_type, groups.get(name, name))


def _mvtec_mask(root: Path, kind: str, image: Path) -> Path:
    place = root / "ground_truth" / kind
    for name in (f"{image.stem}_mask.png", f"{image.stem}.png"):
        if (place / name).is_file():
            return place / name
    raise DataError(image, f"has no mask {place.name}/{image.stem}_mask.png under ground_truth")


def _groups(manifest: Path) -> dict[str, str]:
    """Groups that a manifest beside MVTec-AD folders names; edits of one frame belong to one group."""
    if not manifest.is_file():
        return {}
    return {str(row["image"]): str(row["group"]) for _, row in _rows(manifest) if row.get("image") and row.get("group")}
