"""From an anomaly map to region proposals in the pixels of the original frame.

It knows the map, the letterbox and two numbers of the caller; it takes no decision and names no type.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.catalog import MAX_REGIONS
from iad_unify.geometry import Letterbox, geometry_of_box
from iad_unify.region_expert.config import MERGE_GAP_PX


@dataclass(frozen=True, slots=True)
class Proposal:
    """One anomalous region. Its score is the maximum of the smoothed probability map inside it."""

    score: float
    square: NDArray[np.bool_]  # [S, S], in the square that the model saw
    mask: NDArray[np.bool_]  # [h, w] window of the original frame, tight around the region
    x: int  # of the window, original pixels
    y: int
    area: int  # original pixels

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x, y, width, height in original pixels."""
        return float(self.x), float(self.y), float(self.mask.shape[1]), float(self.mask.shape[0])

    def geometry(self, letterbox: Letterbox) -> NDArray[np.float32]:
        """float32 [5]: cx, cy, w, h, area, normalised to the original frame."""
        x, y, w, h = self.box
        return geometry_of_box(x, y, w, h, self.area, letterbox.width, letterbox.height)


def smooth(probability: NDArray[np.float32], letterbox: Letterbox, sigma_px: float) -> NDArray[np.float32]:
    """The map [S, S] blurred inside the frame's content and exactly 0 on the padding.

    The padding is cut off before the blur, so nothing that the model saw there can raise a score.
    """
    x, y, w, h = letterbox.inner
    out = np.zeros_like(probability)
    inner = np.ascontiguousarray(probability[y : y + h, x : x + w])
    if sigma_px > 0:
        blurred = cv2.GaussianBlur(inner, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
        inner = blurred.astype(np.float32, copy=False)
    out[y : y + h, x : x + w] = inner
    return out


def propose(
    smoothed: NDArray[np.float32],
    letterbox: Letterbox,
    threshold: float,
    min_area_px: float,
    merge_gap_px: int = MERGE_GAP_PX,
    limit: int = MAX_REGIONS,
    grow_share: float = 1.0,
) -> list[Proposal]:
    """At most `limit` regions of the smoothed map [S, S], by descending score, then by row and column.

    A region is an 8-connected set of content pixels whose value is at least `grow_share` times `threshold` and
    somewhere at least `threshold` (hysteresis, so that a faint border belongs to its defect and faint noise to nothing);
    sets nearer than `merge_gap_px` count as one. Regions of fewer than `min_area_px` original pixels are left out; with
    `min_area_px` of 0, "some region scores at least t" equals "the map's maximum is at least t" for every t >=
    `threshold`.
    """
    x, y, w, h = letterbox.inner
    hot = np.zeros(smoothed.shape, dtype=np.uint8)
    hot[y : y + h, x : x + w] = smoothed[y : y + h, x : x + w] >= threshold * grow_share
    if not hot.any():
        return []
    labels, boxes = components(hot, merge_gap_px)
    count = len(boxes)
    scores = np.zeros(count, dtype=np.float32)
    np.maximum.at(scores, labels[hot > 0].astype(np.int64), smoothed[hot > 0])
    reached = (label for label in range(1, count) if scores[label] >= threshold)
    order = sorted(reached, key=lambda label: (-scores[label], boxes[label][1], boxes[label][0]))
    found: list[Proposal] = []
    for label in order:
        proposal = _in_original(labels == label, float(scores[label]), letterbox)
        if proposal.area >= min_area_px:
            found.append(proposal)
        if len(found) == limit:
            break
    return found


def components(hot: NDArray[np.uint8], merge_gap_px: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The set pixels [S, S] numbered by region from 1, and the boxes [1 + R, 5] of the regions grown by the gap."""
    grown = cv2.dilate(hot, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (merge_gap_px, merge_gap_px)))
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(grown, connectivity=8)
    labels[hot == 0] = 0
    return labels.astype(np.int32, copy=False), boxes.astype(np.int32, copy=False)


def _in_original(square: NDArray[np.bool_], score: float, letterbox: Letterbox) -> Proposal:
    """Carry a region of the square over to original pixels; a region that shrinks to nothing keeps one pixel."""
    rows, columns = np.flatnonzero(square.any(axis=1)), np.flatnonzero(square.any(axis=0))
    corners = letterbox.box_to_original(columns[0] - 1, rows[0] - 1, columns[-1] + 2, rows[-1] + 2)
    x0, y0 = int(np.floor(corners[0])), int(np.floor(corners[1]))
    x1, y1 = int(np.ceil(corners[2])), int(np.ceil(corners[3]))
    x0, y0 = min(x0, letterbox.width - 1), min(y0, letterbox.height - 1)
    window = resample(square.astype(np.float32), letterbox, (x0, y0, max(x1, x0 + 1), max(y1, y0 + 1))) >= 0.5
    if not window.any():
        cx, cy = columns.mean() + 0.5, rows.mean() + 0.5
        px, py, *_ = letterbox.box_to_original(cx, cy, cx, cy)
        window[min(int(py) - y0, window.shape[0] - 1), min(int(px) - x0, window.shape[1] - 1)] = True
    rows, columns = np.flatnonzero(window.any(axis=1)), np.flatnonzero(window.any(axis=0))
    tight = np.ascontiguousarray(window[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    x, y = x0 + int(columns[0]), y0 + int(rows[0])
    return Proposal(score, square, tight, x, y, int(np.count_nonzero(tight)))


def resample(
    square: NDArray[np.float32], letterbox: Letterbox, window: tuple[int, int, int, int]
) -> NDArray[np.float32]:
    """Values of a map [S, S] at the pixel centres of a window (x0, y0, x1, y1) of the original frame, bilinear."""
    x0, y0, x1, y1 = window
    scale = letterbox.scale
    # centre of original pixel X lies at (X + 0.5) * scale + pad in edge coordinates of the square
    shift_x = (x0 + 0.5) * scale + letterbox.pad_x - 0.5
    shift_y = (y0 + 0.5) * scale + letterbox.pad_y - 0.5
    to_square = np.array([[scale, 0, shift_x], [0, scale, shift_y]], dtype=np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    values = cv2.warpAffine(square, to_square, (x1 - x0, y1 - y0), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return values.astype(np.float32, copy=False)
