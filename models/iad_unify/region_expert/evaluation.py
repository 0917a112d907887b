"""`evaluate segmentation`: the figures of a checkpoint on pictures it has not learnt from, in original pixels.

All pixels of all pictures are pooled, good ones included, and nothing is normalised per picture.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from iad_unify.checkpoint import CheckpointError, Figure, model_version, read_card, write_card
from iad_unify.data import pictures, splits
from iad_unify.data.samples import DataError
from iad_unify.geometry import Letterbox
from iad_unify.procedural import draw_random
from iad_unify.region_expert import model, report
from iad_unify.region_expert.inspection import Inspected, describe, inspect, maps
from iad_unify.region_expert.proposals import resample
from iad_unify.region_expert.recipe import PROCEDURAL, TEST_STREAM, gather
from iad_unify.region_expert.report import Defect, Seen

#: Smallest overlap (IoU) at which a region counts as having found a defect.
FOUND_IOU = 0.1


@dataclass(frozen=True, slots=True)
class Order:
    """What to measure, on what, and where to write it."""

    checkpoint: Path
    data: str  # a folder or "procedural:test"
    out: Path
    groups: Path | None = None
    split: str = "test"
    pictures: int = 400
    resamples: int = 500
    record: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A picture with its truth, in original pixels."""

    rgb: NDArray[np.uint8]  # [H, W, 3]
    defects: tuple[tuple[str, NDArray[np.bool_]], ...]  # type, mask [H, W]
    anomalous: bool
    group: str


def evaluate(order: Order, console: Console) -> dict[str, Any]:
    """Measure, print, write the report; raises DataError or CheckpointError."""
    started = time.monotonic()
    expert = model.load(order.checkpoint)
    card = read_card(order.checkpoint)
    if card.default_threshold is None or card.proposal_threshold is None:
        raise CheckpointError(order.checkpoint, "train it again", "the card has no thresholds")
    found = [
        _look(expert, case, card.default_threshold, card.proposal_threshold)
        for case in track(list(_cases(order)), description="inspecting", console=console)
    ]
    values = report.figures(found, card.default_threshold, card.proposal_threshold, order.resamples)
    command = _command(order)
    result: dict[str, Any] = {
        "checkpoint": model_version(order.checkpoint),
        "data": order.data if order.data.startswith(PROCEDURAL) else Path(order.data).name,
        "split": order.split if order.groups else "all",
        "command": command,
        "pictures": len(found),
        "defective": sum(seen.anomalous for seen in found),
        "groups": len({seen.group for seen in found}),
        "default_threshold": card.default_threshold,
        "proposal_threshold": card.proposal_threshold,
        "figures": {name: {"value": value, "ci": ci} for name, (value, ci) in values.items()},
        "per_type": report.per_type(found, card.default_threshold),
        "seconds": round(time.monotonic() - started, 1),
    }
    order.out.parent.mkdir(parents=True, exist_ok=True)
    order.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    _show(result, console)
    if order.record:
        figures = {f"test_{name}": Figure(value, ci, command) for name, (value, ci) in values.items()}
        write_card(order.checkpoint, replace(card, figures=dict(card.figures) | figures))
    return result


def _cases(order: Order) -> Iterator[Case]:
    if order.data == f"{PROCEDURAL}:test":
        for index in range(order.pictures):
            drawing = draw_random(np.random.default_rng([TEST_STREAM, index]), 256, good_share=0.4)
            defects = tuple((defect.defect_type, defect.mask) for defect in drawing.defects)
            yield Case(drawing.image, defects, bool(defects), str(index))
        return
    samples = gather([order.data])
    if order.groups:
        try:
            samples = splits.select(samples, splits.read(order.groups).part(order.split))
        except KeyError as error:
            raise DataError(order.split, "no such part; there are train, validation and test") from error
    if not samples:
        raise DataError(order.data, f"no sample in the {order.split} part")
    for sample in samples:
        rgb = pictures.read_rgb(sample.image)
        mask = pictures.read_mask(sample.mask, rgb.shape[1], rgb.shape[0]) if sample.mask else None
        defects = ((sample.defect_type, mask),) if sample.defect_type and mask is not None and mask.any() else ()
        yield Case(rgb, defects, sample.defect_type is not None, sample.group)


def _look(expert: model.RegionExpert, case: Case, threshold: float, proposal: float) -> Seen:
    height, width = case.rgb.shape[:2]
    letterbox = Letterbox.fit(width, height, expert.config.size)
    square = letterbox.apply(case.rgb)[None]
    found = inspect(expert, square, [letterbox], [proposal], [0.0])[0]
    pixels = resample(found.smoothed, letterbox, (0, 0, width, height))
    truth = np.zeros((height, width), dtype=bool)
    for _, mask in case.defects:
        truth |= mask
    _, features = maps(expert, square)
    defects = []
    for slug, mask in case.defects:
        _, oracle = describe(expert, features, [letterbox.apply_mask(mask)], letterbox)
        given = expert.config.type_slugs[int(oracle[0].argmax())]
        defects.append(_matched(expert, found, slug, mask, given, threshold))
    return Seen(case.group, case.anomalous, found.score, pixels.ravel(), truth.ravel(), tuple(defects))


def _matched(
    expert: model.RegionExpert, found: Inspected, slug: str, mask: NDArray[np.bool_], given: str, threshold: float
) -> Defect:
    """The region of best IoU with the defect among those at or above the decision threshold."""
    best, name = 0.0, ""
    for region, logits in zip(found.proposals, found.type_logits, strict=True):
        if region.score < threshold:
            continue
        rows, columns = (
            slice(region.y, region.y + region.mask.shape[0]),
            slice(region.x, region.x + region.mask.shape[1]),
        )
        both = np.count_nonzero(mask[rows, columns] & region.mask)
        iou = both / (region.area + np.count_nonzero(mask) - both)
        if iou > best:
            best, name = iou, expert.config.type_slugs[int(logits.argmax())]
    return Defect(slug, best, name if best >= FOUND_IOU else None, given)


def _command(order: Order) -> str:
    data = order.data if order.data.startswith(PROCEDURAL) else Path(order.data).name
    command = f"iad-unify evaluate segmentation --checkpoint FOLDER --data {data} --out report.json"
    if order.data.startswith(PROCEDURAL):
        return f"{command} --pictures {order.pictures}"
    return f"{command} --groups groups.json --split {order.split}" if order.groups else command


def _show(result: dict[str, Any], console: Console) -> None:
    table = Table("figure", "value", "95 % interval", title=f"{result['pictures']} pictures, {result['groups']} groups")
    for name, figure in result["figures"].items():
        interval = "-" if figure["ci"] is None else f"{figure['ci'][0]:.3f} to {figure['ci'][1]:.3f}"
        table.add_row(name, f"{figure['value']:.3f}", interval)
    console.print(table)
