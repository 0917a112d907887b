"""Synthetic anomalies that imitate what goes wrong with real parts, one function for each kind.

Each takes a picture uint8 [H, W, 3], a donor of the same size, the pixels bool [H, W] that show the part, and chance; it
gives the changed copy and the mask bool [H, W] of what changed visibly. A mask may be empty, and what is faint outside
the mask may have changed as well: `anomalies.add_anomaly` puts that back. It knows nothing of models or types.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.data.edges import edge_point
from iad_unify.procedural.fields import as_field, smooth

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Field = NDArray[np.float32]
Flaw = Callable[[Image, Image, Mask, np.random.Generator], tuple[Image, Mask]]

_SUBPIXEL = 4  # bits of a line's coordinates
_SEEN = 0.3  # of the full change: less is not part of the mask


def scratch(picture: Image, donor: Image, allowed: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
    """One to four long, thin, nearly straight and nearly parallel lines that come and go, bright or dark."""
    height, width = allowed.shape
    side, angle = max(height, width), rng.uniform(0, np.pi)
    start = _inside(allowed, rng) - 0.2 * side * np.array([np.cos(angle), np.sin(angle)])
    lines = np.zeros((height, width), dtype=np.uint8)
    for _ in range(int(rng.choice([1, 1, 1, 2, 4]))):
        length, bend = side * rng.uniform(0.15, 0.9), rng.normal(0, 0.04)
        along = np.linspace(0, 1, 12)[:, None]
        heading = angle + rng.normal(0, 0.03)
        across = np.array([-np.sin(heading), np.cos(heading)])
        path = start + along * length * np.array([np.cos(heading), np.sin(heading)])
        path += across * (rng.normal(0, 0.02) * side + bend * length * along * (1 - along) * 2)
        _line(lines, path, int(rng.choice([1, 1, 1, 2])), int(rng.integers(140, 256)))
    alpha = lines.astype(np.float32) / 255 * np.clip(0.75 + 0.5 * smooth(rng, height, width, side / 8), 0, 1)
    change = alpha * np.float32(rng.uniform(25, 100) * rng.choice([-1, 1, 1]))
    if rng.random() < 0.4:  # a burr beside the groove
        change -= np.roll(change, 1, axis=int(rng.integers(2))) * np.float32(0.5)
    return _added(picture, as_field(change)), alpha > _SEEN


def branching_crack(picture: Image, donor: Image, allowed: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
    """A jagged line that branches and thins out: a dark core with, often, a bright rim on one side."""
    core = np.zeros(allowed.shape, dtype=np.uint8)
    side = max(allowed.shape)
    width = float(rng.choice([1.0, 1.5, 2.5, 4.0])) * side / 256
    _branch(core, _inside(allowed, rng), rng.uniform(0, 2 * np.pi), side * rng.uniform(0.08, 0.45), width, rng)
    soft = cv2.GaussianBlur(core, (0, 0), 0.6).astype(np.float32) / 255
    rim = cv2.dilate(core, np.ones((3, 3), dtype=np.uint8)).astype(np.float32) / 255
    shifted = np.roll(rim, (int(rng.integers(-1, 2)), int(rng.integers(-1, 2))), axis=(0, 1))
    depth, shine = rng.uniform(0.35, 0.9), rng.uniform(0, 35) * (rng.random() < 0.6)
    change = -soft * depth * np.maximum(_grey(picture), 30) + np.maximum(shifted - soft, 0) * shine
    return _added(picture, as_field(change)), soft > _SEEN


def chip(picture: Image, donor: Image, allowed: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
    """Material broken off at the part's edge: the background shows, with a broken face along the new edge."""
    edge = edge_point(picture, allowed, rng)
    radius = max(allowed.shape) * float(np.exp(rng.uniform(np.log(0.02), np.log(0.1))))
    here, at = _window(allowed.shape, edge.at, 2.5 * radius)
    part = edge.part[here]
    outline = _outline(at, radius, rng, stretch=rng.uniform(1, 2.5), angle=edge.angle + np.pi / 2)
    missing = _filled(part.shape, outline) & part
    deep = cv2.distanceTransform(missing.astype(np.uint8), cv2.DIST_L2, 3)
    face = np.clip(1 - deep / max(1.5, radius * rng.uniform(0.05, 0.5)), 0, 1)
    face *= cv2.GaussianBlur(part.astype(np.float32), (0, 0), 2)  # the old edge has no face
    rough = smooth(rng, part.shape[0], part.shape[1], rng.uniform(1.5, 6)) * rng.uniform(3, 14)
    fill = edge.background + (face * rng.uniform(-30, 80) + rough * (0.3 + face))[:, :, None]
    alpha = as_field(cv2.GaussianBlur(missing.astype(np.float32), (0, 0), 0.7))
    return _pasted(picture, allowed.shape, here, _mixed(picture[here], fill, alpha), missing)


