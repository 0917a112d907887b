"""A populated circuit board seen from above: substrate, traces, pads, black packages, small two-terminal parts."""

import cv2
import numpy as np
from numpy.typing import NDArray

from iad_unify.procedural.fields import Field, as_field, grain, lighting, smooth, soften
from iad_unify.procedural.scene import Scene

Colour = tuple[float, float, float]

_SUBSTRATES: tuple[Colour, ...] = (
    (22, 92, 48),
    (18, 62, 110),
    (30, 34, 38),
    (120, 28, 30),
    (70, 110, 60),
    (150, 130, 80),
)
_PRINT: Colour = (232, 232, 226)
_METALS: tuple[Colour, ...] = ((205, 170, 80), (190, 192, 195), (200, 130, 85))


def scene(rng: np.random.Generator, size: int) -> Scene:
    """Draw a board; see `Scene`. Its packages and small parts can be missing."""
    scale = size / 256
    substrate = _SUBSTRATES[int(rng.integers(len(_SUBSTRATES)))]
    metal = _METALS[int(rng.integers(len(_METALS)))]
    bare = np.empty((size, size, 3), dtype=np.uint8)
    bare[:] = substrate
    _traces(rng, bare, _varied(rng, substrate, 1.35), scale)
    _vias(rng, bare, metal, scale)
    spots = _sites(rng, size, scale)
    for x, y, w, h in spots:
        _pads(bare, x, y, w, h, metal, scale)
    populated = bare.copy()
    parts = [_component(rng, populated, bare, spot, metal, scale) for spot in spots]
    light = lighting(rng, size, size, rng.uniform(0.1, 0.6)) * (1 + 0.025 * smooth(rng, size, size, 2 * scale))
    noise = grain(rng, size, size, rng.uniform(0.8, 4.0))
    sigma = float(rng.choice([0.0, 0.6, 1.0]))
    image, under = (_lit(picture, light, noise, sigma) for picture in (populated, bare))
    margin = max(2, round(3 * scale))
    allowed = np.zeros((size, size), dtype=bool)
    allowed[margin:-margin, margin:-margin] = True
    return Scene(image, under, allowed, tuple(parts))


def _lit(picture: NDArray[np.uint8], light: Field, noise: Field, sigma: float) -> Field:
    return as_field(soften(as_field(picture), sigma) * light[:, :, None] + noise[:, :, None])


def _varied(rng: np.random.Generator, colour: Colour, gain: float) -> Colour:
    factor = gain * rng.uniform(0.85, 1.15)
    return (min(255.0, colour[0] * factor + 8), min(255.0, colour[1] * factor + 8), min(255.0, colour[2] * factor + 8))


def _traces(rng: np.random.Generator, board: NDArray[np.uint8], colour: Colour, scale: float) -> None:
    """Buses of parallel lines that turn by 45 degrees."""
    size = board.shape[0]
    for _ in range(int(rng.integers(4, 9))):
        x, y = rng.uniform(0, size, 2)
        horizontal = rng.random() < 0.5
        run, slant, rest = rng.uniform(0.15, 0.5) * size, rng.uniform(0.05, 0.25) * size, rng.uniform(0.2, 0.7) * size
        up = rng.choice([-1, 1])
        path = np.array([[0, 0], [run, 0], [run + slant, up * slant], [run + slant + rest, up * slant]])
        path = path if horizontal else path[:, ::-1]
        pitch = rng.uniform(5, 9) * scale
        for lane in range(int(rng.integers(1, 6))):
            shift = np.array([x, y]) + (np.array([0, lane * pitch]) if horizontal else np.array([lane * pitch, 0]))
            points = (path + shift).round().astype(np.int32)
            cv2.polylines(board, [points], False, colour, max(1, round(rng.choice([1, 2, 2, 3]) * scale)), cv2.LINE_AA)


