"""VisA: OBJECT/Data/Images/{Normal,Anomaly}, OBJECT/Data/Masks/Anomaly, OBJECT/image_anno.csv, split_csv/1cls.csv.

`image_anno.csv` (image, label, mask) names the types, several of them with commas between; `split_csv/1cls.csv`
(object, split, label, image, mask) says what trains and what tests, and knows only normal and anomaly. Either may be
missing. A mask of several types is UNKNOWN, because it does not say which pixel is which. After the official release
(https://github.com/amazon-science/spot-diff).
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from iad_unify.data.layouts.listing import folders_in, mask_in, pictures_in, slug
from iad_unify.data.samples import PARTS, DataError, Sample
from iad_unify.types import UNKNOWN

SPLIT = Path("split_csv") / "1cls.csv"
_IMAGES = Path("Data") / "Images"


def matches(folder: Path) -> bool:
    """Whether there is the split file, or an object's folder with pictures of normal and anomalous ones."""
    return (folder / SPLIT).is_file() or bool(_objects(folder))


def read(folder: Path) -> Iterator[Sample]:
    """The pictures, each its own group: those of the split file, or all that lie in the objects' folders.

    Raises DataError when the split file lacks a column or names a file that is not there.
    """
    types = {name: kind for product in _objects(folder) for name, kind in _types(product)}
    if (folder / SPLIT).is_file():
        yield from _listed(folder, types)
        return
    for product in _objects(folder):
        for kind in ("Normal", "Anomaly"):
            for image in pictures_in(product / _IMAGES / kind):
                name = image.relative_to(folder).as_posix()
                mask = mask_in(product / "Data" / "Masks" / kind, image.stem) if kind == "Anomaly" else None
                yield _sample(folder, name, mask, None, product.resolve().name, types, kind == "Normal")


def _listed(folder: Path, types: Mapping[str, str]) -> Iterator[Sample]:
    path = folder / SPLIT
    for number, row in _rows(path, ("object", "split", "label", "image", "mask")):
        mask = folder / row["mask"] if row["mask"] else None
        for file in (folder / row["image"], mask):
            if file is not None and not file.is_file():
                raise DataError(file, f"named in line {number} of {path.name} and not there")
        if row["split"] not in PARTS:
            raise DataError(path, f"line {number}: split {row['split']!r} is none of {', '.join(PARTS)}")
        yield _sample(folder, row["image"], mask, row["split"], row["object"], types, row["label"] == "normal")


def _sample(
    folder: Path, name: str, mask: Path | None, part: str | None, product: str, types: Mapping[str, str], good: bool
) -> Sample:
    defect_type = None if good else types.get(name, UNKNOWN)
    return Sample(folder / name, None if good else mask, defect_type, name, part=part, product=product)


def _objects(folder: Path) -> list[Path]:
    candidates = [folder, *folders_in(folder)]
    return [child for child in candidates if (child / _IMAGES / "Normal").is_dir()]


def _types(product: Path) -> Iterator[tuple[str, str]]:
    """(picture's name below the data set, type) for every line of image_anno.csv, both spellings of the name."""
    path = product / "image_anno.csv"
    if not path.is_file():
        return
    for _, row in _rows(path, ("image", "label")):
        kinds = {slug(kind) for kind in row["label"].split(",") if kind.strip()}
        kind = next(iter(kinds)) if len(kinds) == 1 else UNKNOWN
        yield row["image"], kind
        yield row["image"].partition("/")[2], kind  # where the object's own folder is the data set


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise DataError(path, f"lacks the column {', '.join(missing)}")
        for row in reader:
            yield reader.line_num, {name: (row[name] or "").strip() for name in columns}
