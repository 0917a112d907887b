"""What a warm-up without labels is worth: a memory of good parts on a random, a pretrained and no backbone.

    python tests/benchmarks/pretraining.py --data DIR --out RUN --config compact --steps 2500 --folds 0,1
    python tests/benchmarks/pretraining.py --data DIR --out RUN --list

Five folds over the groups of a data set. On the pictures of a fold's train groups, without their labels, a backbone is
pretrained; a memory of the good ones among them then scores the test groups. Rows: the backbone as it was drawn at
random, the same one pretrained, and the detail branch of a checkpoint (the shipped one by default). Only the features
differ. A picture's score is the maximum of its map; pixels are those of the original pictures, pooled. A fold that is
done is not repeated, an interrupted pretraining goes on. Weights stay under RUN.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from iad_unify import resources
from iad_unify.data import pictures, splits, truth
from iad_unify.data import samples as data_sets
from iad_unify.data.samples import Sample
from iad_unify.geometry import Letterbox
from iad_unify.region_expert import memory, model
from iad_unify.region_expert.config import ExpertConfig
from iad_unify.region_expert.evaluation import metrics
from iad_unify.region_expert.pretraining import shapes
from iad_unify.region_expert.proposals import resample

IAD_UNIFY = [sys.executable, "-c", "from iad_unify.cli import main; main()"]
FIGURES = ("image_auroc", "pixel_auroc", "pixel_ap")
SIZE = 256  # side of the expert's square, pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", default="compact", help="shape of the backbone")
    parser.add_argument("--steps", type=int, default=2500, help="of pretraining in each fold")
    parser.add_argument("--view", type=int, default=64, help="side of a view of pretraining, pixels")
    parser.add_argument("--folds", help="only these, such as 0,3")
    parser.add_argument(
        "--checkpoint", type=Path, default=resources.weights("region_expert"), help="with a detail branch"
    )
    parser.add_argument("--list", action="store_true", help="the table of what is finished; train nothing")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    parts = splits.k_fold(data_sets.read(options.data), 5, seed=0)
    chosen = [int(fold) for fold in options.folds.split(",")] if options.folds else range(len(parts))
    for fold in () if options.list else chosen:
        carry_out(options, fold, parts[fold])
    show(options.out)


def carry_out(options: argparse.Namespace, fold: int, split: splits.Split) -> None:
    folder = options.out / f"fold{fold}"
    folder.mkdir(exist_ok=True)
    if (folder / "figures.json").is_file():
        return
    groups, warm, random = folder / "groups.json", folder / "pretrained", folder / "random"
    splits.write(split, groups)
    if not (warm / "card.json").is_file():
        command = ["pretrain", "--data", str(options.data), "--groups", str(groups), "--config", options.config,
                   "--steps", str(options.steps), "--view", str(options.view), "--out", str(warm)]  # fmt: skip
        resume = ["--resume"] if (warm / "state" / "state.pt").is_file() else []
        print("$ iad-unify", *command, *resume, flush=True)
        subprocess.run([*IAD_UNIFY, *command, *resume], check=True)
    shapes.new(options.config, SIZE, 0, 0).save_pretrained(random)
    known = data_sets.read(options.data)
    good = [sample for sample in splits.select(known, split.train) if sample.good]
    test = splits.select(known, split.test)
    experts = {
        "random": model.create(ExpertConfig(name="small"), str(random)),
        "pretrained": model.create(ExpertConfig(name="small"), str(warm)),
        "detail": model.load(options.checkpoint),
    }
    figures = {name: measure(expert.eval(), good, test, f"fold {fold}, {name}") for name, expert in experts.items()}
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")


def measure(expert: model.RegionExpert, good: Sequence[Sample], test: Sequence[Sample], words: str) -> dict[str, float]:
    """Figures of a memory of `good` on `test`."""
    owners = sorted({sample.group for sample in good})
    numbers = [owners.index(sample.group) for sample in good]
    kept = memory.build(expert, (square_of(sample) for sample in good), "benchmark", owners=numbers)
    highest, defective, inside, outside = [], [], [], []
    for sample in track(test, description=words):
        values, labels = look(expert, kept, sample)
        highest.append(values.max())
        defective.append(not sample.good)
        inside.append(values[(labels != truth.GOOD) & (labels != truth.IGNORED)])
        outside.append(values[labels == truth.GOOD])
    image = metrics.curve(np.array(highest, np.float32), np.array(defective))
    pixel = metrics.pooled(np.concatenate(inside), np.concatenate(outside))
    found = (metrics.auroc(image), metrics.auroc(pixel), metrics.average_precision(pixel))
    return dict(zip(FIGURES, found, strict=True))


def square_of(sample: Sample) -> tuple[NDArray[np.uint8], Letterbox]:
    rgb = pictures.read_rgb(sample.image)
    letterbox = Letterbox.fit(rgb.shape[1], rgb.shape[0], SIZE)
    return letterbox.apply(rgb), letterbox


def look(
    expert: model.RegionExpert, kept: memory.Memory, sample: Sample
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The memory's map of a picture and its labels, in original pixels."""
    square, letterbox = square_of(sample)
    scores = kept.score(expert.patches_of(square[None])[0], letterbox)
    return resample(scores, letterbox, (0, 0, letterbox.width, letterbox.height)), truth.labels(sample, {})


def show(out: Path) -> None:
    table = Table("fold", "features", *FIGURES, title="memory of good parts, held-out groups")
    rows: dict[str, list[list[float]]] = {}
    for path in sorted(out.glob("fold*/figures.json")):
        for name, figures in json.loads(path.read_text()).items():
            values = [figures[figure] for figure in FIGURES]
            rows.setdefault(name, []).append(values)
            table.add_row(path.parent.name, name, *(f"{value:.3f}" for value in values))
    table.add_section()
    for name, found in rows.items():
        table.add_row(f"mean of {len(found)}", name, *(f"{value:.3f}" for value in np.mean(found, axis=0)))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
