"""The layouts of data sets on disk, and which of them a folder has. No picture is opened.

In this order, and the first that fits is read: a manifest that tells defects, MVTec-AD folders (MPDD's are the same; a
manifest beside them that tells none names the groups), VisA, Real-IAD, any other manifest, a folder per type or a flat
folder of good pictures.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from iad_unify.data.layouts import folder as folders
from iad_unify.data.layouts import manifest, mvtec, real_iad, visa
from iad_unify.data.samples import DataError, Sample


@dataclass(frozen=True, slots=True)
class Layout:
    """How to recognise and read one layout; `matches` looks at names, not at pictures, and needs an existing folder."""

    name: str
    looks_for: str
    matches: Callable[[Path], bool]
    read: Callable[[Path], Iterator[Sample]]


_MANIFEST = Layout("manifest", "manifest.jsonl", manifest.matches, manifest.read)
LAYOUTS: tuple[Layout, ...] = (
    Layout("MVTec-AD", "MVTec-AD folders (train/good, test/TYPE)", mvtec.matches, mvtec.read),
    Layout("VisA", "VisA (split_csv/1cls.csv, OBJECT/Data/Images)", visa.matches, visa.read),
    Layout("Real-IAD", "Real-IAD (OBJECT.json and OBJECT/OK)", real_iad.matches, real_iad.read),
    _MANIFEST,
    Layout("folder", "a folder good beside one per type, or pictures", folders.matches, folders.read),
)


def detect(folder: Path) -> Layout:
    """The first layout that the folder has; raises DataError that names all that was looked for, or a damaged manifest."""
    if not folder.is_dir():
        raise DataError(
            folder,
            "no such folder" + ("; drawings to measure on are procedural:test" if str(folder) == "procedural" else ""),
        )
    if manifest.tells_defects(folder):  # what somebody wrote down is not guessed from the names of folders
        return _MANIFEST
    for layout in LAYOUTS:
        if layout.matches(folder):
            return layout
    raise DataError(folder, "holds none of: " + "; ".join(layout.looks_for for layout in LAYOUTS))


def read(folder: Path) -> list[Sample]:
    """The samples of a folder, in a stable order.

    Raises DataError when no layout fits, the data set is empty, or it names a file that is not there.
    """
    layout = detect(folder)
    samples = list(layout.read(folder))
    if not samples:
        raise DataError(folder, f"the data set is empty ({layout.looks_for})")
    return samples
