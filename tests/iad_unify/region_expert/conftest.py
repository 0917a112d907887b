"""A small untrained expert and a small data set for the tests of the region expert."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from iad_unify.data import samples
from iad_unify.region_expert import model
from iad_unify.region_expert.config import HEADS, ExpertConfig


@pytest.fixture(scope="session")
def expert() -> model.RegionExpert:
    torch.manual_seed(0)
    return model.RegionExpert(ExpertConfig(widths=(8, 16, 16, 16), trained_heads=HEADS)).eval()


@pytest.fixture(scope="session")
def tile_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A little data set with a manifest: grey tiles of 60 x 120 pixels, dark cracks and holes, two pictures a group."""
    folder = tmp_path_factory.mktemp("tiles")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(32):
        kind = (None, "crack", None, "hole")[number // 2 % 4]
        picture = rng.normal(140, 6, (120, 60)).clip(0, 255).astype(np.uint8)
        mask = np.zeros((120, 60), dtype=np.uint8)
        if kind:
            y, x = int(rng.integers(20, 90)), int(rng.integers(10, 40))
            mask[y : y + (4 if kind == "crack" else 12), x : x + (18 if kind == "crack" else 12)] = 255
            picture[mask > 0] = 30
            cv2.imwrite(str(folder / f"{number}_mask.png"), mask)
        cv2.imwrite(str(folder / f"{number}.png"), picture)
        rows.append(
            {
                "image": f"{number}.png",
                "mask": f"{number}_mask.png" if kind else None,
                "defect_type": kind,
                "group": f"g{number // 2:02d}",
            }
        )
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def tiles(tile_folder: Path) -> list[samples.Sample]:
    return samples.read(tile_folder)
