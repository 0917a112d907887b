"""What the layouts share: which files are pictures, and how a type is spelt."""

import re
from pathlib import Path

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
#: Folder of the pictures without a defect.
GOOD = "good"


def pictures_in(folder: Path) -> list[Path]:
    """The pictures directly inside, by name, without masks (NAME_mask.png); empty when there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in PICTURES and not file.stem.endswith("_mask") and not file.name.startswith(".")
    )


def folders_in(folder: Path) -> list[Path]:
    """The folders directly inside, by name, hidden ones left out; empty when there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def mask_in(folder: Path, stem: str) -> Path | None:
    """The mask of a picture in a folder of masks: NAME_mask.png, or NAME.png."""
    return next((file for name in (f"{stem}_mask.png", f"{stem}.png") if (file := folder / name).is_file()), None)


def slug(name: str) -> str:
    """A type as it is written everywhere here: ``Chunk of wax missing`` -> ``chunk_of_wax_missing``."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
