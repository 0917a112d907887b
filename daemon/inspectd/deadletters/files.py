"""Dead letters in a directory, for a daemon without Kafka: a file each, one line of JSON and then the record's own bytes."""

import asyncio
import base64
import json
import os
import re
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from inspectd.deadletters.store import DeadLetter
from inspectd.errors import Misconfigured, Unavailable
from inspectd.evidence.atomic import write_atomically
from inspectd.frames.source import FrameRecord
from inspectd.settings import DeadLetterSettings

log = structlog.get_logger(__name__)

_SUFFIX = ".letter"
#: How a letter's name begins: the time of the refusal, so that names sort by age.
_TIME = "%Y%m%dT%H%M%S%f"
_NAME = re.compile(r"(\d{8}T\d{12})-[0-9a-f]{8}\.letter")


def _now() -> datetime:
    return datetime.now(UTC)


class FileDeadLetterStore:
    """The letters of one directory, which is made when the first one comes. Their position is the file's name."""

    def __init__(
        self, *, folder: Path, settings: DeadLetterSettings | None = None, clock: Callable[[], datetime] = _now
    ) -> None:
        self._folder, self._settings, self._clock = folder, settings or DeadLetterSettings(), clock

    async def open(self) -> None:
        """Raises Misconfigured when the directory cannot be made."""
        try:
            await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        except OSError as error:
            mend = "Give a directory that this user may write to"
            raise Misconfigured("state_dir", f"{self._folder} cannot be made ({error.strerror})", mend) from error

    async def put(self, record: FrameRecord, reason: str, detail: str) -> None:
        """See the port."""
        time = self._clock()
        name = f"{time.astimezone(UTC):{_TIME}}-{uuid.uuid4().hex[:8]}{_SUFFIX}"
        data = encode(DeadLetter(record, reason, detail, name, time))
        try:
            await asyncio.to_thread(write_atomically, str(self._folder / name), data)
        except OSError as error:
            raise Unavailable(f"the dead letter cannot be written: {error}") from error

    async def read(self) -> AsyncIterator[DeadLetter]:
        """See the port. A file that is no letter is logged and passed over."""
        for name in await asyncio.to_thread(self._names):
            letter = await asyncio.to_thread(self._letter, name)
            if letter is not None:
                yield letter

    async def sweep(self, now: datetime) -> int:
        """See the port. Other files stay."""
        try:
            return await asyncio.to_thread(self._sweep, now)
        except OSError as error:
            raise Unavailable(f"old dead letters cannot be removed: {error}") from error

    async def close(self) -> None:
        """Nothing is held open."""

    def _sweep(self, now: datetime) -> int:
        """Those that are too old, then the oldest until the rest fits."""
        oldest_kept = f"{(now - timedelta(days=self._settings.retention_days)).astimezone(UTC):{_TIME}}"
        sizes = {name: (self._folder / name).stat().st_size for name in self._names() if _NAME.fullmatch(name)}
        total, gone = sum(sizes.values()), 0
        for name in sorted(sizes):
            if name >= oldest_kept and total <= self._settings.retention_bytes:
                break
            (self._folder / name).unlink(missing_ok=True)
            total, gone = total - sizes[name], gone + 1
        return gone

    def _names(self) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self._folder) if name.endswith(_SUFFIX))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unavailable(f"the dead letters cannot be listed: {error}") from error

    def _letter(self, name: str) -> DeadLetter | None:
        try:
            return decode(name, (self._folder / name).read_bytes())
        except FileNotFoundError:
            return None  # removed meanwhile
        except OSError as error:
            raise Unavailable(f"the dead letter {name} cannot be read: {error}") from error
        except (ValueError, KeyError, TypeError) as error:
            log.warning("not a dead letter", file=name, error=str(error))
            return None


def encode(letter: DeadLetter) -> bytes:
    """The file's content. Keys and headers are arbitrary bytes, so they are in base64."""
    record = letter.record
    header = {
        "reason": letter.reason,
        "detail": letter.detail,
        "refuse_time": letter.refuse_time.isoformat(),
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp.isoformat(),
        "key": _text(record.key),
        "headers": [[name, _text(value)] for name, value in record.headers],
        "empty": record.value is None,
    }
    return json.dumps(header).encode() + b"\n" + (record.value or b"")


def decode(name: str, data: bytes) -> DeadLetter:
    """Raises ValueError, KeyError or TypeError for what is no letter."""
    line, _, value = data.partition(b"\n")
    header: dict[str, Any] = json.loads(line)
    record = FrameRecord(
        key=_bytes(header["key"]),
        value=None if header["empty"] else value,
        headers=tuple((key, _bytes(text) or b"") for key, text in header["headers"]),
        timestamp=datetime.fromisoformat(header["timestamp"]),
        topic=header["topic"],
        partition=header["partition"],
        offset=header["offset"],
    )
    return DeadLetter(record, header["reason"], header["detail"], name, datetime.fromisoformat(header["refuse_time"]))


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)
