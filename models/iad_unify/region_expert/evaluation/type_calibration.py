"""`iad-unify calibrate-types`: how sure the expert may be of a type, fitted on a validation part and told on a test part.

One number is fitted to all regions of the validation part before the level of the sets is read off the same regions; what
the sets then hold is told on the test part. Nothing of the weights changes: the card gets two numbers.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from iad_unify.checkpoint import Card, Figure, read_card, write_card
from iad_unify.data.samples import DataError
from iad_unify.language.facts import UNCALIBRATED, TypeRule, likely_types
from iad_unify.region_expert import model, tiling
from iad_unify.region_expert.drawn import PROCEDURAL
from iad_unify.region_expert.evaluation import confidence, levels, subjects
from iad_unify.region_expert.evaluation.resampling import Resampling, Value
from iad_unify.region_expert.evaluation.subjects import Subject, Subjects
from iad_unify.region_expert.evaluation.typed import Typed, typed_regions
from iad_unify.region_expert.model import RegionExpert
from iad_unify.types import UNKNOWN

#: Fewer regions than this tell nothing.
LEAST_REGIONS = 40
STRANGE_LOGITS = "the expert's type logits are not all finite numbers"


@dataclass(frozen=True, slots=True)
class Order:
    """What to calibrate and on what."""

    checkpoint: Path
    data: str  # a folder or "procedural"
    out: Path | None = None  # the report
    groups: Path | None = None
    coverage: float = 0.9  # share of regions whose right type shall be in their set
    pictures: int = 400  # of each part, of drawings
    resamples: int = 500
    square: int = 0  # side of the square that pictures are brought to, pixels; 0 is the expert's input


@dataclass(frozen=True, slots=True)
class Known:
    """Regions as the expert found them, of types that it knows."""

    groups: tuple[str, ...]  # [N]
    logits: NDArray[np.float64]  # [N, T + 1]
    truth: NDArray[np.int64]  # [N] column of the right type
    strange: int = 0  # regions left out because the expert does not know their type

    def __len__(self) -> int:
        return len(self.groups)


def calibrate(order: Order, console: Console) -> dict[str, Any]:
    """Fit, measure, write the card; the report.

    Raises DataError (too few regions, no such part, logits that are no numbers), CheckpointError,
    UnfitSquare as `tiling.tiles` does; the card stays as it was then.
    """
    expert, card = model.load(order.checkpoint), read_card(order.checkpoint)
    tiling.tiles(order.square or expert.config.size, expert.config.size)  # refuses before any picture is read
    found = _subjects(order)
    fitted_on = known(expert, card, found.chosen_on, order.square, "fitting", console)
    temperature, level = fit(fitted_on, expert.config.answers, order.coverage)
    tested = known(expert, card, found.measured, order.square, "measuring", console)
    if not len(tested):
        raise DataError(order.data, "no region of a known type is found in the test part")
    if not np.isfinite(tested.logits).all():
        raise DataError("test", STRANGE_LOGITS)
    resampling = Resampling.of(tested.groups, order.resamples)
    figures = {
        **measure(tested, expert.config.answers, 1.0, UNCALIBRATED, resampling, "before"),
        **measure(tested, expert.config.answers, temperature, TypeRule(level), resampling, "after"),
    }
    command = _command(order)
    write_card(order.checkpoint, _told(card, temperature, level, figures, command))
    report = {
        "command": command,
        "coverage": order.coverage,
        "temperature": temperature,
        "level": level,
        "fitted_on": len(fitted_on),
        "measured_on": len(tested),
        "of_unknown_type": fitted_on.strange + tested.strange,
        "resampled_by": resampling.unit,
        "figures": {name: {"value": value, "ci": ci} for name, (value, ci) in figures.items()},
    }
    if order.out is not None:
        order.out.parent.mkdir(parents=True, exist_ok=True)
        order.out.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    _show(report, console)
    return report


def known(
    expert: RegionExpert, card: Card, those: Sequence[Subject], square: int, doing: str, console: Console
) -> Known:
    """The regions that the expert finds on true defects, at its card's thresholds."""
    at = levels.of_card(card, "the checkpoint")
    typed: list[Typed] = []
    for one in track(those, description=doing, console=console):
        typed += [region for region in typed_regions(expert, one, at.decision, at.pixel, square) if region.found]
    slugs = expert.config.type_slugs
    own = [region for region in typed if region.defect_type in slugs]
    return Known(
        tuple(region.group for region in own),
        np.array([region.logits for region in own], np.float64).reshape(len(own), len(slugs) + 1),
        np.array([slugs.index(region.defect_type) for region in own], np.int64),
        len(typed) - len(own),
    )


