"""Reads records for the worker: the codec, off the event loop when a blob store may block."""

import asyncio

from inspectd.frames.codec import Blobs, identify, read_record
from inspectd.frames.envelope import has_envelope
from inspectd.frames.source import FrameRecord
from inspectd.records import Frame
from inspectd.settings import FrameSettings


class RecordReader:
    """Frames of records under the daemon's limits."""

    def __init__(self, *, limits: FrameSettings, blobs: Blobs) -> None:
        self._limits, self._blobs = limits, blobs

    async def read(self, record: FrameRecord) -> Frame:
        """Raises Rejected, or Unavailable for the blob store."""
        if not has_envelope(record.headers) or not self._limits.blob_allow_list:
            return read_record(record, self._limits, self._blobs)
        return await asyncio.to_thread(read_record, record, self._limits, self._blobs)

    def identify(self, record: FrameRecord) -> tuple[str, str]:
        """(frame id, camera id) of a record that cannot be read. Never raises."""
        return identify(record)
