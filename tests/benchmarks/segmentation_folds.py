"""The region expert on held-out groups of a data set: one training and one evaluation per fold and seed.

    python tests/benchmarks/segmentation_folds.py deeppcb --data DIR --out RUN --steps 1500
    python tests/benchmarks/segmentation_folds.py magnetic-tile --data DIR --out RUN --steps 2500
    python tests/benchmarks/segmentation_folds.py magnetic-tile-good-only --data DIR --out RUN --steps 2500
    python tests/benchmarks/segmentation_folds.py deeppcb --data DIR --out RUN --list

deeppcb leaves one board out at a time, without pretrained weights. The two of magnetic tiles are five folds over the
physical tiles, and start from the shipped weights, which saw drawings only; `good-only` learns from good tiles with
synthetic anomalies, as if no defect were known, and its thresholds come from such validation pictures, too. Fold 0 has three
seeds, the others one. An arm that was interrupted goes on where it was, a finished one is not repeated, and unfinished ones
are listed below the table; RUN/run.json keeps the arms of other options out. Weights stay under RUN. Any set with
manifest.jsonl works in place of these two.

The row `xor` of deeppcb is the naive detector: differing pixels after alignment, opened, closed, boxes with a fixed
margin; it cannot name a type, so its F counts boxes of any type as right. It is measured when no arm is unfinished.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from iad_unify.data import pictures, splits
from iad_unify.data import samples as data_sets
from iad_unify.region_expert.evaluation import detections
from iad_unify.region_expert.template import align

IAD_UNIFY = [sys.executable, "-c", "from iad_unify.cli import main; main()"]
BOARD = ("--size", "640", "--crop", "128", "--crop-share", "0.85", "--init", "none")
KINDS = {
    "deeppcb": BOARD,
    "magnetic-tile": (),
    "magnetic-tile-good-only": ("--good-only", "--data", "procedural"),
}
#: How an arm is measured. Where no defect is known, no threshold may be chosen on labelled ones either.
MEASURED = {"magnetic-tile-good-only": ("--thresholds", "card")}
FIGURES = {
    "deeppcb": ("box_f", "box_ap", "box_map50", "pixel_ap", "aupro_30"),
    "magnetic-tile": ("image_auroc", "pixel_auroc", "pixel_ap", "aupro_30", "iou"),
    "magnetic-tile-good-only": ("image_auroc", "pixel_auroc", "pixel_ap", "aupro_30", "iou"),
}


@dataclass(frozen=True, slots=True)
class Arm:
    """One training and its evaluation."""

    fold: int
    seed: int
    name: str
    folder: Path

    @property
    def report(self) -> Path:
        """Where the finished arm's figures are."""
        return self.folder / "report.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500, help="of training in each arm")
    parser.add_argument("--folds", help="only these, such as 0,3")
    parser.add_argument("--seeds", type=int, default=3, help="of fold 0")
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches beside the training")
    parser.add_argument("--list", action="store_true", help="the table of what is finished; train nothing")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.list:
        of_the_same_run(options)
    arms = lay_out(options)
    chosen = {int(fold) for fold in options.folds.split(",")} if options.folds else {arm.fold for arm in arms}
    if not options.list:
        for arm in arms:
            if arm.fold in chosen and not arm.report.is_file():
                carry_out(options, arm)
    show(options, arms)


def of_the_same_run(options: argparse.Namespace) -> None:
    """Write down what RUN measures, or stop when it was begun with something else: one table has one kind of arms."""
    wanted = {"kind": options.kind, "data": options.data.name, "steps": options.steps}
    path = options.out / "run.json"
    begun = json.loads(path.read_text()) if path.is_file() else wanted
    if begun != wanted:
        raise SystemExit(f"{path} is of {begun}, not {wanted}; name another --out")
    path.write_text(json.dumps(wanted) + "\n")


