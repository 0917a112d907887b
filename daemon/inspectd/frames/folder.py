"""The pictures of a folder, in the order of their names, byte for byte."""

import hashlib
import os
import re
from pathlib import Path

import structlog

from inspectd.errors import Misconfigured
from inspectd.frames.identity import new_boot_id, sequence_id
from inspectd.frames.shot import Shot
from inspectd.records import Frame

log = structlog.get_logger(__name__)

MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}


class FolderShots:
    """`Shots` of a folder and its subfolders. Ends with the last file, or begins again with `loop`.

    Without `loop` the ids come from the folder, the position and the content: a repeated run gives the same frames the
    same ids, and a changed file another one.
    """

    live = False

    def __init__(self, *, folder: Path, loop: bool = False, boot: str = "") -> None:
        self._folder, self._loop, self._closed, self._number = folder.expanduser(), loop, False, 0
        self._files = _pictures(self._folder)
        self._stable = not loop
        place = hashlib.sha256(os.fsencode(self._folder.resolve())).hexdigest()[:12]
        self.boot = boot or (f"folder-{place}" if self._stable else new_boot_id())

    @property
    def connected(self) -> bool:
        """A folder is there or it is an error at the start."""
        return not self._closed

    def take(self) -> Shot | None:
        """See the port. A file that has become unreadable is logged and passed over."""
        unreadable = 0
        while not self._closed and unreadable < len(self._files):
            if self._number >= len(self._files) and not self._loop:
                return None
            file = self._files[self._number % len(self._files)]
            self._number += 1
            try:
                return self._shot(file, file.read_bytes())
            except OSError as error:
                log.warning("a picture cannot be read", file=str(file), error=error.strerror)
                unreadable += 1
        return None

    def close(self) -> None:
        """See the port."""
        self._closed = True

    def _shot(self, file: Path, data: bytes) -> Shot:
        number = sequence_id(self._number)
        if self._stable:
            number = f"{number}-{Frame.digest(data)[:8]}"
        name = file.relative_to(self._folder).as_posix()
        return Shot(data=data, media_type=MEDIA_TYPES[file.suffix.lower()], number=number, name=name)


def _pictures(folder: Path) -> list[Path]:
    """Raises Misconfigured when there are none."""
    mend = "Name a folder that holds .jpg or .png files, as in folder:parts"
    if not folder.is_dir():
        raise Misconfigured("frames.source", f"{folder} is not a folder", mend)
    files = [path for path in folder.rglob("*") if path.suffix.lower() in MEDIA_TYPES and path.is_file()]
    if not files:
        raise Misconfigured("frames.source", f"{folder} holds no .jpg or .png file", mend)
    return sorted(files, key=lambda path: _natural(path.relative_to(folder).as_posix()))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """part-2 before part-10."""
    return [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in re.split(r"(\d+)", name) if piece]
