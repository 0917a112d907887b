"""Pictures of an evaluation: curves, a bar chart of the types, and the pictures on which the expert did worst."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from iad_unify.region_expert.evaluation import metrics
from iad_unify.region_expert.evaluation.seen import Defect, Seen
from iad_unify.region_expert.evaluation.subjects import Case

_WORST = 6  # of each kind
_SIDE_PX = 256  # of a picture on the sheet
_NEAR_PX = 15  # around a defect: what lights up there is no false alarm
_POINTS = 2000  # of a drawn curve
_TYPE_FIGURES = ("image_auroc", "pixel_ap", "aupro_30", "iou", "pictures_detected")
Numbers = NDArray[np.float64]


def write(
    folder: Path,
    seen: Sequence[Seen],
    points: metrics.Curve,
    result: Mapping[str, Any],
    opened: Sequence[Callable[[], Case]],
) -> None:
    """Write curves.png, types.png and worst.png; what these pictures cannot show is left out.

    `points` are the pooled pixels, `result` the report, `opened` reads the pictures of `seen` again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if points.positives and points.negatives:
        _curves(points, result, folder / "curves.png")
    if result["per_type"]:
        _types(result["per_type"], folder / "types.png")
    rows = [*_rows(seen, "miss", _miss), *_rows(seen, "false alarm", _false_alarm)]
    if rows:
        tiles = [_tile(seen[index], opened[index]().rgb, text) for index, text in rows]
        _, data = cv2.imencode(".png", cv2.cvtColor(_sheet(tiles), cv2.COLOR_RGB2BGR))
        (folder / "worst.png").write_bytes(data.tobytes())


def _curves(points: metrics.Curve, result: Mapping[str, Any], path: Path) -> None:
    figure = Figure(figsize=(12, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    roc, pr, pro = figure.subplots(1, 3)
    recall = points.hits / points.positives
    rate = np.concatenate([[0.0], points.alarms / points.negatives, [1.0]])
    roc.plot(*_thinned(rate, np.concatenate([[0.0], recall, [1.0]])))
    roc.set(xlabel="false-positive rate", ylabel="recall", title=f"pixel ROC, area {_text(result['pixel_auroc'])}")
    precision = points.hits / (points.hits + points.alarms)
    pr.plot(*_thinned(recall, precision), drawstyle="steps-pre")
    pr.set(xlabel="recall", ylabel="precision", title=f"pixel precision and recall, AP {_text(result['pixel_ap'])}")
    pro.plot(*_thinned(*metrics.pro_curve(points)))
    pro.axvline(0.3, linewidth=0.8, linestyle=":")
    pro.axvline(0.05, linewidth=0.8, linestyle=":")
    title = f"PRO, {_text(result['aupro_30'])} to 0.3, {_text(result['aupro_05'])} to 0.05"
    pro.set(xlabel="false-positive rate", ylabel="mean region overlap", title=title)
    for axes in (roc, pr, pro):
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
    figure.savefig(path, dpi=110)


def _thinned(x: Numbers, y: Numbers) -> tuple[Numbers, Numbers]:
    """At most _POINTS points, evenly along the curve's length."""
    if x.size <= _POINTS:
        return x, y
    length = np.cumsum(np.abs(np.diff(x, prepend=x[0])) + np.abs(np.diff(y, prepend=y[0])))
    kept = np.unique(np.searchsorted(length, np.linspace(0, length[-1], _POINTS)))
    return x[kept], y[kept]


def _types(per_type: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    figure = Figure(figsize=(2 + 1.3 * len(per_type), 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    width = 0.8 / len(_TYPE_FIGURES)
    for index, name in enumerate(_TYPE_FIGURES):
        heights = [row[name] if row[name] is not None else 0.0 for row in per_type.values()]
        axes.bar(np.arange(len(per_type)) + (index - 2) * width, heights, width, label=name)
    labels = [f"{slug}\n{row['pictures']} pictures" for slug, row in per_type.items()]
    axes.set_xticks(range(len(per_type)), labels, rotation=30, ha="right")
    axes.set(ylim=(0, 1.02))
    axes.legend(ncols=len(_TYPE_FIGURES), fontsize="small", loc="upper center", bbox_to_anchor=(0.5, 1.15))
    figure.savefig(path, dpi=110)


def _rows(seen: Sequence[Seen], kind: str, badness: Callable[[Seen], float | None]) -> list[tuple[int, str]]:
    """The worst pictures of a kind, worst first, each with what to write on it."""
    judged = [(value, index) for index, one in enumerate(seen) if (value := badness(one)) is not None]
    worst = sorted(judged, key=lambda pair: -pair[0])[:_WORST]
    return [(index, f"{kind} {seen[index].name} {seen[index].score:.2f}") for _, index in worst]


def _miss(one: Seen) -> float | None:
    """How badly the faintest defect of a picture shows up."""
    return max((1 - float(_inside(one, defect)) for defect in one.defects), default=None)


def _inside(one: Seen, defect: Defect) -> np.float32:
    height, width = defect.mask.shape
    window = one.pixels[defect.y : defect.y + height, defect.x : defect.x + width]
    return np.float32(window[defect.mask].max())


def _false_alarm(one: Seen) -> float | None:
    """The highest value away from every defect."""
    near = cv2.dilate(one.judged().truth.astype(np.uint8), np.ones((2 * _NEAR_PX + 1,) * 2, np.uint8)) > 0
    away = ~near if one.unknown is None else ~(near | one.unknown)
    return float(one.pixels[away].max()) if away.any() else None


def _tile(one: Seen, rgb: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """Picture, truth and map side by side, uint8 [_SIDE_PX, 3 * _SIDE_PX, 3]."""
    truth = np.repeat(one.truth()[:, :, None], 3, axis=2).astype(np.uint8) * np.uint8(255)
    colours = cv2.applyColorMap((one.pixels * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    parts = [_square(part) for part in (rgb, truth, cv2.cvtColor(colours, cv2.COLOR_BGR2RGB).astype(np.uint8))]
    cv2.rectangle(parts[0], (0, 0), (_SIDE_PX, 18), (0, 0, 0), cv2.FILLED)
    cv2.putText(parts[0], text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return np.hstack(parts)


def _square(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture at its own proportions inside a black square."""
    height, width = picture.shape[:2]
    scale = _SIDE_PX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    out = np.zeros((_SIDE_PX, _SIDE_PX, 3), dtype=np.uint8)
    out[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return out


def _sheet(tiles: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Two columns: down the left and on down the right."""
    rows = (len(tiles) + 1) // 2
    filled = [*tiles, *[np.zeros_like(tiles[0])] * (2 * rows - len(tiles))]
    return np.hstack([np.vstack(filled[:rows]), np.vstack(filled[rows:])])


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
