"""Reading pictures and masks from files: whatever the camera wrote becomes RGB, 8 bits a channel."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.data.samples import DataError

#: A mask whose brightest value is at most this holds the numbers of classes, as VisA's do, not grey levels.
_MOST_CLASSES = 32


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """uint8 [H, W, 3], RGB. Grey is repeated, 16 bits are scaled by their full range, alpha is dropped.

    Raises DataError when the file is not a picture.
    """
    picture = _eight_bits(_decode(path))
    if picture.ndim == 3 and picture.shape[2] >= 3:
        return np.ascontiguousarray(picture[:, :, 2::-1])  # BGR or BGRA
    grey = picture if picture.ndim == 2 else picture[:, :, 0]
    return np.repeat(grey[:, :, None], 3, axis=2)


def read_mask(path: Path, width: int, height: int) -> NDArray[np.bool_]:
    """A bool [height, width]: pixels above half of the file's brightest; above 0 where the file holds class numbers.

    Raises DataError on another size.
    """
    values: NDArray[Any] = _decode(path)
    if values.ndim == 3:
        values = values[:, :, :3].max(axis=2)
    if values.shape != (height, width):
        raise DataError(
            path,
            f"a mask of {values.shape[1]}x{values.shape[0]} for a picture of {width}x{height}; a mask has the size of its picture",
        )
    numbered = np.issubdtype(values.dtype, np.integer) and values.max() <= _MOST_CLASSES
    return np.asarray(np.greater(values, 0 if numbered else values.max() / 2))


def _decode(path: Path) -> NDArray[np.generic]:
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})") from error
    picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if picture is None:
        raise DataError(path, "is not a picture that can be read; take it out, or save it anew as PNG or JPEG")
    return picture


def _eight_bits(picture: NDArray[np.generic]) -> NDArray[np.uint8]:
    if picture.dtype == np.uint8:
        return picture.astype(np.uint8, copy=False)
    if picture.dtype == np.uint16:
        return (picture.astype(np.float32) / 257.0).round().astype(np.uint8)
    values = picture.astype(np.float32)  # float pictures: 0..1 by convention
    return np.clip(values * 255.0, 0, 255).round().astype(np.uint8)
