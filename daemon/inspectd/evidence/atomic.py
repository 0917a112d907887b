"""Writing a local file so that it is whole or not there, also after a power cut."""

import os
import uuid

#: Names of files that are being written begin with this.
TEMPORARY = ".part-"


def write_atomically(path: str, data: bytes) -> None:
    """Returns when the file and its name are on the disk. Raises OSError."""
    folder = os.path.dirname(path)
    made = _make_folders(folder)
    temporary = os.path.join(folder, f"{TEMPORARY}{uuid.uuid4().hex}")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    for changed in [folder, *made]:
        _sync_folder(changed)


def _make_folders(folder: str) -> list[str]:
    """Makes what is missing; returns the folders that got a new entry."""
    parents = []
    missing = folder
    while missing and not os.path.isdir(missing):
        missing = os.path.dirname(missing)
        parents.append(missing)
    os.makedirs(folder, exist_ok=True)
    return [parent for parent in parents if parent]


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
