"""From right and wrong to figures in percent, with intervals by a bootstrap over groups, and their differences.

Differences are paired: both settings were asked about the same views, and each resample draws them together.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iad_unify.explainer.ladder.asking import Table
from iad_unify.explainer.ladder.settings import Setting
from iad_unify.explainer.ladder.views import View
from iad_unify.language.facts import CLEAR_CELL
from iad_unify.region_expert.evaluation.resampling import Interval, Resampling

#: Always in a setting, null where nothing was asked.
HEADLINE = ("location", "type")
#: The differences that are reported, the first minus the second.
PAIRS = (
    (Setting.ORACLE, Setting.PREDICTED),
    (Setting.PREDICTED, Setting.WHOLE),
    (Setting.PREDICTED, Setting.NONE),
    (Setting.PREDICTED, Setting.WHOLE_TRAINED),
    (Setting.PREDICTED, Setting.NONE_TRAINED),
)


def of_setting(table: Table, resampling: Resampling) -> dict[str, Any]:
    """`location`, `location_ci`, `type`, `type_ci`, `n` (locations), `type_n`, and the same of every other aspect."""
    found: dict[str, Any] = {}
    for name in (*HEADLINE, *(name for name in table if name not in HEADLINE)):
        value, ci = _share(table.get(name), resampling)
        found |= {name: value, f"{name}_ci": ci}
    counts = {name: _count(table.get(name)) for name in HEADLINE}
    return found | {"n": counts["location"], "type_n": counts["type"]}


def _share(marks: NDArray[np.float64] | None, resampling: Resampling) -> tuple[float | None, list[float] | None]:
    if marks is None:
        return None, None
    asked = ~np.isnan(marks)
    value, ci = resampling.ratio(np.where(asked, marks, 0.0), asked.astype(np.float64))
    return (None, None) if np.isnan(value) else (100 * value, _percent(ci))


def _count(marks: NDArray[np.float64] | None) -> int:
    return 0 if marks is None else int((~np.isnan(marks)).sum())


def difference(first: Table, second: Table, name: str, resampling: Resampling) -> dict[str, Any] | None:
    """Of an aspect that both were asked about, in points, with its interval; None when there is no such aspect."""
    if name not in first or name not in second:
        return None
    asked = ~np.isnan(first[name]) & ~np.isnan(second[name])
    gap = np.where(asked, first[name] - second[name], 0.0)
    value, ci = resampling.ratio(gap, asked.astype(np.float64))
    return None if np.isnan(value) else {"value": 100 * value, "ci": _percent(ci)}


def differences(found: Mapping[Setting, Table], resampling: Resampling) -> dict[str, Any]:
    """The pairs that were both asked, as `S2-S3`, by aspect."""
    return {
        f"{first}-{second}": {name: difference(found[first], found[second], name, resampling) for name in HEADLINE}
        for first, second in PAIRS
        if first in found and second in found
    }


def majority(views: Sequence[View]) -> dict[str, Any]:
    """What always saying the most frequent cell, or type, of these very views would score, percent."""
    cells = Counter(view.fact.cell for view in views if view.fact.cell_share >= CLEAR_CELL)
    types = Counter(view.fact.defect_type for view in views if view.known_type)
    found: dict[str, Any] = {}
    for name, counted in (("location", cells), ("type", types)):
        most, times = counted.most_common(1)[0] if counted else (None, 0)
        found |= {f"majority_{name}": 100 * times / counted.total() if counted else None, f"majority_{name}_is": most}
    return found


def of_expert(views: Sequence[View], resampling: Resampling) -> dict[str, Any]:
    """How often the type that the expert holds likeliest is right, percent: of the true region and of its own, as S1 and S2.

    What it does not propose counts as wrong, as it does for the explainer.
    """
    found: dict[str, Any] = {}
    for setting in (Setting.ORACLE, Setting.PREDICTED):
        tokens = [view.oracle if setting is Setting.ORACLE else view.predicted for view in views]
        right = [
            float(token is not None and token.named == view.fact.defect_type) if view.known_type else np.nan
            for view, token in zip(views, tokens, strict=True)
        ]
        value, ci = _share(np.array(right), resampling)
        found[str(setting)] = {"type": value, "type_ci": ci}
    return found


def _percent(ci: Interval | None) -> list[float] | None:
    return None if ci is None else [100 * ci[0], 100 * ci[1]]
