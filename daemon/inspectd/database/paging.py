"""Page tokens: opaque to the client, checked when they come back. A token belongs to one listing with one set of filters."""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from inspectd.errors import Rejected

#: AIP-158: larger pages are cut down to this.
MAX_PAGE_SIZE = 1000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def page_limit(page_size: int) -> int:
    """The page size in force. Raises Rejected(field="page_size") below 1."""
    if page_size < 1:
        raise Rejected("bad_page_size", f"{page_size} is less than 1", field="page_size")
    return min(page_size, MAX_PAGE_SIZE)


def encode(listing: str, filters: Sequence[object], key: Sequence[int | str]) -> str:
    """The token of the page that begins after the row with this key."""
    text = json.dumps([_seal(listing, filters), *key], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(listing: str, filters: Sequence[object], token: str, types: Sequence[type]) -> list[Any]:
    """The key in a token. Raises Rejected(field="page_token") for another listing's, another filter's, or no token at all."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        parts = json.loads(raw)
    except (ValueError, RecursionError) as error:  # not base64, not UTF-8, not JSON
        raise _refused("it is not a page token") from error
    if not isinstance(parts, list) or len(parts) != len(types) + 1:
        raise _refused("it is not a page token of this listing")
    if parts[0] != _seal(listing, filters):
        raise _refused("it belongs to another listing or to other filters")
    key = parts[1:]
    # `type`, not isinstance: JSON's true must not pass for 1
    if any(type(part) is not kind for part, kind in zip(key, types, strict=True)):
        raise _refused("it is not a page token of this listing")
    if any(type(part) is int and abs(part) >= 2**63 for part in key):
        raise _refused("it is not a page token of this listing")
    return key


def microseconds(time: datetime) -> int:
    """A time as a part of a key."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def time(microseconds: int) -> datetime:
    """The time in a key. Raises Rejected(field="page_token") when there is no such time."""
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError as error:
        raise _refused("it is not a page token of this listing") from error


def _seal(listing: str, filters: Sequence[object]) -> str:
    digest = hashlib.sha256(repr((listing, *[str(item) for item in filters])).encode(errors="surrogatepass"))
    return binascii.hexlify(digest.digest()[:6]).decode()


def _refused(detail: str) -> Rejected:
    return Rejected("bad_page_token", detail, field="page_token")