def fray(picture: Image, donor: Image, allowed: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
    """A stretch of the part's edge torn into teeth and fibres: every line across the edge is moved on its own."""
    edge = edge_point(picture, allowed, rng)
    side = max(allowed.shape)
    reach, depth = side * rng.uniform(0.03, 0.12), side * rng.uniform(0.01, 0.04)
    here, at = _window(allowed.shape, edge.at, 1.7 * max(reach, 2 * depth))
    columns, rows = _grid(allowed[here].shape)
    x, y = np.float32(np.cos(edge.angle)), np.float32(np.sin(edge.angle))
    across = (columns - np.float32(at[0])) * x + (rows - np.float32(at[1])) * y
    along = (rows - np.float32(at[1])) * x - (columns - np.float32(at[0])) * y
    teeth = rng.standard_normal(512, dtype=np.float32) + np.repeat(rng.standard_normal(128, dtype=np.float32), 4)
    slot = np.clip((along / rng.uniform(1, 3) + 256).astype(np.int32), 0, 511)
    taper = np.exp(-((along / reach) ** 2) - (across / (1.7 * depth)) ** 2)
    shift = as_field(taper * depth * (teeth[slot] - 0.3))
    moved = _remapped(picture[here], columns + shift * x, rows + shift * y)
    return _pasted(picture, allowed.shape, here, moved, _changed(picture[here], moved, 10.0))


def unevenness(picture: Image, donor: Image, allowed: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
    """A wide part of the surface a little brighter or darker, rougher or smoother, with a soft, wavy border."""
    height, width = allowed.shape
    side, angle, centre = max(height, width), rng.uniform(0, 2 * np.pi), _inside(allowed, rng)
    columns, rows = _grid((height // 2, width // 2))  # so wide a thing is drawn at half the size
    x, y = 2 * columns - np.float32(centre[0]), 2 * rows - np.float32(centre[1])
    away = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    if rng.random() < 0.5:  # a spot instead of everything beyond a line
        aside = y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))
        away = np.float32(side * rng.uniform(0.1, 0.3)) - np.hypot(away, aside * np.float32(rng.uniform(0.4, 1)))
    waves = smooth(rng, height // 2, width // 2, side / rng.uniform(4, 16)) * np.float32(side * rng.uniform(0.01, 0.06))
    steepness = np.float32(1 / (side * rng.uniform(0.005, 0.06)))
    alpha = 1 / (1 + np.exp(-np.clip((away + waves) * steepness, -20, 20)))
    alpha = as_field(cv2.resize(as_field(alpha), (width, height)))
    slope = (1 + 0.5 * smooth(rng, height, width, side / 2)) * np.float32(rng.choice([-1, 1]))
    lit = (_grey(picture) * np.float32(rng.uniform(0.07, 0.22)) + np.float32(rng.uniform(2, 8))) * slope
    if rng.random() < 0.4:  # smoother or rougher as well
        smoothed = cv2.GaussianBlur(picture, (0, 0), rng.uniform(1, 3)).astype(np.float32)
        lit = lit + _grey(picture - smoothed) * np.float32(rng.choice([-0.8, 0.8, 1.5]))
    return _added(picture, as_field(lit * alpha)), alpha > 0.5


def warp(picture: Image, donor: Image, allowed: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
    """The part's own texture pulled out of place inside a spot: bulged, twisted or crumpled."""
    centre = _inside(allowed, rng)
    radius = max(allowed.shape) * float(np.exp(rng.uniform(np.log(0.05), np.log(0.18))))
    here, at = _window(allowed.shape, centre, radius)
    columns, rows = _grid(allowed[here].shape)
    x, y = (columns - np.float32(at[0])) / np.float32(radius), (rows - np.float32(at[1])) / np.float32(radius)
    taper = np.clip(1 - x * x - y * y, 0, 1) ** 2 * np.float32(radius)
    way, size = np.float32(rng.choice([-1.0, 1.0])), np.float32(rng.uniform(0.6, 1.2))
    kind = rng.integers(3)
    if kind == 0:
        dx, dy = x * size * way, y * size * way
    elif kind == 1:
        dx, dy = -y * size * way, x * size * way
    else:
        dx, dy = (smooth(rng, taper.shape[0], taper.shape[1], radius * 0.7) * size * np.float32(0.4) for _ in range(2))
    moved = _remapped(picture[here], columns + dx * taper, rows + dy * taper)
    spot = (taper > 0.1 * radius) & (cv2.blur(_strength(picture[here], moved), (5, 5)) > 4)
    return _pasted(picture, allowed.shape, here, moved, spot)


def blended_patch(picture: Image, donor: Image, allowed: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
    """Texture from elsewhere that takes on the light of the place: its detail upon the picture's low frequencies."""
    centre = _inside(allowed, rng)
    radius = max(allowed.shape) * float(np.exp(rng.uniform(np.log(0.03), np.log(0.14))))
    here, at = _window(allowed.shape, centre, 2 * radius)
    rows, columns = allowed[here].shape
    turn = cv2.getRotationMatrix2D(tuple(_inside(allowed, rng)), rng.uniform(20, 340), rng.uniform(0.7, 1.8))
    turn[:, 2] += np.array([columns / 2, rows / 2]) - turn @ np.append(_inside(allowed, rng), 1)
    source = donor if rng.random() < 0.6 else picture
    moved = cv2.warpAffine(source, turn, (columns, rows), borderMode=cv2.BORDER_REFLECT).astype(np.float32)
    shape = _filled((rows, columns), _outline(at, radius, rng, rng.uniform(1, 2), rng.uniform(0, np.pi)))
    size = (int(radius) | 1, int(radius) | 1)
    detail = (moved - cv2.blur(moved, size)) * np.float32(rng.uniform(0.9, 1.8))
    fill = cv2.blur(picture[here], size) + detail + np.float32(rng.uniform(6, 22) * rng.choice([-1, 1]))
    alpha = as_field(cv2.GaussianBlur(shape.astype(np.float32), (0, 0), rng.uniform(0.5, 2.5)))
    return _pasted(picture, allowed.shape, here, _mixed(picture[here], fill, alpha), shape)


def pores(picture: Image, donor: Image, allowed: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
    """One to four small round pits, darker towards their middle, often with a bright rim on the lit side."""
    changed, mask = picture, np.zeros(allowed.shape, dtype=bool)
    first, side = _inside(allowed, rng), max(allowed.shape)
    for index in range(int(rng.choice([1, 1, 1, 2, 4]))):
        at = first + (index > 0) * rng.normal(0, 0.05 * side, 2)
        radius = max(1.2, side * float(np.exp(rng.uniform(np.log(0.005), np.log(0.03)))))
        here, middle = _window(allowed.shape, np.clip(at, 0, np.array(allowed.shape[::-1]) - 1), 3 * radius + 2)
        outline = _outline(middle, radius, rng, stretch=rng.uniform(1, 2), angle=rng.uniform(0, np.pi))
        pit = _filled(allowed[here].shape, outline)
        depth = as_field(cv2.GaussianBlur(pit.astype(np.float32), (0, 0), max(0.5, radius * rng.uniform(0.15, 0.4))))
        grey = np.maximum(_grey(changed[here]), 20)
        change = -depth * grey * np.float32(rng.uniform(0.25, 0.85))
        if rng.random() < 0.4:
            lit = np.roll(depth, tuple(int(step) for step in rng.integers(-1, 2, 2)), axis=(0, 1)) * (1 - depth)
            change += lit * grey * np.float32(rng.uniform(0.3, 1.2))
        changed, spot = _pasted(changed, allowed.shape, here, _added(changed[here], as_field(change)), depth > _SEEN)
        mask |= spot
    return changed, mask


def other_finish(picture: Image, donor: Image, allowed: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
    """A band of the surface finished otherwise: grooves of its own, brighter or darker, up to a border across them."""
    height, width = allowed.shape
    side, centre = max(height, width), _inside(allowed, rng)
    # parts mostly lie straight before their camera, and are machined along a side
    angle = rng.integers(2) * np.pi / 2 + (rng.normal(0, 0.03) if rng.random() < 0.8 else rng.uniform(0, np.pi))
    columns, rows = _grid((height, width))
    x, y = columns - np.float32(centre[0]), rows - np.float32(centre[1])
    tilt = angle + rng.normal(0, 0.15)
    along = (x * np.float32(np.cos(tilt)) + y * np.float32(np.sin(tilt))) * np.float32(rng.choice([-1, 1]))
    across = y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))
    if rng.random() < 0.4:  # a band instead of everything beyond a line
        along = np.minimum(along, np.float32(side * rng.uniform(0.1, 0.4)) - along)
    waves = smooth(rng, height, width, side / rng.uniform(2, 10)) * np.float32(side * rng.uniform(0, 0.02))
    alpha = 1 / (1 + np.exp(-np.clip((along + waves) / np.float32(side * rng.uniform(0.002, 0.03)), -20, 20)))
    pitch = rng.uniform(1, 4)
    profile = rng.standard_normal(512, dtype=np.float32) + rng.standard_normal(512, dtype=np.float32).repeat(4)[:512]
    grooves = profile[np.clip(across / np.float32(pitch) + 256, 0, 511).astype(np.int32)]
    come_and_go = np.clip(0.7 + 0.5 * smooth(rng, height, width, side / 4), 0, 1.5)
    grey = _grey(picture)
    own = grey - as_field(cv2.GaussianBlur(grey, (0, 0), rng.uniform(1.5, 5)))
    level = float(grey[allowed].mean()) if allowed.any() else 0.0
    change = grooves * come_and_go * np.float32(rng.uniform(0.02, 0.16) * level)
    change += np.float32(rng.normal(0, 0.08) * level) - own * np.float32(rng.uniform(0, 1))
    return _added(picture, as_field(change * alpha)), alpha > 0.5


def _inside(allowed: Mask, rng: np.random.Generator) -> NDArray[np.float64]:
    """A point (x, y) on the part."""
    rows, columns = np.flatnonzero(allowed.any(axis=1)), np.flatnonzero(allowed.any(axis=0))
    if not rows.size:
        return np.array([allowed.shape[1] / 2, allowed.shape[0] / 2])
    return np.array([float(rng.choice(columns)), float(rng.choice(rows))])


def _window(
    shape: tuple[int, ...], at: NDArray[np.float64], reach: float
) -> tuple[tuple[slice, slice], NDArray[np.float64]]:
    """The slices that reach that far (pixels) around (x, y), and (x, y) inside them."""
    x0, y0 = (int(np.clip(np.floor(value - reach), 0, room - 1)) for value, room in zip(at, shape[::-1], strict=True))
    x1, y1 = (int(np.clip(np.ceil(value + reach) + 1, 1, room)) for value, room in zip(at, shape[::-1], strict=True))
    return (slice(y0, y1), slice(x0, x1)), at - (x0, y0)


def _grid(shape: tuple[int, ...]) -> tuple[Field, Field]:
    """Open coordinates x [1, W] and y [H, 1]."""
    return np.arange(shape[1], dtype=np.float32)[None, :], np.arange(shape[0], dtype=np.float32)[:, None]


def _pasted(
    picture: Image, shape: tuple[int, ...], here: tuple[slice, slice], changed: Image, mask: Mask
) -> tuple[Image, Mask]:
    whole, everywhere = picture.copy(), np.zeros(shape, dtype=bool)
    whole[here], everywhere[here] = changed, mask
    return whole, everywhere


def _remapped(picture: Image, x: Field, y: Field) -> Image:
    moved = cv2.remap(picture, as_field(x), as_field(y), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return moved.astype(np.uint8, copy=False)


def _grey(picture: NDArray[Any]) -> Field:
    return as_field(cv2.transform(picture.astype(np.float32, copy=False), np.full((1, 3), 1 / 3, dtype=np.float32)))


def _line(canvas: Image, path: NDArray[np.float64], thickness: int, value: int) -> None:
    points = np.round(path * (1 << _SUBPIXEL)).astype(np.int32)
    cv2.polylines(canvas, [points], False, value, thickness, cv2.LINE_AA, _SUBPIXEL)


def _branch(
    canvas: Image, start: NDArray[np.float64], angle: float, length: float, width: float, rng: np.random.Generator
) -> None:
    """A random walk that thins out, and its branches, at most two generations of them."""
    stride = max(2.0, length / 24)
    steps = max(2, round(length / stride))
    turns = angle + np.cumsum(rng.normal(0, 0.25, steps)) + rng.normal(0, 0.35, steps)
    path = start + np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1) * stride, axis=0)
    for at in range(steps - 1):
        thickness = max(1, round(width * (1 - at / steps) * rng.uniform(0.6, 1.3)))
        _line(canvas, path[at : at + 2], thickness, 255)
        if length > 20 and rng.random() < 0.06:
            side = turns[at] + rng.choice([-1, 1]) * rng.uniform(0.4, 1.2)
            _branch(canvas, path[at], side, length * rng.uniform(0.2, 0.45), width * 0.6, rng)


def _outline(
    at: NDArray[np.float64], radius: float, rng: np.random.Generator, stretch: float, angle: float
) -> NDArray[np.float64]:
    """A ragged round polygon [N, 2] around (x, y), `stretch` times longer along `angle`."""
    around = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    waves = sum(rng.normal(0, 0.22 / order) * np.cos(order * around + rng.uniform(0, 6.3)) for order in range(2, 9))
    far = radius * np.clip(1 + waves + rng.normal(0, 0.04, 48), 0.2, 2)
    x, y = far * np.cos(around) * np.sqrt(stretch), far * np.sin(around) / np.sqrt(stretch)
    turned = [x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)]
    return np.stack(turned, axis=1) + at


def _filled(shape: tuple[int, ...], outline: NDArray[np.float64]) -> Mask:
    canvas = np.zeros(shape, dtype=np.uint8)
    cv2.fillPoly(canvas, [np.round(outline).astype(np.int32)], 1)
    return canvas.astype(bool)


def _added(picture: Image, change: Field) -> Image:
    """The picture with `change` [H, W] grey levels added; only where there is any, which is mostly a small part."""
    rows, columns = np.flatnonzero(change.any(axis=1)), np.flatnonzero(change.any(axis=0))
    changed = picture.copy()
    if rows.size:
        here = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        changed[here] = np.clip(picture[here] + change[here][:, :, None], 0, 255)
    return changed


def _mixed(picture: Image, fill: NDArray[np.floating], alpha: Field) -> Image:
    return np.clip(picture + (fill - picture) * alpha[:, :, None], 0, 255).astype(np.uint8)


def _strength(picture: Image, changed: NDArray[np.generic]) -> Field:
    """How much each pixel changed: grey levels, the most of its channels."""
    return as_field(cv2.absdiff(picture, changed.astype(np.uint8, copy=False)).max(axis=2))


def _changed(picture: Image, changed: NDArray[np.generic], least: float) -> Mask:
    """Where the change is visible, without holes of a few pixels."""
    seen = (_strength(picture, changed) > least).astype(np.uint8)
    return cv2.morphologyEx(seen, cv2.MORPH_CLOSE, np.ones((5, 5), dtype=np.uint8)) > 0


FLAWS: tuple[Flaw, ...] = (scratch, branching_crack, chip, fray, unevenness, warp, blended_patch)
#: Of cast and machined surfaces: real good pictures get these as well, drawings have holes and stains of their own.
SURFACE_FLAWS: tuple[Flaw, ...] = (pores, other_finish)
