"""Region masks on the wire: COCO run-length encoding, the same strings as pycocotools, in numpy only.

Runs are column-major (down the first column, then the second), start with a run of zeros, and are packed as in
`rleToString` of cocoapi's maskApi.c: from the fourth run on, the difference to the run two before, in groups of
5 bits from the lowest, with a continuation bit and offset 48. It knows nothing of what a mask shows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


class MaskError(ValueError):
    """A counts string that is damaged or does not fill its frame."""


@dataclass(frozen=True, slots=True)
class Rle:
    """A mask of width x height pixels; `counts` is the compressed COCO string (ASCII)."""

    width: int
    height: int
    counts: str


def encode(mask: NDArray[np.bool_]) -> Rle:
    """Encode a bool (or 0/1) mask [H, W]."""
    height, width = mask.shape
    return encode_window(mask, 0, 0, width, height)


def encode_window(mask_window: NDArray[np.bool_], x0: int, y0: int, width: int, height: int) -> Rle:
    """Encode a mask that is true only inside a window placed at (x0, y0) of a width x height frame.

    The cost is that of the window, not of the frame. Raises ValueError when the window does not lie in the frame.
    """
    rows, columns = mask_window.shape
    if x0 < 0 or y0 < 0 or x0 + columns > width or y0 + rows > height:
        raise ValueError(f"a window of {columns}x{rows} at ({x0}, {y0}) is not inside {width}x{height}")
    return Rle(width, height, _pack(_runs(mask_window.astype(bool, copy=False), x0, y0, width * height, height)))


def _runs(window: NDArray[np.bool_], x0: int, y0: int, total: int, frame_height: int) -> NDArray[np.int64]:
    """int64 [N]: lengths of the alternating runs over the whole frame, zeros first."""
    rows, columns = window.shape
    # a zero row above and below each column makes every run end inside its own column
    padded = np.zeros((columns, rows + 2), dtype=np.int8)
    padded[:, 1:-1] = window.T
    change = np.diff(padded, axis=1)  # [columns, rows + 1]: +1 where a run starts, -1 just after its end
    column, start = np.nonzero(change == 1)
    stop = np.nonzero(change == -1)[1]
    base = (column + x0) * frame_height + y0
    begins, ends = base + start, base + stop
    joined = np.flatnonzero(begins[1:] == ends[:-1])  # a run that goes on at the top of the next column
    begins, ends = np.delete(begins, joined + 1), np.delete(ends, joined)
    bounds = np.empty(2 * begins.size + 2, dtype=np.int64)
    bounds[0], bounds[-1] = 0, total
    bounds[1:-1:2], bounds[2:-1:2] = begins, ends
    lengths = np.diff(bounds)
    # cocoapi writes no last run of zeros when the mask ends with ones
    return lengths[:-1] if lengths.size > 1 and lengths[-1] == 0 else lengths


def _pack(lengths: NDArray[np.int64]) -> str:
    values = lengths.copy()
    values[3:] -= lengths[1:-2]
    out = bytearray()
    for value in values.tolist():
        while True:
            group = value & 0x1F
            value >>= 5
            more = value != -1 if group & 0x10 else value != 0
            out.append((group | 0x20 if more else group) + 48)
            if not more:
                break
    return out.decode("ascii")


def _unpack(rle: Rle) -> NDArray[np.int64]:
    """int64 [N] run lengths; raises MaskError when the string is damaged or the runs do not fill the frame."""
    lengths: list[int] = []
    value, shift, open_group = 0, 0, False
    for character in rle.counts:
        group = ord(character) - 48
        if not 0 <= group < 64 or shift > 60:
            raise MaskError("the counts string of a mask holds a character or a number that COCO RLE does not have")
        value |= (group & 0x1F) << shift
        shift += 5
        open_group = bool(group & 0x20)
        if not open_group:
            if group & 0x10:
                value -= 1 << shift
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value, shift = 0, 0
    runs = np.array(lengths, dtype=np.int64)
    if open_group or (runs < 0).any() or int(runs.sum()) != rle.width * rle.height:
        raise MaskError(f"the runs of a mask do not fill its {rle.width}x{rle.height} frame")
    return runs


def decode(rle: Rle) -> NDArray[np.bool_]:
    """The mask as bool [height, width]; raises MaskError when the counts do not fit the frame."""
    runs = _unpack(rle)
    values = np.zeros(runs.size, dtype=bool)
    values[1::2] = True
    return np.ascontiguousarray(np.repeat(values, runs).reshape(rle.width, rle.height).T)


def area(rle: Rle) -> int:
    """Pixels of the mask; the mask is not decoded. Raises MaskError as `decode` does."""
    return int(_unpack(rle)[1::2].sum())


def bounding_box(rle: Rle) -> tuple[int, int, int, int]:
    """x, y, width, height in pixels, (0, 0, 0, 0) for an empty mask; the mask is not decoded."""
    runs = _unpack(rle)
    ends = np.cumsum(runs)
    begins, stops = (ends - runs)[1::2], ends[1::2]
    full = stops > begins
    begins, stops = begins[full], stops[full]
    if begins.size == 0:
        return 0, 0, 0, 0
    first_column, last_column = begins // rle.height, (stops - 1) // rle.height
    x = int(first_column.min())
    wraps = bool((last_column > first_column).any())  # a run over a column's end touches the bottom and the top row
    y = 0 if wraps else int((begins % rle.height).min())
    bottom = rle.height if wraps else int(((stops - 1) % rle.height).max()) + 1
    return x, y, int(last_column.max()) + 1 - x, bottom - y


def decode_window(rle: Rle) -> tuple[NDArray[np.bool_], int, int]:
    """The mask inside its bounding box, bool [h, w], and the box's x and y; a 0x0 window for an empty mask.

    For regions that are small beside their frame this costs the box, not the frame.
    """
    x, y, w, h = bounding_box(rle)
    runs = _unpack(rle)
    ends = np.cumsum(runs)
    toggles = np.zeros(w * rle.height + 1, dtype=np.int8)
    offset = x * rle.height
    np.add.at(toggles, (ends - runs)[1::2][runs[1::2] > 0] - offset, 1)
    np.add.at(toggles, ends[1::2][runs[1::2] > 0] - offset, -1)
    columns = np.cumsum(toggles[:-1], dtype=np.int8).astype(bool).reshape(w, rle.height)
    return np.ascontiguousarray(columns[:, y : y + h].T), x, y
