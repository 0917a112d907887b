"""Encoded picture bytes to the region expert's input. Every way a picture can be bad has a name here.

Sizes are read from the header before anything is decoded, so that a small file cannot claim a huge picture. A large
JPEG is decoded at half, quarter or eighth scale when that still covers the expert's square: the resize from full scale
costs more than the decode.
"""

import struct

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.catalog import EXPERT_SIZE
from iad_unify.geometry import Letterbox
from inspectd.errors import Rejected
from inspectd.records import Image

JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
#: How many bytes some cameras pad a JPEG with, at most, after its end marker.
LARGEST_PADDING_BYTES = 4096

_REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}


def media_type_of(data: bytes) -> str:
    """`image/jpeg` or `image/png`, by the first bytes. Raises Rejected(empty | unsupported_format)."""
    if not data:
        raise Rejected("empty", "the picture has no bytes", field="image")
    if data.startswith(JPEG_START):
        return "image/jpeg"
    if data.startswith(PNG_START):
        return "image/png"
    raise Rejected("unsupported_format", "only JPEG and PNG pictures are taken", field="image")


def picture_size(data: bytes, media_type: str) -> tuple[int, int]:
    """Width and height from the header. Raises Rejected(truncated | corrupt)."""
    width, height = _png_size(data) if media_type == "image/png" else _jpeg_size(data)
    if width <= 0 or height <= 0:
        raise Rejected("corrupt", "the header says a width or height of 0", field="image")
    return width, height


def decode_full(data: bytes, max_pixels: int) -> NDArray[np.uint8]:
    """uint8 [H, W, 3] RGB at the picture's own size. Raises Rejected."""
    media_type, _, _ = _check(data, max_pixels)
    return _decode(data, media_type, 1)


def decode_image(data: bytes, max_pixels: int, side: int = EXPERT_SIZE) -> Image:
    """The expert's input: RGB, letterboxed to a square of `side` pixels. Raises Rejected."""
    media_type, width, height = _check(data, max_pixels)
    letterbox = Letterbox.fit(width, height, side)
    pixels = _decode(data, media_type, _reduction(media_type, width, height, side))
    square = letterbox.place(pixels)
    return Image(pixels=square, letterbox=letterbox.as_array(), width=width, height=height)


def decode_small(data: bytes, max_pixels: int, longest_px: int) -> NDArray[np.uint8]:
    """uint8 [h, w, 3] RGB, the longer side at most `longest_px`. Raises Rejected."""
    media_type, width, height = _check(data, max_pixels)
    pixels = _decode(data, media_type, _reduction(media_type, width, height, longest_px))
    scale = longest_px / max(width, height)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _check(data: bytes, max_pixels: int) -> tuple[str, int, int]:
    media_type = media_type_of(data)
    width, height = picture_size(data, media_type)
    if width * height > max_pixels:
        raise Rejected("too_many_pixels", f"{width}x{height} is above {max_pixels} pixels", field="image")
    end = JPEG_END if media_type == "image/jpeg" else PNG_END
    # OpenCV fills the missing part of a cut-off picture with grey and says nothing: look for the end ourselves.
    if end not in data[-LARGEST_PADDING_BYTES:]:
        raise Rejected("truncated", "the picture's end is missing", field="image")
    return media_type, width, height


def _reduction(media_type: str, width: int, height: int, side: int) -> int:
    if media_type != "image/jpeg":
        return 1
    return max((factor for factor in _REDUCED if max(width, height) // factor >= side), default=1)


def _decode(data: bytes, media_type: str, reduction: int) -> NDArray[np.uint8]:
    # The sensor's own orientation: an EXIF rotation would move masks away from the pixels that were published.
    flags = (_REDUCED[reduction] if reduction > 1 else cv2.IMREAD_COLOR) | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise Rejected("corrupt", f"the {media_type} picture cannot be decoded", field="image") from error
    if decoded is None:
        raise Rejected("corrupt", f"the {media_type} picture cannot be decoded", field="image")
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _png_size(data: bytes) -> tuple[int, int]:
    if len(data) < 24:
        raise Rejected("truncated", "the PNG header is cut off", field="image")
    if data[12:16] != b"IHDR":
        raise Rejected("corrupt", "the PNG does not begin with its header", field="image")
    width, height = struct.unpack(">II", data[16:24])
    return int(width), int(height)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Walks the marker segments to the frame header (SOF0..SOF15, without DHT, JPG and DAC)."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise Rejected("corrupt", "a JPEG segment does not begin with a marker", field="image")
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a segment
            at += 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if at + 9 > len(data):
                break
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return int(width), int(height)
        if marker in (0xD9, 0xDA):
            raise Rejected("corrupt", "the JPEG has no frame header", field="image")
        at += 2 + int(struct.unpack(">H", data[at + 2 : at + 4])[0])
    raise Rejected("truncated", "the JPEG header is cut off", field="image")
