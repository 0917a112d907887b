"""The names of cameras and frames: what they may look like, and how a frame's id is put together.

They become Kafka keys, URL paths, file names and SQL keys, so they are short, plain and never a path step.
"""

import re
import secrets
from datetime import UTC, datetime

from inspectd.errors import Rejected

#: One part of an id. A name of dots alone would be a path step.
_NAME = re.compile(r"(?!\.+\Z)[A-Za-z0-9._-]{1,128}\Z")
#: Hexadecimal digits of the picture's hash in the id of a bare picture.
_HASH_DIGITS = 16


def is_name(text: str) -> bool:
    """Whether `text` may be a camera id, a boot id or a sequence number."""
    return _NAME.match(text) is not None


def check_camera_id(camera_id: str) -> str:
    """Returns it. Raises Rejected(bad_camera_id)."""
    if not is_name(camera_id):
        raise Rejected(
            "bad_camera_id", f"{_shown(camera_id)} is not 1 to 128 letters, digits, '.', '_' or '-'", field="camera_id"
        )
    return camera_id


def split_frame_number(number: str) -> tuple[str, str]:
    """`{boot}/{seq}` in its two parts. Raises Rejected(bad_frame_id)."""
    boot, slash, sequence = number.partition("/")
    if not slash or not is_name(boot) or not is_name(sequence):
        raise Rejected(
            "bad_frame_id", f"ce_id {_shown(number)} is not boot/seq of letters, digits, '.', '_', '-'", field="ce_id"
        )
    return boot, sequence


def bare_frame_id(camera_id: str, topic: str, partition: int, offset: int, sha256: str) -> str:
    """The id of a picture that was published without an envelope: the record's place and what it holds."""
    return f"{camera_id}/{topic}-{partition}-{offset}-{sha256[:_HASH_DIGITS]}"


def new_boot_id(now: datetime | None = None) -> str:
    """Names one start of a camera; sorts by time, and two starts in one second differ."""
    return f"{(now or datetime.now(UTC)).strftime('%Y%m%dT%H%M%S')}-{secrets.token_hex(3)}"


def sequence_id(number: int) -> str:
    """A sequence number with leading zeros, so that ids sort as they were taken."""
    return f"{number:010d}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 64 else text[:64] + "…")
