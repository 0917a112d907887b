"""`evaluate segmentation`: the figures of a checkpoint on pictures it has not learnt from, in original pixels.

All pixels of all pictures are pooled, good ones included, and nothing is normalised per picture. Maps stay in memory as
float32 and the exact figures take as much again: a thousand pictures of 640x640 need 3.5 GB.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from iad_unify.checkpoint import Card, CheckpointError, Figure, model_version, read_card, write_card
from iad_unify.region_expert import model, tiling
from iad_unify.region_expert.evaluation import breakdown, cold_start, levels, plots, report, subjects
from iad_unify.region_expert.evaluation.cold_start import ColdStart
from iad_unify.region_expert.evaluation.looking import look
from iad_unify.region_expert.evaluation.resampling import Resampling, Value
from iad_unify.region_expert.evaluation.seen import Levels, Seen
from iad_unify.region_expert.evaluation.subjects import Subject, Subjects
from iad_unify.region_expert.export.delegating import with_cuts

#: Always in the report, null where the pictures do not allow them.
HEADLINE = ("image_auroc", "pixel_auroc", "pixel_ap", "f1_max", *report.AUPRO_LIMITS, "iou")
BOX_HEADLINE = ("box_f", "box_ap", "box_map50")
RESAMPLES = 500


@dataclass(frozen=True, slots=True)
class Order:
    """What to measure, on what, and where to write it."""

    checkpoint: Path
    data: str  # a folder or "procedural:test"
    out: Path
    groups: Path | None = None
    split: str = "test"
    thresholds: str = "validation"  # the part they are chosen on, or "card"
    pictures: int = 400
    resamples: int = RESAMPLES
    record: bool = False
    plots: Path | None = None
    square: int = 0  # side of the square that pictures are brought to, pixels; 0 is the expert's input
    cold_start: ColdStart | None = None  # a reference alone, without the decoder
    fused_with: ColdStart | None = None  # a reference beside the decoder, as a calibrated camera has it
    device: str = "cpu"  # or "auto", a GPU where there is one


def evaluate(order: Order, console: Console) -> dict[str, Any]:
    """Measure, print, write the report.

    Raises DataError, CheckpointError, UnfitSquare for one that is smaller than the expert's input.
    """
    started = time.monotonic()
    order.out.parent.mkdir(parents=True, exist_ok=True)  # an unwritable folder is told before an hour is spent
    expert = model.load(order.checkpoint)
    if expert.config.silent and not order.cold_start:
        raise CheckpointError(order.checkpoint, "measure it with --cold-start memory or template", "it only compares")
    if order.fused_with is ColdStart.TEMPLATE and expert.config.template:
        raise CheckpointError(order.checkpoint, "leave --fused-with out", "it takes templates itself")
    square = order.square or expert.config.size
    tiling.tiles(square, expert.config.size)  # refuses before any picture is read
    if order.device == "auto" and torch.cuda.is_available():
        expert.to("cuda")
    card = read_card(order.checkpoint)
    at = cold_start.LEVELS if order.cold_start else levels.of_card(card, order.checkpoint)
    found = _subjects(order)
    kind = order.cold_start or order.fused_with
    compare = cold_start.prepare(kind, expert, found, square) if kind else None
    # proposed from the threshold that a card has for it, before any is chosen
    look_at = partial(
        look, with_cuts(expert), proposal=at.pixel, square=square, compare=compare, fused=order.fused_with is not None
    )
    if found.chosen_on:
        held = _look_all(look_at, found.chosen_on, at, "choosing thresholds", console)
        at = levels.choose(held, at, f"the {order.thresholds} part")
        del held
    seen = _look_all(look_at, found.measured, at, "inspecting", console)
    points = report.pooled(seen)
    resampling = Resampling.of([one.group for one in seen], order.resamples)
    values = report.figures(seen, points, at, resampling)
    result = _described(order, card, found, seen, at, resampling) | {"square_px": square} | _rows(values, seen)
    result |= {"per_type": breakdown.per_type(seen, at), "per_group": breakdown.per_group(seen, at)}
    result["seconds"] = round(time.monotonic() - started, 1)
    order.out.write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    if order.plots:
        plots.write(order.plots, seen, points, result, [subject.open for subject in found.measured])
    _show(result, console)
    if order.record:
        figures = {f"test_{name}": Figure(value, ci, result["command"]) for name, (value, ci) in values.items()}
        write_card(order.checkpoint, replace(card, figures=dict(card.figures) | figures))
    return result


def _subjects(order: Order) -> Subjects:
    if subjects.is_drawn(order.data):
        return subjects.drawn(order.pictures)
    chosen_on = None if order.thresholds == "card" else order.thresholds
    return subjects.of_folder(order.data, order.groups, order.split, chosen_on)


def _look_all(
    look_at: Callable[..., Seen], those: Sequence[Subject], at: Levels, doing: str, console: Console
) -> list[Seen]:
    return [look_at(one, decision=at.decision) for one in track(those, description=doing, console=console)]


def _described(
    order: Order, card: Card, found: Subjects, seen: Sequence[Seen], at: Levels, resampling: Resampling
) -> dict[str, Any]:
    return {
        "checkpoint": model_version(order.checkpoint),
        "data": order.data if subjects.is_drawn(order.data) else Path(order.data).name,
        "split": found.part,
        "command": _command(order),
        "pictures": len(seen),
        "defective": sum(one.anomalous for one in seen),
        "groups": len({one.group for one in seen}),
        "resampled_by": resampling.unit,
        "resamples": order.resamples,
        "cold_start": order.cold_start,
        "fused_with": order.fused_with,
        "image_score": "maximum of the smoothed map",
        "threshold_source": at.source,
        "decision_threshold": at.decision,
        "pixel_threshold": at.pixel,
        "box_threshold": at.box if any(one.boxes for one in seen) else None,
        "default_threshold": card.default_threshold,
        "proposal_threshold": card.proposal_threshold,
        "unknown_pixels": sum(int(one.unknown.sum()) for one in seen if one.unknown is not None),
    }


def _rows(values: dict[str, Value], seen: Sequence[Seen]) -> dict[str, Any]:
    """Each figure by its name with `…_ci` beside it, and all of them once more under `figures`."""
    expected = (*HEADLINE, *(BOX_HEADLINE if any(one.boxes for one in seen) else ()))
    rows: dict[str, Any] = {}
    for name in (*expected, *(name for name in values if name not in expected)):
        value, ci = values.get(name, (None, None))
        rows |= {name: value, f"{name}_ci": None if ci is None else list(ci)}
    return rows | {"figures": {name: {"value": value, "ci": ci} for name, (value, ci) in values.items()}}


def _command(order: Order) -> str:
    drawn = subjects.is_drawn(order.data)
    command = "iad-unify evaluate segmentation --checkpoint FOLDER"
    command += f" --data {order.data if drawn else Path(order.data).name} --out report.json"
    command += f" --square {order.square}" if order.square else ""
    command += f" --cold-start {order.cold_start}" if order.cold_start else ""
    command += f" --fused-with {order.fused_with}" if order.fused_with else ""
    command += f" --resamples {order.resamples}" if order.resamples != RESAMPLES else ""
    if drawn:
        return f"{command} --pictures {order.pictures}"
    command += f" --groups groups.json --split {order.split}" if order.groups else ""
    return command + (f" --thresholds {order.thresholds}" if order.thresholds != "validation" else "")


def _show(result: dict[str, Any], console: Console) -> None:
    table = Table("figure", "value", "95 % interval", title=f"{result['pictures']} pictures, {result['groups']} groups")
    for name, figure in result["figures"].items():
        interval = "-" if figure["ci"] is None else f"{figure['ci'][0]:.3f} to {figure['ci'][1]:.3f}"
        table.add_row(name, f"{figure['value']:.3f}", interval)
    console.print(table)
    console.print(f"thresholds from {result['threshold_source']}; intervals resampled by {result['resampled_by']}")
