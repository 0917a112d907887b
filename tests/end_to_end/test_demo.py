"""The demo, as a newcomer runs it: it ends by itself and its last line is one JSON object."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from iad_unify import resources
from iad_unify.procedural import draw_random


def demo(*arguments: str) -> dict[str, object]:
    command = [sys.executable, "-m", "inspectd", "demo", "--exit", "--json", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=400)
    summary: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
    return summary


@pytest.fixture(scope="module", autouse=True)
def shipped() -> None:
    for role in resources.ROLES:
        assert (resources.weights(role) / "model.safetensors").is_file(), f"{role} has no shipped weights"


def test_the_simulated_line_is_inspected_and_explained() -> None:
    summary = demo("--frames", "30")
    assert set(summary) == {"frames", "events", "explained", "verified", "outcomes", "p50_ms", "p99_ms"}
    outcomes = summary["outcomes"]
    assert isinstance(outcomes, dict)
    assert summary["frames"] == 30 == sum(outcomes.values())
    assert summary["events"] == outcomes["defect"] > 0
    assert summary["explained"] == summary["events"]


def test_a_folder_of_ones_own_pictures_is_inspected(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for number in range(5):
        drawing = draw_random(rng, 200)
        cv2.imwrite(str(tmp_path / f"{number}.png"), cv2.cvtColor(drawing.image, cv2.COLOR_RGB2BGR))
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    outcomes = demo("--images", str(tmp_path), "--rate", "20")["outcomes"]
    assert isinstance(outcomes, dict)
    assert sum(outcomes.values()) == 6
    assert outcomes["rejected"] == 1
