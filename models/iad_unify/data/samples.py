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
class Sample:
    """One picture. A good one has neither mask nor type; a defective one has a type, and a mask unless none exists."""

    image: Path
    mask: Path | None
    defect_type: str | None
    group: str  # pictures of one group show the same thing and never part in a split


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
            mask = path.parent / str(row["mask"]) if row.get("mask") else None
            defect_type = str(row["defect_type"]) if row.get("defect_type") else None
            group = str(row.get("group") or row["image"])
        except KeyError as error:
            raise DataError(path, f"line {number} lacks {error}") from error
        for file in (image, mask):
            if file is not None and not file.is_file():
                raise DataError(file, f"named in line {number} of {path.name} and not there")
        if mask is not None and defect_type is None:
            raise DataError(path, f"line {number} has a mask and no defect_type")
        yield Sample(image, mask, defect_type, group)


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
