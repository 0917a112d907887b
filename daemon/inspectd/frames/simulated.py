"""A production line that is drawn: three cameras of different products, some parts with defects. For demo and tests.

Every picture depends on its camera and number alone, so a run can be repeated exactly.
"""

import zlib
from dataclasses import dataclass

import cv2
import numpy as np

from iad_unify.procedural import draw_random

#: Camera id and the product in front of it.
CAMERAS: tuple[tuple[str, str], ...] = (
    ("line-1-tile", "metal_tile"),
    ("line-2-board", "circuit_board"),
    ("line-3-capsule", "capsule"),
)
#: Share of parts without a defect.
GOOD_SHARE = 0.7
#: Side of the drawn frames, pixels.
SIZE = 256
JPEG_QUALITY = 92


@dataclass(frozen=True, slots=True)
class SimulatedPart:
    """One drawn part: the encoded picture, and what was drawn on it."""

    data: bytes
    media_type: str
    part_id: str
    defect_types: tuple[str, ...]


def draw_part(camera_id: str, product: str, number: int, good_share: float = GOOD_SHARE) -> SimulatedPart:
    """The camera's part of this number, as a JPEG."""
    rng = np.random.default_rng([zlib.crc32(camera_id.encode()), number])
    drawing = draw_random(rng, SIZE, good_share=good_share, max_defects=2, product=product)
    bgr = cv2.cvtColor(drawing.image, cv2.COLOR_RGB2BGR)
    encoded, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not encoded:
        raise ValueError("a drawn part could not be encoded")
    types = tuple(defect.defect_type for defect in drawing.defects)
    return SimulatedPart(data.tobytes(), "image/jpeg", f"{camera_id}-{number:06d}", types)
