"""The ladder as bars: location of every setting with its interval, beside the paper's four."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from iad_unify.explainer.ladder.settings import PAPER

#: What stands under the bars of the settings that have no plain name.
LABELS = {
    "S1": "S1\noracle",
    "S2": "S2\npredicted",
    "S3": "S3\nwhole picture",
    "S4": "S4\nno region",
    "S3t": "S3t\ntrained so",
    "S4t": "S4t\ntrained so",
}
_WIDTH = 0.27


def write(path: Path, report: Mapping[str, Any]) -> None:
    """Write a PNG of a ladder report."""
    settings = report["settings"]
    names = sorted(settings, key=lambda name: (name not in LABELS, list(LABELS).index(name) if name in LABELS else 0))
    figure = Figure(figsize=(2 + 1.1 * len(names), 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for offset, aspect in ((0.0, "location"), (_WIDTH, "type")):
        heights = np.array([settings[name][aspect] or 0.0 for name in names])
        edges = [
            settings[name][f"{aspect}_ci"] or (height, height) for name, height in zip(names, heights, strict=True)
        ]
        low, high = np.array(edges, dtype=float).T
        errors = np.clip(np.stack([heights - low, high - heights]), 0, None)
        axes.bar(np.arange(len(names)) + offset, heights, _WIDTH, yerr=errors, capsize=2, label=aspect)
    places = [(names.index(setting), value) for setting, value in PAPER.items() if setting in names]
    if places:
        x, y = zip(*places, strict=True)
        axes.bar(np.array(x) - _WIDTH, y, _WIDTH, color="none", edgecolor="black", hatch="//", label="paper, location")
    if report["majority_location"] is not None:
        label = f"majority cell {report['majority_location']:.0f} %"
        axes.axhline(report["majority_location"], linewidth=0.9, linestyle=":", color="black", label=label)
    axes.set_xticks(range(len(names)), [LABELS.get(name, name.replace("_", "\n")) for name in names], fontsize="small")
    axes.set(ylim=(0, 104), ylabel="right, %", title=f"{report['views']} defects, {report['data']}")
    axes.legend(ncols=4, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.16))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
