"""A labelled sample set on disk: manifest.jsonl, images/, masks/, and a contact sheet to look at.

Each line of the manifest is ``{"image", "mask", "defect_type", "group"}`` with paths relative to the folder; a good
part has null for mask and type. With several defects `mask` is their union, `defect_type` that of the largest, and
`defects` lists each with its own mask. It draws and writes; it knows nothing of training.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.procedural.drawing import Drawing, draw, draw_random

MANIFEST = "manifest.jsonl"
CONTACT_SHEET = "contact_sheet.png"
#: Thumbnails on the contact sheet, and their side in pixels.
_THUMBNAILS, _THUMBNAIL_PX = 48, 160


def write_samples(
    out: Path,
    count: int,
    *,
    size: int = 256,
    seed: int = 0,
    product: str = "",
    defect_type: str = "",
    good_share: float = 0.3,
    max_defects: int = 1,
) -> Iterator[Drawing]:
    """Draw `count` samples into `out`, yielding each once its files are written.

    An empty `product` or `defect_type` means any. Sample i depends on (seed, i) only. Raises ValueError for unknown
    names and OSError when a file cannot be written.
    """
    for folder in ("images", "masks"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    thumbnails: list[NDArray[np.uint8]] = []
    with (out / MANIFEST).open("w", encoding="utf-8") as manifest:
        for index in range(count):
            rng = np.random.default_rng((seed, index))
            drawing = _drawn(rng, size, product, defect_type, good_share, max_defects)
            manifest.write(json.dumps(_write(out, index, drawing)) + "\n")
            if len(thumbnails) < _THUMBNAILS:
                thumbnails.append(_thumbnail(drawing))
            yield drawing
    if thumbnails:
        _save(out / CONTACT_SHEET, _sheet(thumbnails))


def _drawn(
    rng: np.random.Generator, size: int, product: str, defect_type: str, good_share: float, max_defects: int
) -> Drawing:
    drawing = draw_random(rng, size, good_share, max_defects, product)
    if not defect_type or not drawing.defects:
        return drawing
    return draw(drawing.product, rng, size=size, defect_types=(defect_type,) * len(drawing.defects))


def _write(out: Path, index: int, drawing: Drawing) -> dict[str, Any]:
    """Write a sample's files and return its line."""
    name = f"{index:06d}"
    image = f"images/{name}.png"
    _save(out / image, drawing.image)
    entries = []
    for number, defect in enumerate(drawing.defects):
        path = f"masks/{name}_{number}.png"
        _save(out / path, defect.mask.astype(np.uint8) * 255)
        entries.append({"defect_type": defect.defect_type, "mask": path})
    line: dict[str, Any] = {"image": image, "mask": None, "defect_type": None, "group": f"d{name}"}
    if len(entries) == 1:
        line |= entries[0]
    elif entries:
        largest = max(drawing.defects, key=lambda defect: int(defect.mask.sum()))
        line |= {"mask": f"masks/{name}.png", "defect_type": largest.defect_type}
        _save(out / f"masks/{name}.png", drawing.mask.astype(np.uint8) * 255)
    return line | {"product": drawing.product, "defects": entries}


def _thumbnail(drawing: Drawing) -> NDArray[np.uint8]:
    """The picture beside the picture with its defects outlined and named, uint8 [side, 2 * side, 3]."""
    side = _THUMBNAIL_PX
    marked = drawing.image.copy()
    for defect in drawing.defects:
        outlines, _ = cv2.findContours(defect.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(marked, outlines, -1, (255, 40, 40), 1)
    pair = [cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in (drawing.image, marked)]
    label = ", ".join(defect.defect_type for defect in drawing.defects) or "good"
    cv2.putText(pair[1], label, (4, side - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (255, 255, 0), 1, cv2.LINE_AA)
    return np.asarray(np.hstack(pair), dtype=np.uint8)


def _sheet(thumbnails: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    columns = 6 if len(thumbnails) > 6 else len(thumbnails)
    blank = np.zeros_like(thumbnails[0])
    full = thumbnails + [blank] * (-len(thumbnails) % columns)
    rows = [np.hstack(full[start : start + columns]) for start in range(0, len(full), columns)]
    return np.asarray(np.vstack(rows), dtype=np.uint8)


def _save(path: Path, picture: NDArray[np.uint8]) -> None:
    """PNG; RGB in, BGR only at the call that needs it."""
    pixels = picture[:, :, ::-1] if picture.ndim == 3 else picture
    if not cv2.imwrite(str(path), np.ascontiguousarray(pixels)):
        raise OSError(f"{path} could not be written")