def _vias(rng: np.random.Generator, board: NDArray[np.uint8], metal: Colour, scale: float) -> None:
    for _ in range(int(rng.integers(5, 22))):
        x, y = (int(v) for v in rng.integers(0, board.shape[0], 2))
        radius = max(2, round(rng.uniform(2, 4.5) * scale))
        cv2.circle(board, (x, y), radius, metal, -1, cv2.LINE_AA)
        cv2.circle(board, (x, y), max(1, radius // 2), (18, 18, 18), -1, cv2.LINE_AA)


def _sites(rng: np.random.Generator, size: int, scale: float) -> list[tuple[int, int, int, int]]:
    """Boxes (x, y, w, h) of components that do not touch."""
    taken: list[tuple[int, int, int, int]] = []
    gap = round(8 * scale)
    for _ in range(int(rng.integers(5, 14))):
        big = rng.random() < 0.25
        w = round((rng.uniform(36, 76) if big else rng.uniform(11, 26)) * scale)
        h = round(w * rng.uniform(0.6, 1.2)) if big else round(w * rng.uniform(0.4, 0.6))
        if rng.random() < 0.5:
            w, h = h, w
        x, y = (
            int(rng.integers(gap, max(gap + 1, size - w - gap))),
            int(rng.integers(gap, max(gap + 1, size - h - gap))),
        )
        clear = all(x + w + gap < a or a + c + gap < x or y + h + gap < b or b + d + gap < y for a, b, c, d in taken)
        if clear and x + w < size - gap and y + h < size - gap:
            taken.append((x, y, w, h))
    return taken


def _pads(board: NDArray[np.uint8], x: int, y: int, w: int, h: int, metal: Colour, scale: float) -> None:
    if max(w, h) > 30 * scale:  # a package: a row of pads on two sides
        lead, pitch = max(2, round(3 * scale)), max(4, round(6 * scale))
        for at in range(x + 2, x + w - lead, pitch):
            cv2.rectangle(board, (at, y - lead), (at + lead, y + h + lead), metal, -1)
        return
    third_w, third_h = (max(2, w // 3), h) if w >= h else (w, max(2, h // 3))
    cv2.rectangle(board, (x, y), (x + third_w, y + third_h), metal, -1)
    cv2.rectangle(board, (x + w - third_w, y + h - third_h), (x + w, y + h), metal, -1)


def _component(
    rng: np.random.Generator,
    board: NDArray[np.uint8],
    bare: NDArray[np.uint8],
    spot: tuple[int, int, int, int],
    metal: Colour,
    scale: float,
) -> NDArray[np.bool_]:
    """Draw one component and return its mask; under a package the bare board has no pads, but a printed footprint."""
    x, y, w, h = spot
    if max(w, h) > 30 * scale:
        tone = float(rng.uniform(22, 60))
        cv2.rectangle(board, (x, y), (x + w, y + h), (tone, tone, tone + 2), -1)
        cv2.rectangle(board, (x, y), (x + w, y + h), (tone + 18,) * 3, 1)
        cv2.circle(board, (x + round(6 * scale), y + round(6 * scale)), max(1, round(2 * scale)), (tone + 35,) * 3, -1)
        inset = max(2, round(4 * scale))
        bare[y + inset : y + h - inset, x + inset : x + w - inset] = bare[y - inset, x]
    else:
        body = _varied(rng, ((60, 45, 40), (165, 135, 100), (40, 40, 44))[int(rng.integers(3))], 1.0)
        end = max(1, (w if w >= h else h) // 5)
        cv2.rectangle(board, (x, y), (x + w, y + h), metal, -1)
        corner = ((x + end, y), (x + w - end, y + h)) if w >= h else ((x, y + end), (x + w, y + h - end))
        cv2.rectangle(board, corner[0], corner[1], body, -1)
    _footprint(bare, spot, scale)
    mask = np.zeros(board.shape[:2], dtype=bool)
    mask[y : y + h + 1, x : x + w + 1] = True
    return mask


def _footprint(bare: NDArray[np.uint8], spot: tuple[int, int, int, int], scale: float) -> None:
    """What is printed under a component, and seen only when it is missing: a white frame and its diagonal."""
    x, y, w, h = spot
    inset = max(1, round(2 * scale))
    first, last = (x + inset, y + inset), (x + w - inset, y + h - inset)
    thickness = max(1, round(scale))
    cv2.rectangle(bare, first, last, _PRINT, thickness)
    cv2.line(bare, first, last, _PRINT, thickness, cv2.LINE_AA)
