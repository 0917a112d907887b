"""The learning curves of a pretraining as a picture. It decides nothing."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from iad_unify.region_expert.pretraining.trainer import Progressed


def curves(done: Progressed, path: Path) -> None:
    """Losses, the spread of pictures and the effective ranks over steps, as PNG."""
    figure = Figure(figsize=(12, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    losses, spread, ranks = figure.subplots(1, 3)
    if done.losses:
        steps, picture, patch = np.array(done.losses, dtype=float).T
        losses.plot(steps, picture, label="class tokens")
        losses.plot(steps, patch, label="hidden patches")
        losses.legend()
    if done.checks:
        steps, spreads, of_pictures, of_patches = np.array(done.checks, dtype=float).T
        spread.plot(steps, spreads, marker=".")
        ranks.plot(steps, of_pictures, marker=".", label="class tokens")
        ranks.plot(steps, of_patches, marker=".", label="patches")
        ranks.legend()
    losses.set(xlabel="step", title="cross-entropy")
    spread.set(xlabel="step", title="spread of pictures (0: collapsed)", ylim=(0, None))
    ranks.set(xlabel="step", title="effective rank", ylim=(0, None))
    figure.savefig(path, dpi=110)
