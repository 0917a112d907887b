"""Windows of circuit boards with exactly one defect in each, so that "the defect" is one and the ladder can ask about it.

    python tests/benchmarks/segmentation_folds.py deeppcb --data DIR --out RUN --steps 1500 --seeds 1
    python tests/benchmarks/board_windows.py --data DIR --folds RUN --out WINDOWS
    iad-unify ablate --data WINDOWS --groups WINDOWS/fold0.json --expert WINDOWS/experts/fold0 \\
        --fold-expert WINDOWS/experts/fold1 --fold-expert WINDOWS/experts/fold2 … --seeds 1 --out ABLATION

A picture of DeepPCB shows three to twelve defects; four of a thousand show one. A window of 256 pixels is cut so that one
box lies whole in it, anywhere, and no other box is touched; its template is cut at the same place, and its mask is what
differs from it. Up to --each windows of a picture are kept, in its group. The folds' experts are copied with the window as
their input: their layers are convolutions that learned from crops of that very scale, and nothing of them is trained anew.
"""

import argparse
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from iad_unify.checkpoint import CONFIG
from iad_unify.data import samples as data_sets
from iad_unify.data.samples import Box, Sample

SIDE = 256
TRIES = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="DeepPCB as a manifest folder")
    parser.add_argument("--folds", type=Path, required=True, help="RUN of segmentation_folds.py deeppcb")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--each", type=int, default=2, help="windows of a picture")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    for name in ("images", "experts"):
        (options.out / name).mkdir(parents=True, exist_ok=True)
    rows = [
        row
        for number, sample in enumerate(track(data_sets.read(options.data), description="cutting"))
        for row in windows(sample, number, options.out, options.each, rng)
    ]
    (options.out / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for split in sorted(options.folds.glob("fold*.json")):
        shutil.copy(split, options.out)
        expert = options.out / "experts" / split.stem
        shutil.copytree(options.folds / f"{split.stem}-seed0", expert, ignore=shutil.ignore_patterns("state", "plots"))
        config = json.loads((expert / CONFIG).read_text())
        (expert / CONFIG).write_text(json.dumps(config | {"size": SIDE}, indent=2) + "\n")
    print(f"{len(rows)} windows in {options.out}")


def windows(sample: Sample, number: int, out: Path, each: int, rng: np.random.Generator) -> list[dict[str, object]]:
    """Up to `each` windows of a picture, written, as rows of the manifest."""
    if sample.template is None:
        return []
    picture, template = cv2.imread(str(sample.image)), cv2.imread(str(sample.template))
    rows: list[dict[str, object]] = []
    for index in rng.permutation(len(sample.boxes)):
        if len(rows) == each:
            break
        place = corner(sample.boxes, int(index), picture.shape[:2], rng)
        if place is None:
            continue
        x, y = place
        names = [f"images/{number:04d}_{index}_{kind}.png" for kind in ("test", "template")]
        for name, whole in zip(names, (picture, template), strict=True):
            cv2.imwrite(str(out / name), whole[y : y + SIDE, x : x + SIDE])
        box = sample.boxes[index]
        inside = [box.x0 - x, box.y0 - y, box.x1 - x, box.y1 - y]
        rows.append(
            {
                "image": names[0],
                "template": names[1],
                "boxes": [{"box": inside, "defect_type": box.defect_type}],
                "group": sample.group,
            }
        )
    return rows


def corner(
    boxes: tuple[Box, ...], index: int, shape: tuple[int, ...], rng: np.random.Generator
) -> tuple[int, int] | None:
    """The upper left corner of a window that holds this box and touches no other; None when none was found."""
    own, others = boxes[index], [box for place, box in enumerate(boxes) if place != index]
    height, width = shape
    lowest = max(0, int(np.ceil(own.x1)) - SIDE), max(0, int(np.ceil(own.y1)) - SIDE)
    highest = min(int(own.x0), width - SIDE), min(int(own.y0), height - SIDE)
    if lowest[0] > highest[0] or lowest[1] > highest[1]:
        return None
    for _ in range(TRIES):
        x, y = (int(rng.integers(low, high + 1)) for low, high in zip(lowest, highest, strict=True))
        if not any(box.x0 < x + SIDE and box.x1 > x and box.y0 < y + SIDE and box.y1 > y for box in others):
            return x, y
    return None


if __name__ == "__main__":
    main()