def fit(regions: Known, answers: Sequence[str], coverage: float) -> tuple[float, float]:
    """Temperature and level. Raises DataError when the regions are too few, or what is said of them are no numbers."""
    if len(regions) < LEAST_REGIONS:
        raise DataError("validation", f"{len(regions)} regions of known types are found; {LEAST_REGIONS} are needed")
    # a search among such numbers still ends, at a temperature that means nothing
    if not np.isfinite(regions.logits).all():
        raise DataError("validation", STRANGE_LOGITS)
    temperature = confidence.fit_temperature(regions.logits, regions.truth)
    probability = confidence.probabilities(regions.logits, temperature)
    before = confidence.mass_before(probability, regions.truth, _named(answers))
    return temperature, confidence.conformal_level(before, coverage)


def measure(
    regions: Known, answers: Sequence[str], temperature: float, rule: TypeRule, resampling: Resampling, when: str
) -> dict[str, Value]:
    """Log-likelihood, calibration error, coverage and size of the sets by name, such as `type_ece_before`."""
    probability = confidence.probabilities(regions.logits, temperature)
    sure, right = probability.max(axis=1), probability.argmax(axis=1) == regions.truth
    sets = [
        {slug for slug, _ in likely_types(dict(zip(answers, row, strict=True)), rule)} - {UNKNOWN}
        for row in probability.tolist()
    ]
    held = [answers[truth] in likely for truth, likely in zip(regions.truth, sets, strict=True)]
    ones = np.ones(len(regions))
    losses = -np.log(np.maximum(probability[np.arange(len(regions)), regions.truth], 1e-300))
    return {
        f"type_loss_{when}": resampling.ratio(losses, ones),
        # without an interval: resampling adds noise to every bin, and the error's own value lies below what it gives
        f"type_ece_{when}": (confidence.bin_errors(sure, right), None),
        f"type_set_coverage_{when}": resampling.ratio(np.array(held, np.float64), ones),
        f"type_set_size_{when}": resampling.ratio(np.array([len(likely) for likely in sets], np.float64), ones),
    }


def _named(answers: Sequence[str]) -> list[int]:
    return [column for column, slug in enumerate(answers) if slug != UNKNOWN]


def _subjects(order: Order) -> Subjects:
    if order.data == PROCEDURAL:
        return subjects.drawn(order.pictures, order.pictures)
    found = subjects.of_folder(order.data, order.groups, "test", "validation")
    if not found.chosen_on:
        raise DataError(order.data, "has no validation part; name a split file with --groups")
    return found


def _told(card: Card, temperature: float, level: float, figures: dict[str, Value], command: str) -> Card:
    told = {f"test_{name}": Figure(value, ci, command) for name, (value, ci) in figures.items()}
    return replace(card, type_temperature=temperature, type_level=level, figures=dict(card.figures) | told)


def _command(order: Order) -> str:
    drawn = order.data == PROCEDURAL
    command = "iad-unify calibrate-types --checkpoint FOLDER"
    command += f" --data {order.data if drawn else Path(order.data).name} --coverage {order.coverage:g}"
    command += f" --pictures {order.pictures}" if drawn else ""
    command += " --groups groups.json" if order.groups else ""
    return command + (f" --square {order.square}" if order.square else "")


def _show(report: dict[str, Any], console: Console) -> None:
    table = Table("figure", "value", "95 % interval", title=f"{report['measured_on']} regions of the test part")
    for name, figure in report["figures"].items():
        interval = "-" if figure["ci"] is None else f"{figure['ci'][0]:.3f} to {figure['ci'][1]:.3f}"
        table.add_row(name, f"{figure['value']:.3f}", interval)
    console.print(table)
    console.print(
        f"temperature {report['temperature']:.3f}, level {report['level']:.3f}, from {report['fitted_on']} regions"
    )
