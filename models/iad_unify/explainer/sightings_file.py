"""Sightings in one .npz file without pickled objects, so that a second run need not look at the frames again.

What few runs need lies in files beside it: the looks of whole pictures, and the pictures.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iad_unify.explainer.sightings import Regions, Sighting
from iad_unify.masks import Rle


def write(path: Path, key: str, sightings: Sequence[Sighting]) -> None:
    """Write sightings; `key` says what made them and must be given again to read them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    groups = [regions for sighting in sightings for regions in (sighting.oracle, sighting.predicted)]
    draft = path.with_suffix(".part.npz")
    references = [group.reference for group in groups if group.reference is not None]
    described = len(references) == len(groups)
    np.savez_compressed(
        draft,
        key=np.array(key),
        products=np.array([sighting.product for sighting in sightings]),
        sizes=np.array([(sighting.width, sighting.height) for sighting in sightings], np.int32),
        counts=np.array([len(group.rles) for group in groups], np.int32),
        appearance=np.concatenate([group.appearance for group in groups]),
        geometry=np.concatenate([group.geometry for group in groups]),
        type_logits=np.concatenate([group.type_logits for group in groups]),
        rles=np.array([rle.counts for group in groups for rle in group.rles]),
        drawn_types=np.array([slug for group in groups for slug in group.drawn_types]),
        reference=np.concatenate(references) if described else np.zeros(0, np.float16),
    )
    draft.replace(path)


def read(path: Path, key: str) -> list[Sighting] | None:
    """The sightings, or None when there is no such file, it was made with another key, or it is damaged."""
    arrays = _arrays(path, key)
    if arrays is None:
        return None
    ends = np.cumsum(arrays["counts"])
    described = "reference" in arrays and arrays["reference"].ndim > 1  # older files have none
    found = []
    for index, (width, height) in enumerate(arrays["sizes"].tolist()):
        both = []
        for group in (2 * index, 2 * index + 1):
            rows = slice(int(ends[group] - arrays["counts"][group]), int(ends[group]))
            both.append(
                Regions(
                    arrays["appearance"][rows],
                    arrays["geometry"][rows],
                    arrays["type_logits"][rows],
                    tuple(Rle(width, height, str(counts)) for counts in arrays["rles"][rows]),
                    tuple(str(slug) for slug in arrays["drawn_types"][rows]),
                    arrays["reference"][rows] if described else None,
                )
            )
        found.append(Sighting(str(arrays["products"][index]), width, height, *both))
    return found


def write_looks(path: Path, key: str, looks: NDArray[np.float16]) -> None:
    """Appearance rows [N, K, D] and their key, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    with draft.open("wb") as handle:
        np.savez(handle, key=np.array(key), looks=looks)
    draft.replace(path)


def read_looks(path: Path, key: str) -> NDArray[np.float16] | None:
    """The rows, or None in the cases of `read`."""
    arrays = _arrays(path, key)
    return None if arrays is None else arrays["looks"]


def write_pictures(path: Path, key: str, pictures: Sequence[NDArray[np.uint8]]) -> None:
    """RGB pictures [h, w, 3] of any sizes and their key, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    sizes = np.array([picture.shape[:2] for picture in pictures], np.int32)
    with draft.open("wb") as handle:
        np.savez_compressed(
            handle, key=np.array(key), sizes=sizes, values=np.concatenate([picture.reshape(-1) for picture in pictures])
        )
    draft.replace(path)


def read_pictures(path: Path, key: str) -> list[NDArray[np.uint8]] | None:
    """The pictures, or None in the cases of `read`."""
    arrays = _arrays(path, key)
    if arrays is None:
        return None
    sizes = arrays["sizes"].tolist()
    parts = np.split(arrays["values"], np.cumsum([3 * height * width for height, width in sizes])[:-1])
    return [part.reshape(height, width, 3) for part, (height, width) in zip(parts, sizes, strict=True)]


def _arrays(path: Path, key: str) -> dict[str, NDArray[Any]] | None:
    """All arrays of a file, or None when there is none, it was made with another key, or it is damaged."""
    try:
        with path.open("rb") as handle, np.load(handle) as file:
            arrays = dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    return arrays if str(arrays["key"]) == key else None
