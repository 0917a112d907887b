"""Writes a dataset in MVTec-AD's folder layout, with a manifest that names each edit's origin.

ROOT/CAMERA/train/good/0000.png             the clean frames, as they were kept
ROOT/CAMERA/test/TYPE/0000.png              an edit
ROOT/CAMERA/ground_truth/TYPE/0000_mask.png
ROOT/CAMERA/manifest.jsonl                  one line per picture: image, mask, defect_type, group, part, product, origin
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


class DatasetWriter:
    """Each picture is on disk before the manifest names it; a run that is repeated writes the same names again."""

    def __init__(self, *, root: Path, camera_id: str) -> None:
        self.folder = root / camera_id
        self._lines: dict[str, str] = {}

    def add_good(self, index: int, clean: NDArray[np.uint8], origin: Mapping[str, Any]) -> None:
        """A clean frame [H, W, 3] RGB."""
        name = f"train/good/{index:04d}.png"
        _write_png(self.folder / name, cv2.cvtColor(clean, cv2.COLOR_RGB2BGR).astype(np.uint8, copy=False))
        self._add(name, None, None, origin)

    def add_edit(
        self,
        index: int,
        edited: NDArray[np.uint8],
        mask: NDArray[np.bool_],
        defect_type: str,
        origin: Mapping[str, Any],
    ) -> None:
        """An edit [H, W, 3] RGB with its mask [H, W]."""
        name, mask_name = f"test/{defect_type}/{index:04d}.png", f"ground_truth/{defect_type}/{index:04d}_mask.png"
        _write_png(self.folder / name, cv2.cvtColor(edited, cv2.COLOR_RGB2BGR).astype(np.uint8, copy=False))
        _write_png(self.folder / mask_name, mask.astype(np.uint8) * 255)
        self._add(name, mask_name, defect_type, origin)

    def _add(self, image: str, mask: str | None, defect_type: str | None, origin: Mapping[str, Any]) -> None:
        # An edit belongs to the group of the clean frame that it was painted on, so that no split tears them apart.
        # All of it is for training, whatever the layout's folders are called: nothing is measured on edits.
        line = {
            "image": image,
            "mask": mask,
            "defect_type": defect_type,
            "group": origin["clean_sha256"][:16],
            "part": "train",
            "product": self.folder.name,
        }
        self._lines[image] = json.dumps({**line, "origin": dict(origin)}, sort_keys=True)
        _write_whole(self.folder / "manifest.jsonl", "".join(text + "\n" for text in self._lines.values()).encode())


def _write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    encoded, data = cv2.imencode(".png", pixels)
    if not encoded:
        raise ValueError(f"{path.name} cannot be encoded")
    _write_whole(path, data.tobytes())


def _write_whole(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(path.suffix + ".part")
    part.write_bytes(data)
    os.replace(part, path)
