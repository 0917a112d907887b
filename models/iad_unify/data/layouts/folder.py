"""What anybody can make by hand: good/* beside TYPE/*, or a flat folder of good pictures.

A mask lies beside its picture as NAME_mask.png, or in ground_truth/TYPE/NAME.png (or NAME_mask.png); it may be missing.
"""

from collections.abc import Iterator
from pathlib import Path

from iad_unify.data.layouts.listing import GOOD, folders_in, mask_in, pictures_in, slug
from iad_unify.data.samples import Sample

_MASKS = "ground_truth"


def matches(folder: Path) -> bool:
    """Whether there is a folder named good, or a picture directly inside."""
    return (folder / GOOD).is_dir() or bool(pictures_in(folder))


def read(folder: Path) -> Iterator[Sample]:
    """Each picture, its own group; with a folder named good, pictures that lie beside it are left alone."""
    kinds = [child for child in folders_in(folder) if child.name != _MASKS] if (folder / GOOD).is_dir() else [folder]
    for kind in kinds:
        good = kind == folder or kind.name == GOOD
        for image in pictures_in(kind):
            name = image.relative_to(folder).as_posix()
            yield Sample(image, None if good else _mask(folder, image), None if good else slug(kind.name), name)


def _mask(folder: Path, image: Path) -> Path | None:
    beside = image.with_name(f"{image.stem}_mask.png")
    return beside if beside.is_file() else mask_in(folder / _MASKS / image.parent.name, image.stem)
