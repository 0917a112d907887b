"""Pictures by reference: fetched from allow-listed places only, and checked before anybody decodes them.

A URI in a record is a stranger's wish to make the daemon open something. It is compared with the allow-list as plain
text, after every spelling that could mean two places has been refused.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import fsspec

from inspectd.errors import Misconfigured, Rejected, Unavailable
from inspectd.records import Frame

_PLAIN_URI = re.compile(r"[a-z][a-z0-9+.-]*://[A-Za-z0-9._~!$&'()+,;=:/ -]*\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_LOCAL = ("file", "local")
MAX_URI_LENGTH = 2048


@dataclass(frozen=True, slots=True)
class _Prefix:
    scheme: str
    host: str
    steps: tuple[str, ...]

    def holds(self, other: "_Prefix") -> bool:
        """Whole path steps, so that `/frames` does not allow `/frames-of-others`."""
        same_place = (self.scheme, self.host) == (other.scheme, other.host)
        return same_place and other.steps[: len(self.steps)] == self.steps and len(other.steps) > len(self.steps)


class AllowedBlobs:
    """`frames.codec.Blobs` over fsspec. Thread-safe; an empty allow-list refuses everything."""

    def __init__(self, *, allow_list: Sequence[str], max_bytes: int) -> None:
        self._allowed = [_allowed_prefix(entry) for entry in allow_list]
        self._max_bytes = max_bytes

    def fetch(self, uri: str, size_bytes: int, sha256: str) -> bytes:
        """Raises Unavailable, and Rejected with the reason: blob_not_allowed, too_large, bad_digest, unknown_blob,
        size_mismatch or digest_mismatch.
        """
        place = self._allowed_place(uri)
        if size_bytes > self._max_bytes:
            raise Rejected("too_large", f"the blob has {size_bytes} bytes, above {self._max_bytes}", field="blob")
        if size_bytes <= 0:
            raise Rejected("size_mismatch", "blob.size_bytes must be above 0", field="blob")
        if not _DIGEST.match(sha256):
            raise Rejected("bad_digest", "blob.sha256 is not 64 lower-case hexadecimal digits", field="blob")
        data = self._read(uri, place, size_bytes)
        if Frame.digest(data) != sha256:
            raise Rejected("digest_mismatch", "the blob's SHA-256 is not the record's", field="blob")
        return data

    def _allowed_place(self, uri: str) -> _Prefix:
        place = _parse(uri)
        if place is None or not any(prefix.holds(place) for prefix in self._allowed):
            raise Rejected("blob_not_allowed", "the blob's URI is not under frames.blob_allow_list", field="blob")
        if place.scheme in _LOCAL and not self._really_inside(place):
            raise Rejected("blob_not_allowed", "the blob's URI leads out of frames.blob_allow_list", field="blob")
        return place

    def _really_inside(self, place: _Prefix) -> bool:
        """A symbolic link inside an allowed folder must not lead out of it."""
        target = os.path.realpath("/" + "/".join(place.steps))
        roots = [os.path.realpath("/" + "/".join(prefix.steps)) for prefix in self._allowed if prefix.scheme in _LOCAL]
        return any(os.path.commonpath([root, target]) == root for root in roots)

    def _read(self, uri: str, place: _Prefix, size_bytes: int) -> bytes:
        try:
            filesystem, path = fsspec.url_to_fs(uri)
            found = filesystem.info(path)
            # A pipe or a device file would block or never end.
            if found["type"] != "file":
                raise Rejected("unknown_blob", "the blob's URI names no file", field="blob")
            size = found.get("size")
            if size is not None and size != size_bytes:
                raise Rejected("size_mismatch", f"the blob has {size} bytes, not {size_bytes}", field="blob")
            with filesystem.open(path, "rb") as file:
                data: bytes = file.read(size_bytes + 1)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
            raise Rejected("unknown_blob", f"the blob cannot be read: {type(error).__name__}", field="blob") from error
        except Rejected:
            raise
        # Every fsspec file system has exceptions of its own; whatever they are, the store did not answer properly.
        except Exception as error:
            raise Unavailable(f"blob store {place.scheme}://{place.host}: {type(error).__name__}: {error}") from error
        if len(data) != size_bytes:
            raise Rejected("size_mismatch", f"the blob has not the {size_bytes} bytes of the record", field="blob")
        return data


def _parse(uri: str) -> _Prefix | None:
    """Scheme, host and path steps; None for every spelling that a file system might read as another place."""
    if len(uri) > MAX_URI_LENGTH or not _PLAIN_URI.match(uri) or "::" in uri:
        return None
    parts = urlsplit(uri)
    steps = tuple(step for step in parts.path.split("/") if step)
    if any(set(step) == {"."} for step in steps) or (parts.scheme in _LOCAL and parts.netloc):
        return None
    return _Prefix(parts.scheme, parts.netloc, steps)


def _allowed_prefix(entry: str) -> _Prefix:
    setting, example = "frames.blob_allow_list", "Write it like file:///var/frames or s3://bucket/frames"
    prefix = _parse(entry)
    if prefix is None or not (prefix.host or prefix.steps):
        raise Misconfigured(setting, f"{entry!r} is not a plain fsspec URI prefix", example)
    try:
        fsspec.get_filesystem_class(prefix.scheme)
    except (ValueError, ImportError) as error:
        raise Misconfigured(setting, f"{entry!r}: {error}", example) from error
    return prefix
