"""MVTec-AD folders, which MPDD has too, and our own augmented data sets, beside a manifest of their own.

PRODUCT/train/good, PRODUCT/test/good, PRODUCT/test/TYPE, and PRODUCT/ground_truth/TYPE/NAME_mask.png (or NAME.png) for
each picture of a type. The folder is one product, or holds several. A manifest beside them may name groups and parts.
"""

from collections.abc import Iterator
from pathlib import Path

from iad_unify.data.layouts import manifest
from iad_unify.data.layouts.listing import GOOD, folders_in, mask_in, pictures_in
from iad_unify.data.samples import PARTS, DataError, Sample


def matches(folder: Path) -> bool:
    """Whether the folder or one inside it is a product."""
    return bool(_products(folder))


def read(folder: Path) -> Iterator[Sample]:
    """The pictures of all products, each its own group unless a manifest beside the folders names another, or another part.

    It lies in the folder or in the product's. Raises DataError for a defective picture without a mask.
    """
    everywhere = _told(folder, folder)
    for product in _products(folder):
        told = everywhere if product == folder else everywhere | _told(product, folder)
        for part in PARTS:
            for kind in folders_in(product / part):
                for image in pictures_in(kind):
                    name = image.relative_to(folder).as_posix()
                    defect_type = None if kind.name == GOOD else kind.name
                    mask = _mask(product, kind.name, image) if defect_type else None
                    group, given = told.get(name, (None, None))
                    yield Sample(
                        image,
                        mask,
                        defect_type,
                        group or name,
                        part=given if given in PARTS else part,
                        product=product.resolve().name,
                    )


def _products(folder: Path) -> list[Path]:
    return [folder] if _is_product(folder) else [child for child in folders_in(folder) if _is_product(child)]


def _is_product(folder: Path) -> bool:
    return (folder / "train" / GOOD).is_dir() or any(folders_in(folder / "test"))


def _mask(product: Path, kind: str, image: Path) -> Path:
    mask = mask_in(product / "ground_truth" / kind, image.stem)
    if mask is None:
        raise DataError(image, f"has no mask {kind}/{image.stem}_mask.png under ground_truth")
    return mask


def _told(place: Path, folder: Path) -> dict[str, tuple[str | None, str | None]]:
    """Group and part by the picture's name below `folder`, as far as a manifest in `place` names them.

    Edits of one frame are one group, and all of them are for training, whatever MVTec-AD's folders are called.
    """
    if not manifest.matches(place):
        return {}
    named = (
        (row.get("image"), manifest.group(row), row.get("part")) for _, row in manifest.rows(place / manifest.NAME)
    )
    return {(place / str(image)).relative_to(folder).as_posix(): (group, part) for image, group, part in named if image}
