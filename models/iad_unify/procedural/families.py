"""The outlines of every defect type: families of strokes, blobs, bands and bites, and how long they are.

Lengths are in pixels of a 256 px frame; `shapes.place` puts them where the product allows. It knows nothing of colours.
"""

import math

import cv2
import numpy as np

from iad_unify.procedural.shapes import Canvas, Family, Mask, Shape, Spot, blob, fill, place, stroke, walk


def _straight(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
    stroke(canvas, walk(rng, spot, spot.angle, spot.extent / 4, 0.03), _line(rng, spot))


def _arc(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
    bend = rng.uniform(0.2, 0.8) * rng.choice([-1, 1])
    t = np.linspace(0, 1, 16)
    heading = spot.angle + bend * t
    x, y = (
        spot.x + np.cumsum(np.cos(heading)) * spot.extent / 16,
        spot.y + np.cumsum(np.sin(heading)) * spot.extent / 16,
    )
    stroke(canvas, np.stack([x, y], axis=1).round().astype(np.int32), _line(rng, spot))


def _parallel(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
    gap = rng.uniform(2.5, 4.0) * spot.scale
    for index in range(int(rng.integers(2, 5))):
        x = spot.x - math.sin(spot.angle) * gap * index + rng.uniform(-6, 6) * math.cos(spot.angle)
        y = spot.y + math.cos(spot.angle) * gap * index + rng.uniform(-6, 6) * math.sin(spot.angle)
        line = Spot(round(x), round(y), spot.angle, spot.extent * rng.uniform(0.7, 1.0), spot.scale)
        stroke(canvas, walk(rng, line, spot.angle, spot.extent / 3, 0.02), 1)


def _line(rng: np.random.Generator, spot: Spot) -> int:
    return max(1, round(float(rng.choice([1, 1, 1, 2, 2, 3])) * spot.scale))


def _crack(rng: np.random.Generator, canvas: Canvas, spot: Spot, angle: float, branches: int) -> None:
    step = rng.uniform(3, 7) * spot.scale
    path = walk(rng, spot, angle, step, rng.uniform(0.25, 0.6))
    width = min(_line(rng, spot), max(1, round(spot.extent / 16)))  # a short thick one would be a blob
    half = len(path) // 2 + 1
    stroke(canvas, path[: half + 1], width)
    stroke(canvas, path[half:], max(1, width - 1))
    for _ in range(branches):
        at = path[int(rng.integers(len(path)))]
        twig = Spot(int(at[0]), int(at[1]), 0.0, spot.extent * rng.uniform(0.2, 0.5), spot.scale)
        stroke(canvas, walk(rng, twig, angle + rng.uniform(0.4, 1.3) * rng.choice([-1, 1]), step, 0.4), 1)


def _meander(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
    """A long crack that crosses the part, mostly along the grinding direction."""
    top = Spot(spot.x, max(0, round(spot.y - spot.extent / 2)), 0.0, spot.extent, spot.scale)
    _crack(rng, canvas, top, math.pi / 2 + rng.normal(0, 0.12), int(rng.integers(0, 2)))


def _free_crack(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
    _crack(rng, canvas, spot, spot.angle, int(rng.integers(0, 2)))


def _inward_crack(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
    for side in (1, -1):  # the half that leaves the part is cut off
        _crack(rng, canvas, spot, spot.angle + side * math.pi / 2 + rng.normal(0, 0.35), int(rng.integers(0, 2)))


def _branching(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
    _crack(rng, canvas, spot, spot.angle, int(rng.integers(2, 5)))


def _blob(roughness: float, longest: float = 1.6) -> Family:
    def draw(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
        angle = rng.uniform(0, math.pi)
        fill(canvas, blob(rng, max(3.0, spot.extent), roughness, rng.uniform(1, longest), angle), spot.x, spot.y)

    return draw


def _cluster(size: float, roughness: float) -> Family:
    """Several small blobs close together; `size` is the share of the extent that one takes."""

    def draw(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
        x, y = float(spot.x), float(spot.y)
        for _ in range(int(rng.integers(3, 8))):
            grain = max(2.0, spot.extent * size * rng.uniform(0.5, 1.4))
            fill(canvas, blob(rng, grain, roughness, rng.uniform(1, 1.5), 0.0), x, y)
            angle = rng.uniform(0, 2 * math.pi)
            reach = grain / 2 + rng.uniform(1.0, 4.0) * spot.scale
            x, y = x + reach * math.cos(angle), y + reach * math.sin(angle)

    return draw


def _drip(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
    fill(canvas, blob(rng, spot.extent * 0.6, 0.25, 1.2, 0.0), spot.x, spot.y)
    run = Spot(spot.x, spot.y, 0.0, spot.extent, spot.scale)
    stroke(
        canvas, walk(rng, run, math.pi / 2, spot.extent / 4, 0.08), max(2, round(spot.extent * rng.uniform(0.1, 0.25)))
    )


def _bite(longest: float) -> Family:
    """A blob on the part's border, stretched along it."""

    def draw(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
        outline = blob(rng, spot.extent, 0.35, rng.uniform(1.0, longest), spot.angle)
        fill(canvas, outline, spot.x, spot.y)

    return draw


def _fibre(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
    """A curl: it turns by half a circle to more than a whole one, tighter towards one end."""
    t = np.linspace(0, 1, 48)
    heading = spot.angle + rng.uniform(3.0, 7.5) * rng.choice([-1, 1]) * t ** rng.uniform(0.8, 1.6)
    heading += rng.uniform(0.1, 0.5) * np.sin(rng.uniform(8, 20) * t + rng.uniform(0, 6.3))
    x, y = (np.cumsum(turn) * spot.extent * 1.6 / 48 for turn in (np.cos(heading), np.sin(heading)))
    path = np.stack([spot.x + x - x.mean(), spot.y + y - y.mean()], axis=1).round().astype(np.int32)
    stroke(canvas, path, max(1, round(rng.choice([1, 1, 2]) * spot.scale)))


def _threads(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
    for _ in range(int(rng.integers(5, 12))):
        jitter = rng.normal(0, 2.5 * spot.scale, 2)
        strand = Spot(
            round(spot.x + jitter[0]), round(spot.y + jitter[1]), 0.0, spot.extent * rng.uniform(0.4, 1), spot.scale
        )
        stroke(canvas, walk(rng, strand, spot.angle + rng.normal(0, 0.35), 4 * spot.scale, 0.3), 1)


def _ragged(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
    """Teeth of unequal depth along the part's border."""
    along, across = (
        np.array([math.cos(spot.angle), math.sin(spot.angle)]),
        np.array([-math.sin(spot.angle), math.cos(spot.angle)]),
    )
    steps = np.sort(rng.uniform(-0.5, 0.5, int(rng.integers(8, 24))))
    depth = spot.extent * rng.uniform(0.15, 0.4) * rng.uniform(0.3, 1.2, steps.size)
    centre = np.array([spot.x, spot.y])
    outer = centre + np.outer(steps * spot.extent, along) + np.outer(depth, across)
    inner = centre + np.outer(steps[::-1] * spot.extent, along) - np.outer(depth[::-1], across)
    fill(canvas, np.concatenate([outer, inner]).round().astype(np.int32), 0, 0)


def _band(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
    """A stripe right across the frame."""
    angle = rng.choice([0.0, math.pi / 2]) + rng.normal(0, 0.06)
    reach = 2 * max(canvas.shape)
    dx, dy = math.cos(angle) * reach, math.sin(angle) * reach
    ends = np.array([[spot.x - dx, spot.y - dy], [spot.x + dx, spot.y + dy]]).round().astype(np.int32)
    stroke(canvas, ends, max(6, round(spot.extent * rng.uniform(0.15, 0.45))))


def _side(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
    """Everything between the part's border and a nearly parallel line."""
    angle = spot.angle + rng.normal(0, 0.08)
    reach, depth = 2 * max(canvas.shape), spot.extent * rng.uniform(0.3, 0.6)
    along, across = (
        np.array([math.cos(angle), math.sin(angle)]) * reach,
        np.array([-math.sin(angle), math.cos(angle)]) * depth,
    )
    centre = np.array([spot.x, spot.y])
    corners = [centre - along - across, centre + along - across, centre + along + across, centre - along + across]
    cv2.fillPoly(canvas, [np.array(corners).round().astype(np.int32)], color=1)


def _patch(rng: np.random.Generator, canvas: Canvas, spot: Spot) -> None:
    """A rounded rectangle, as of a print, a piece of tape or a heated zone."""
    half = max(2, round(spot.extent * rng.uniform(0.1, 0.25)))
    tip = Spot(spot.x, spot.y, 0.0, spot.extent, spot.scale)
    stroke(canvas, walk(rng, tip, rng.choice([0.0, math.pi / 2]) + rng.normal(0, 0.2), spot.extent, 0.0), 2 * half)


#: Per type: (family name, how it is drawn, at the part's border), the shortest and the longest extent at 256 px.
_OUTLINES: dict[str, tuple[tuple[tuple[str, Family, bool], ...], float, float]] = {
    "scratch": ((("straight", _straight, False), ("arc", _arc, False), ("parallel", _parallel, False)), 18, 150),
    "crack": (
        (
            ("meander", _meander, False),
            ("free", _free_crack, False),
            ("inward", _inward_crack, True),
            ("branching", _branching, False),
        ),
        16,
        210,
    ),
    "hole": (
        (("round", _blob(0.06, 1.25), False), ("oblong", _blob(0.08, 1.8), False), ("pit", _blob(0.15), False)),
        6,
        28,
    ),
    "chip": ((("bite", _bite(1.5), True), ("shallow", _bite(5.0), True)), 9, 60),
    "dent": ((("round", _blob(0.05, 1.3), False), ("long", _blob(0.1, 3.5), False)), 13, 62),
    "stain": ((("blob", _blob(0.45), False), ("drip", _drip, False), ("splash", _cluster(0.45, 0.4), False)), 14, 90),
    "contamination": (
        (("fibre", _fibre, False), ("specks", _cluster(0.25, 0.3), False), ("lump", _blob(0.5), False)),
        12,
        60,
    ),
    "discoloration": (
        (
            ("cloud", _blob(0.4, 2.0), False),
            ("band", _band, False),
            ("patch", _patch, False),
        ),
        34,
        130,
    ),
    "fray": ((("threads", _threads, True), ("ragged", _ragged, True), ("worn", _blob(0.35, 1.8), False)), 22, 130),
    "missing_part": ((("corner", _bite(1.2), True), ("block", _side, True)), 26, 90),
}


def outline(defect_type: str, rng: np.random.Generator, size_hint: float, allowed: Mask) -> Shape:
    """A shape of this type inside the allowed pixels; see `defect_mask`."""
    families, shortest, longest = _OUTLINES[defect_type]
    extent = size_hint
    if extent <= 0:  # short ones as often as long ones
        side = min(max(allowed.shape) / 256, _room(allowed) / 130)
        extent = side * math.exp(rng.uniform(math.log(shortest), math.log(longest)))
    return place(rng, allowed, families, extent)


def _room(allowed: Mask) -> float:
    """The side of a square of the allowed area, in pixels: small parts get small defects."""
    return max(16.0, math.sqrt(float(np.count_nonzero(allowed))))
