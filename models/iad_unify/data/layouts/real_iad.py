"""Real-IAD: OBJECT.json beside OBJECT/{OK,NG/CODE}/SAMPLE/*.jpg with masks of the same name as PNG.

The JSON has meta {prefix, normal_class} and train and test lists of {anomaly_class, image_path, mask_path}. The files
lie in realiad_jsons/ (the release packs them once more inside it) or in the folder itself; the pictures in
realiad_1024, realiad_512 or realiad_256 (the largest that is there) or in the folder itself. Five cameras look at each
part: all pictures of one SAMPLE folder are one group. (https://realiad4ad.github.io/Real-IAD/)
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from iad_unify.data.layouts.listing import slug
from iad_unify.data.samples import DataError, Sample

#: The release's codes for the types of defects.
TYPES = {
    "AK": "pit",
    "BX": "deformation",
    "CH": "abrasion",
    "HS": "scratch",
    "PS": "damage",
    "QS": "missing_part",
    "YW": "foreign_object",
    "ZW": "contamination",
}
_JSONS = ("realiad_jsons/realiad_jsons", "realiad_jsons", ".")
_PICTURES = ("realiad_1024", "realiad_512", "realiad_256", ".")


def matches(folder: Path) -> bool:
    """Whether there is OBJECT.json for a folder OBJECT with OK or NG inside."""
    return bool(_objects(folder))


def read(folder: Path) -> Iterator[Sample]:
    """The pictures of all objects. Raises DataError when a list is damaged or names a file that is not there."""
    for path, pictures in _objects(folder):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            prefix, normal = str(content["meta"].get("prefix") or path.stem), str(content["meta"]["normal_class"])
            rows = [(part, row) for part in ("train", "test") for row in content[part]]
            samples = [_sample(path.stem, part, row, pictures / prefix, prefix, normal) for part, row in rows]
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise DataError(path, f"not a Real-IAD list ({error!r})") from error
        for sample in samples:
            for file in (sample.image, sample.mask):
                if file is not None and not file.is_file():
                    raise DataError(file, f"named in {path.name} and not there")
        yield from samples


def _sample(product: str, part: str, row: dict[str, Any], root: Path, prefix: str, normal: str) -> Sample:
    name, code = str(row["image_path"]), str(row["anomaly_class"])
    good = code == normal
    mask = root / str(row["mask_path"]) if row.get("mask_path") and not good else None
    group = (Path(prefix) / name).parent.as_posix()
    return Sample(root / name, mask, None if good else TYPES.get(code, slug(code)), group, part=part, product=product)


def _objects(folder: Path) -> list[tuple[Path, Path]]:
    """(the object's list, the folder that its prefix starts from)."""
    found = []
    for place in _JSONS:
        for path in sorted((folder / place).glob("*.json")):
            for root in _PICTURES:
                if any((folder / root / path.stem / kind).is_dir() for kind in ("OK", "NG")):
                    found.append((path, folder / root))
                    break
        if found:
            return found
    return []
