"""Pictures in a directory or an object store, through fsspec.

    pictures/ab/cd/{sha256}.jpg                        events' pictures, which retention may remove
    good/{camera}/{microseconds}-{sha256}.png          good frames, which only newer good frames replace

Knows no event. Several daemons may share one store.
"""

import asyncio
import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import fsspec
from fsspec.implementations.local import LocalFileSystem

from inspectd.errors import InspectdError, Misconfigured, NotFound, Unavailable
from inspectd.evidence.atomic import TEMPORARY, write_atomically
from inspectd.evidence.store import GoodFrame
from inspectd.records import Frame
from inspectd.settings import EvidenceSettings

T = TypeVar("T")

_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png"}
_MEDIA_TYPES = {suffix: media_type for media_type, suffix in _SUFFIXES.items()}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: What a crash has left half-written goes after this long.
_TEMPORARY_AGE = timedelta(hours=1)
#: Names under which fsspec's drivers tell when a file was written.
_TIME_FIELDS = ("mtime", "LastModified", "last_modified", "updated", "created")


def _now() -> datetime:
    return datetime.now(UTC)


class FileEvidenceStore:
    """`uri` is a path or any URI that fsspec knows; retention is in `settings`."""

    def __init__(self, *, uri: str, settings: EvidenceSettings, clock: Callable[[], datetime] = _now) -> None:
        self._settings = settings
        self._clock = clock
        self._fs, self._root = _file_system(uri)
        self._uri = uri
        self._local = isinstance(self._fs, LocalFileSystem)
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="evidence")

    async def open(self) -> None:
        """Writes and removes a file. Raises Misconfigured("evidence.uri") when that does not work."""
        try:
            await self._run(self._try_out)
        except InspectdError as error:
            mend = "Give a directory or a bucket that this user may write to"
            raise Misconfigured("evidence.uri", f"{self._uri} cannot be written ({error})", mend) from error

    async def close(self) -> None:
        """Ends what is running."""
        await asyncio.to_thread(self._threads.shutdown)

    async def put(self, data: bytes, sha256: str, media_type: str) -> None:
        """See the port."""
        path = f"{self._folder(sha256)}/{sha256}{_SUFFIXES[media_type]}"
        await self._run(lambda: self._put(path, data))

    async def get(self, sha256: str) -> bytes:
        """See the port. A picture whose bytes do not match its key any more is NotFound, too."""
        return await self._run(lambda: self._get(sha256))

    async def keep_good(self, camera_id: str, data: bytes, sha256: str, media_type: str) -> None:
        """See the port. A picture that is kept already stays where it is."""
        await self._run(lambda: self._keep_good(camera_id, data, sha256, media_type))

    async def good_frames(self, camera_id: str) -> tuple[GoodFrame, ...]:
        """See the port."""
        frames = await self._run(lambda: self._good_frames(camera_id))
        return tuple(frame for frame, _ in frames)

    async def sweep(self, now: datetime) -> int:
        """See the port. What a crash has left half-written goes, too, uncounted."""
        return await self._run(lambda: self._sweep(now))

    async def _run(self, work: Callable[[], T]) -> T:
        def mapped() -> T:
            with _failures_mapped(self._local):
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._threads, mapped)

    def _folder(self, sha256: str) -> str:
        return f"{self._root}/pictures/{sha256[:2]}/{sha256[2:4]}"

    def _write(self, path: str, data: bytes) -> None:
        if self._local:
            write_atomically(path, data)
        else:
            self._fs.pipe_file(path, data)  # an object store shows an object when it is whole, and not before

    def _try_out(self) -> None:
        path = f"{self._root}/pictures/{TEMPORARY}{uuid.uuid4().hex}"
        self._write(path, b"inspectd")
        self._fs.rm_file(path)

    def _put(self, path: str, data: bytes) -> None:
        if self._fs.exists(path) and self._fs.size(path) == len(data):
            if self._local:
                self._fs.touch(path, truncate=False)  # young again: retention shall not take it from a new event
            return
        self._write(path, data)

    def _get(self, sha256: str) -> bytes:
        for path in self._candidates(sha256):
            try:
                data: bytes = self._fs.cat_file(path)
            except FileNotFoundError:
                continue
            if Frame.digest(data) == sha256:
                return data
        raise NotFound(f"the picture {sha256} is not kept any more")

    def _candidates(self, sha256: str) -> Iterator[str]:
        if len(sha256) != 64 or not sha256.isalnum():
            return
        for suffix in _MEDIA_TYPES:
            yield f"{self._folder(sha256)}/{sha256}{suffix}"
        for folder in self._list(f"{self._root}/good"):
            yield from (path for path in self._list(folder) if f"-{sha256}." in path)

    def _camera_folder(self, camera_id: str) -> str:
        name = quote(camera_id, safe="")
        return f"{self._root}/good/{'%2E' + name[1:] if name.startswith('.') else name}"

    def _keep_good(self, camera_id: str, data: bytes, sha256: str, media_type: str) -> None:
        kept = self._good_frames(camera_id)
        most = self._settings.good_frames_per_camera
        if most and all(frame.sha256 != sha256 for frame, _ in kept):
            number = (self._clock() - _EPOCH) // _MICROSECOND
            path = f"{self._camera_folder(camera_id)}/{number:016d}-{sha256}{_SUFFIXES[media_type]}"
            self._write(path, data)
            kept = self._good_frames(camera_id)
        for _, path in kept[most:]:
            self._remove(path)

    def _good_frames(self, camera_id: str) -> list[tuple[GoodFrame, str]]:
        folder = self._camera_folder(camera_id)
        camera = unquote(folder.rsplit("/", 1)[1])
        frames = []
        for path in sorted(self._list(folder), reverse=True):
            name = path.rsplit("/", 1)[1]
            stem, _, suffix = name.partition(".")
            number, _, sha256 = stem.partition("-")
            if number.isdigit() and f".{suffix}" in _MEDIA_TYPES:
                time = _EPOCH + int(number) * _MICROSECOND
                frames.append((GoodFrame(camera, sha256, _MEDIA_TYPES[f".{suffix}"], time), path))
        return frames

    def _list(self, folder: str) -> list[str]:
        self._fs.invalidate_cache(folder)  # another daemon may have written
        try:
            return [str(path) for path in self._fs.ls(folder, detail=False)]
        except FileNotFoundError:
            return []

    def _sweep(self, now: datetime) -> int:
        pictures = []
        for path, time, size in self._walk(now):
            if path.rsplit("/", 1)[1].startswith(TEMPORARY):
                if time < now - _TEMPORARY_AGE:
                    self._remove(path)
            elif path.startswith(f"{self._root}/pictures/"):
                pictures.append((time, size, path))
        return sum(self._remove(path) for path in self._expired(pictures, now))

    def _walk(self, now: datetime) -> Iterator[tuple[str, datetime, int]]:
        """Every file with its time and size. Locally without fsspec, whose listing takes ten times the memory."""
        if not self._local:
            self._fs.invalidate_cache()
            found: dict[str, dict[str, Any]] = self._fs.find(self._root, detail=True)
            yield from ((path, _written(info, now), int(info["size"])) for path, info in found.items())
            return
        for folder, _, names in os.walk(self._root):
            for name in names:
                path = f"{folder}/{name}"
                with suppress(FileNotFoundError):  # another daemon's sweep was quicker
                    status = os.stat(path)
                    yield path, datetime.fromtimestamp(status.st_mtime, UTC), status.st_size

    def _expired(self, pictures: list[tuple[datetime, int, str]], now: datetime) -> Iterator[str]:
        """Those that are too old, then the oldest until the rest fits."""
        oldest_kept = now - timedelta(days=self._settings.retention_days)
        total = sum(size for _, size, _ in pictures)
        for time, size, path in sorted(pictures):
            if time >= oldest_kept and total <= self._settings.retention_bytes:
                return
            total -= size
            yield path

    def _remove(self, path: str) -> bool:
        try:
            self._fs.rm_file(path)
        except FileNotFoundError:
            return False  # another daemon's sweep was quicker
        return True


def _file_system(uri: str) -> tuple[Any, str]:
    try:
        file_system, root = fsspec.core.url_to_fs(uri)
    except ImportError as error:
        raise Misconfigured(
            "evidence.uri", f"no driver for {uri} ({error})", "Install the package that it names"
        ) from error
    except ValueError as error:
        raise Misconfigured(
            "evidence.uri", str(error), "Use a directory, or a URI such as s3://BUCKET/PREFIX"
        ) from error
    return file_system, str(root).rstrip("/")


def _written(info: dict[str, Any], otherwise: datetime) -> datetime:
    """When a file was written; a driver that does not tell makes it ageless."""
    for field in _TIME_FIELDS:
        value = info.get(field)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=UTC)
    return otherwise


@contextmanager
def _failures_mapped(local: bool) -> Iterator[None]:
    try:
        yield
    except InspectdError:
        raise
    except OSError as error:
        raise Unavailable(f"the evidence store failed: {error}") from error
    except Exception as error:
        # A remote driver's own exceptions (botocore's, gcsfs's) share no class with each other; on local files this is our mistake.
        if local:
            raise
        raise Unavailable(f"the evidence store failed: {type(error).__name__}: {error}") from error
