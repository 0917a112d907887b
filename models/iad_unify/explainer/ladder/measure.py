"""`evaluate ladder`: one explainer in every setting, and others that were trained without regions, on the same defects.

Pictures with exactly one defect are asked about. What S2 is given is the expert's strongest proposal; a defect that the
expert does not propose is asked about without a region and counts. The report is written as JSON, percent.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iad_unify.checkpoint import CheckpointError, model_version, read_card
from iad_unify.data.samples import DataError
from iad_unify.explainer.ladder import chart, figures
from iad_unify.explainer.ladder.asking import Asked, Table, ask, pooled, tables
from iad_unify.explainer.ladder.settings import OF_ONE, PAPER, WORSE, Setting
from iad_unify.explainer.ladder.views import View, Viewer, drawings, views_of
from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.recipe import Recipe, recipe_of
from iad_unify.explainer.storage import load
from iad_unify.region_expert.evaluation.resampling import Resampling
from iad_unify.region_expert.evaluation.subjects import Subject, of_folder

PROCEDURAL = "procedural:"
#: Answers that the report quotes.
SAMPLES = 120
#: Which setting a checkpoint that was trained without regions is asked in.
TRAINED = {"whole": Setting.WHOLE_TRAINED, "none": Setting.NONE_TRAINED}
#: Share of the time that looking takes, for the bar.
_LOOKING = 0.3


@dataclass(frozen=True, slots=True)
class Order:
    """What to measure, on what, and where to write it."""

    checkpoint: Path
    expert: Path
    data: str  # procedural:test, procedural:validation or a folder
    out: Path
    groups: Path | None = None
    split: str = "test"
    pictures: int = 400
    resamples: int = 1000
    seed: int = 0
    without: tuple[Path, ...] = ()  # checkpoints that were trained without regions
    plots: Path | None = None


def evaluate(order: Order, report: Callable[[float], None] = lambda share: None) -> dict[str, Any]:
    """Look, ask, write the report and the chart. Raises CheckpointError, DataError."""
    arms = [(TRAINED[_without(folder).regions], folder) for folder in order.without]  # refuses before any work
    order.out.parent.mkdir(parents=True, exist_ok=True)  # so does an unwritable folder
    views = look(order, lambda share: report(_LOOKING * share))
    todo: list[tuple[Path, tuple[Setting, ...]]] = [(order.checkpoint, OF_ONE)]
    todo += [(folder, (setting,)) for setting, folder in arms]
    asked: list[list[Asked]] = []
    for place, (folder, settings) in enumerate(todo):
        start, width = _LOOKING + (1 - _LOOKING) * place / len(todo), (1 - _LOOKING) / len(todo)
        asked.append(questioned(folder, views, settings, order.seed, _part(report, start, width)))
    found = _joined([tables(views, answers) for answers in asked])
    resampling = Resampling.of([view.group for view in views], order.resamples, order.seed)
    result = _described(order, views, resampling) | {
        **figures.majority(views),
        "expert_type": figures.of_expert(views, resampling),
        "settings": {str(setting): figures.of_setting(table, resampling) for setting, table in found.items()},
        "differences": figures.differences(found, resampling),
        "paper_location": {str(setting): value for setting, value in PAPER.items()},
        "samples": _samples(views, asked[0]),
    }
    for setting, folders in _by_setting(arms).items():
        one = result["settings"][str(setting)]
        one["checkpoints"] = [model_version(folder) for folder in folders]
        one["steps"] = [read_card(folder).steps for folder in folders]
    order.out.write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    if order.plots:
        chart.write(order.plots / "ladder.png", result)
    return result


def _part(report: Callable[[float], None], start: float, width: float) -> Callable[[float], None]:
    return lambda share: report(start + width * share)


def look(order: Order, report: Callable[[float], None] = lambda share: None) -> list[View]:
    """The views of the order's data; DataError when no picture shows exactly one defect."""
    views = views_of(Viewer(order.expert, order.seed), _subjects(order), report)
    if not views:
        raise DataError(order.data, "no picture shows exactly one defect")
    return views


def questioned(
    folder: Path,
    views: Sequence[View],
    settings: Sequence[Setting],
    seed: int,
    report: Callable[[float], None] = lambda share: None,
) -> list[Asked]:
    """What the explainer in `folder` says; CheckpointError when it reads tokens of another shape."""
    model, tokenizer = load(folder)
    _fits(folder, model, views[0])
    return ask(model, tokenizer, views, settings, seed, report)


def _subjects(order: Order) -> list[Subject]:
    if order.data.startswith(PROCEDURAL):
        return drawings(order.data.removeprefix(PROCEDURAL), order.seed, order.pictures)
    return list(of_folder(order.data, order.groups, order.split, None).measured)


