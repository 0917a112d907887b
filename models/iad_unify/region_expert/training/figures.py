"""Pictures for the person who trains: learning curves, and overlays of what the expert finds. Decides nothing."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from iad_unify.geometry import Letterbox
from iad_unify.region_expert.inspection import inspect
from iad_unify.region_expert.model import RegionExpert
from iad_unify.region_expert.squares import Labelled
from iad_unify.region_expert.training.trainer import Progressed
from iad_unify.region_expert.training.validation import Held

_TRUTH, _FOUND = (0, 255, 0), (255, 0, 0)  # RGB


def curves(done: Progressed, path: Path) -> None:
    """Losses and validation figures over steps, as PNG."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    if done.losses:
        steps, anomaly, kind, _ = np.array(done.losses, dtype=float).T
        left.plot(steps, _running_mean(anomaly), label="anomaly loss")
        left.plot(steps, _running_mean(kind), label="type loss")
        left.legend()
    if done.checks:
        steps, auroc, ap = np.array(done.checks, dtype=float).T
        right.plot(steps, auroc, marker=".", label="image AUROC")
        right.plot(steps, ap, marker=".", label="pixel AP")
        right.legend()
    left.set(xlabel="step", title="training")
    right.set(xlabel="step", title="validation", ylim=(0, 1))
    figure.savefig(path, dpi=110)


def _running_mean(values: NDArray[np.float64], window: int = 20) -> NDArray[np.float64]:
    """Mean of up to `window` values back from each position."""
    sums = np.cumsum(np.append(0.0, values))
    start = np.maximum(np.arange(1, len(values) + 1) - window, 0)
    return (sums[1:] - sums[start]) / (np.arange(1, len(values) + 1) - start)


def overlays(model: RegionExpert, held_out: Sequence[Held], threshold: float, path: Path, columns: int = 6) -> None:
    """A sheet of squares: truth in green, proposals in red with type and score, the map below each, as PNG."""
    tiles = [_tile(model, *held, threshold) for held in held_out]
    while len(tiles) % columns:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    _, data = cv2.imencode(".png", cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
    path.write_bytes(data.tobytes())


def _tile(model: RegionExpert, labelled: Labelled, letterbox: Letterbox, threshold: float) -> NDArray[np.uint8]:
    template = None if labelled.template is None else labelled.template[None]
    found = inspect(model, labelled.rgb[None], [letterbox], [threshold], [0.0], template)[0]
    picture = labelled.rgb.copy()
    _outline(picture, labelled.labels > 0, _TRUTH)
    for proposal, logits in zip(found.proposals, found.type_logits, strict=True):
        _outline(picture, proposal.square, _FOUND)
        rows, columns = np.flatnonzero(proposal.square.any(axis=1)), np.flatnonzero(proposal.square.any(axis=0))
        text = f"{model.config.answers[int(logits.argmax())]} {proposal.score:.2f}"
        at = (int(min(columns[0], picture.shape[1] - 90)), int(max(rows[0] - 3, 10)))
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.38, _FOUND, 1, cv2.LINE_AA)
    heat = cv2.applyColorMap((found.smoothed * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return np.vstack([picture, cv2.cvtColor(heat, cv2.COLOR_BGR2RGB)])


def _outline(picture: NDArray[np.uint8], mask: NDArray[np.bool_], colour: tuple[int, int, int]) -> None:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, colour, 1)