def lay_out(options: argparse.Namespace) -> list[Arm]:
    """The arms; each fold's split file lies in RUN, so that others can repeat it."""
    samples = data_sets.read(options.data)
    parts = splits.leave_one_group_out(samples) if options.kind == "deeppcb" else splits.k_fold(samples, 5, seed=0)
    arms = []
    for fold, split in enumerate(parts):
        splits.write(split, options.out / f"fold{fold}.json")
        name = split.test[0] if len(split.test) == 1 else f"fold {fold}"
        for seed in range(options.seeds if fold == 0 else 1):
            arms.append(Arm(fold, seed, name, options.out / f"fold{fold}-seed{seed}"))
    return sorted(arms, key=lambda arm: (arm.seed, arm.fold))


def carry_out(options: argparse.Namespace, arm: Arm) -> None:
    common = ("--data", str(options.data), "--groups", str(options.out / f"fold{arm.fold}.json"))
    if not (arm.folder / "card.json").is_file():
        resume = ("--resume",) if (arm.folder / "state" / "state.pt").is_file() else ()
        run("train", "region-expert", *common, *KINDS[options.kind], "--config", "tiny", "--steps",
            str(options.steps), "--workers", str(options.workers), "--seed", str(arm.seed), "--out", str(arm.folder), *resume)  # fmt: skip
    run("evaluate", "segmentation", "--checkpoint", str(arm.folder), *common, "--device", "auto",
        *MEASURED.get(options.kind, ()), "--out", str(arm.report), "--plots", str(arm.folder / "plots"))  # fmt: skip


def run(*arguments: str) -> None:
    print("$ iad-unify", *arguments, flush=True)
    subprocess.run([*IAD_UNIFY, *arguments], check=True)


def show(options: argparse.Namespace, arms: list[Arm]) -> None:
    names = FIGURES[options.kind]
    table = Table("arm", "seed", *names, title=title(options))
    rows: list[list[float]] = []
    for arm in (arm for arm in arms if arm.report.is_file()):
        report = json.loads(arm.report.read_text())
        values = [float("nan") if report[name] is None else float(report[name]) for name in names]
        intervals = [report[f"{name}_ci"] for name in names]
        rows += [values] if arm.seed == 0 else []
        table.add_row(arm.name, str(arm.seed), *map(cell, values, intervals))
    if rows:
        table.add_section()
        table.add_row("mean of folds", "0", *(f"{value:.3f}" for value in np.mean(rows, axis=0)))
        table.add_row("worst fold", "0", *(f"{value:.3f}" for value in np.min(rows, axis=0)))
    unfinished = [f"{arm.name} seed {arm.seed}" for arm in arms if not arm.report.is_file()]
    if options.kind == "deeppcb" and not options.list and not unfinished:
        table.add_row("xor, all boards", "", f"{naive(options.data):.3f}", *["-"] * (len(names) - 1))
    Console(width=150).print(table)
    print("unfinished:", ", ".join(unfinished) or "none")


def title(options: argparse.Namespace) -> str:
    path = options.out / "run.json"
    steps = f", {json.loads(path.read_text())['steps']} steps" if path.is_file() else ""
    return f"{options.kind}, held-out groups{steps}"


def cell(value: float, interval: list[float] | None) -> str:
    return f"{value:.3f}" if interval is None else f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"


def naive(folder: Path, margin: int = 10) -> float:
    """F of the naive detector over all pictures, types not counted."""
    hits = found = true = 0
    for sample in track(data_sets.read(folder), description="naive detector"):
        if sample.template is None:
            continue
        picture = pictures.read_rgb(sample.image)
        template = align(pictures.read_rgb(sample.template), picture)
        differs = ((picture[:, :, 1] > 127) != (template[:, :, 1] > 127)).astype(np.uint8)
        differs = cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        differs = cv2.morphologyEx(differs, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
        stats = cv2.connectedComponentsWithStats(differs)[2][1:]
        corners = np.concatenate([stats[:, :2] - margin, stats[:, :2] + stats[:, 2:4] + margin], axis=1).astype(float)
        truths = np.array([(box.x0, box.y0, box.x1, box.y1) for box in sample.boxes], float).reshape(-1, 4)
        order = np.argsort(-stats[:, 4])
        same, other = np.zeros(len(order), np.int64), np.zeros(len(truths), np.int64)
        hits += int(detections.match(corners[order], same, truths, other).sum())
        found, true = found + len(order), true + len(truths)
    return 2 * hits / max(1, found + true)


if __name__ == "__main__":
    main()