def _fits(folder: Path, model: RegionQwen, view: View) -> None:
    read = (model.config.region_rows, model.config.region_dim)
    if read != view.oracle.appearance.shape:
        raise CheckpointError(folder, "name the region expert that it was trained with", "it reads other region tokens")


def _without(folder: Path) -> Recipe:
    recipe = recipe_of(folder)
    if recipe.regions not in TRAINED:
        raise CheckpointError(folder, "train one with `--regions none` or `--regions whole`", "it saw regions")
    return recipe


def _by_setting(arms: Sequence[tuple[Setting, Path]]) -> dict[Setting, list[Path]]:
    found: dict[Setting, list[Path]] = {}
    for setting, folder in arms:
        found.setdefault(setting, []).append(folder)
    return found


def _joined(parts: Sequence[dict[Setting, Table]]) -> dict[Setting, Table]:
    several: dict[Setting, list[Table]] = {}
    for part in parts:
        for setting, table in part.items():
            several.setdefault(setting, []).append(table)
    return {setting: pooled(those) for setting, those in several.items()}


def _described(order: Order, views: Sequence[View], resampling: Resampling) -> dict[str, Any]:
    drawn = order.data.startswith(PROCEDURAL)
    return {
        "checkpoint": model_version(order.checkpoint),
        "steps": read_card(order.checkpoint).steps,
        "expert": model_version(order.expert),
        "data": order.data if drawn else Path(order.data).name,
        "command": _command(order),
        "views": len(views),
        "groups": len({view.group for view in views}),
        "resampled_by": resampling.unit,
        "resamples": order.resamples,
        "image_tokens": 0,  # in every setting
        "found": 100 * float(np.mean([view.found for view in views])),
        "reached_iou": {
            str(setting): float(np.mean([view.reached[iou] for view in views])) for setting, iou in WORSE.items()
        },
    }


def _command(order: Order) -> str:
    drawn = order.data.startswith(PROCEDURAL)
    command = "iad-unify evaluate ladder --checkpoint CKPT --expert EXPERT --out REPORT"
    command += f" --data {order.data if drawn else Path(order.data).name}"
    command += f" --pictures {order.pictures}" if drawn else ""
    command += " --groups groups.json" if order.groups else ""
    command += f" --split {order.split}" if not drawn and order.split != "test" else ""
    return command + f" --seed {order.seed}" + " --trained-without FOLDER" * len(order.without)


def _samples(views: Sequence[View], asked: Sequence[Asked]) -> list[dict[str, Any]]:
    return [
        {
            "view": views[one.view].name,
            "setting": str(one.setting),
            "question": one.question.text,
            "answer": one.answer,
            "truth": one.example.gold.cell or views[one.view].fact.defect_type,
        }
        for one in asked[:SAMPLES]
    ]


def lines(report: dict[str, Any]) -> list[str]:
    """The figures as a table of text."""
    rows = [
        f"explainer {report['checkpoint']}, region expert {report['expert']}, {report['views']} defects of"
        f" {report['groups']} groups, no image tokens in any setting",
        f"the expert's strongest proposal touches {report['found']:.1f} % of the defects",
        f"{'setting':16s} {'location':>9s} {'95 % interval':>16s} {'n':>5s} {'type':>9s} {'95 % interval':>16s} {'n':>5s}"
        f" {'paper':>7s}",
    ]
    for name, one in report["settings"].items():
        paper = report["paper_location"].get(name)
        rows.append(
            f"{name:16s} {_value(one, 'location')} {one['n']:5d} {_value(one, 'type')} {one['type_n']:5d}"
            f" {'' if paper is None else format(paper, '.1f'):>7s}"
        )
    for name, one in report["expert_type"].items():
        rows.append(f"{f'expert, {name}':16s} {'':9s} {'':16s} {'':5s} {_value(one, 'type')}   (its likeliest type)")
    if report["majority_location"] is not None:
        rows.append(f"{'majority':16s} {report['majority_location']:9.1f}   (always {report['majority_location_is']})")
    for pair, gaps in report["differences"].items():
        if gaps["location"] is not None:
            low, high = gaps["location"]["ci"] or (float("nan"), float("nan"))
            rows.append(f"{pair} location: {gaps['location']['value']:+.1f} points [{low:+.1f}, {high:+.1f}]")
    for name, one in report["settings"].items():
        if set(one.get("steps", ())) - {report["steps"]}:
            trained = " and ".join(map(str, sorted(set(one["steps"]))))
            rows.append(
                f"{name} was trained for {trained} steps, this explainer for {report['steps']}: not a fair control"
            )
    return rows


def _value(one: dict[str, Any], name: str) -> str:
    if one[name] is None:
        return f"{'-':>9s} {'-':>16s}"
    ci = one[f"{name}_ci"]
    interval = "-" if ci is None else f"[{ci[0]:.1f}, {ci[1]:.1f}]"
    return f"{one[name]:9.1f} {interval:>16s}"
