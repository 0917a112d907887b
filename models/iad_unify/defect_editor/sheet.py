"""A sheet of samples to look at: what the editor draws beside the clean crop, the mask and the real defect."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

#: Pixels of a tile, its label line, and the gap between tiles.
TILE, LABEL, GAP = 96, 16, 3


@dataclass(frozen=True, slots=True)
class Cell:
    """One tile: a uint8 picture [H, W, 3] RGB and what it shows."""

    picture: np.ndarray
    label: str


def write_sheet(path: Path, rows: Sequence[Sequence[Cell]]) -> None:
    """Writes a PNG with one line of tiles per row."""
    width = max(len(row) for row in rows) * (TILE + GAP) + GAP
    sheet = np.full((len(rows) * (TILE + LABEL + GAP) + GAP, width, 3), 255, np.uint8)
    for line, row in enumerate(rows):
        for column, cell in enumerate(row):
            x, y = GAP + column * (TILE + GAP), GAP + line * (TILE + LABEL + GAP)
            sheet[y + LABEL : y + LABEL + TILE, x : x + TILE] = _tile(cell.picture)
            cv2.putText(sheet, cell.label, (x, y + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


def masked(clean: np.ndarray, allowed: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """The clean crop with the allowed area tinted green and the shape hint red."""
    picture = clean.astype(np.float32)
    for mask, colour in ((allowed, (0, 200, 0)), (shape, (230, 0, 0))):
        picture[mask] = 0.45 * picture[mask] + 0.55 * np.array(colour, np.float32)
    return picture.astype(np.uint8)


def _tile(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (TILE, TILE), interpolation=cv2.INTER_NEAREST)
