"""Small data sets on disk."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Path]:
    """`draw("a/b.png", value=100)` writes a picture of one grey below tmp_path and gives its path."""

    def written(name: str, value: int = 100) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((20, 30, 3), value, np.uint8))
        return path

    return written
