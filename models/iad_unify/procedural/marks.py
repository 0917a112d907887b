"""How a defect changes the surface: several looks for every defect type, from barely visible to strong.

Each type has something that no other has, so that whoever sees the mark can name it: a scratch is bright and smooth, a
crack dark and jagged, a hole round and black with a lit rim, a chip broken into bright facets, a dent light on one side
and dark on the other, a stain a thin film with a stronger rim, contamination grainy, or a curl with its shadow, a
discoloration the same texture under a soft or a straight border, a fray full of loose strands, and where a part is
missing what lies behind it shows, beside the torn edge of what is left.

A look gets the clean patch and the shape's distance fields and returns the patch with the defect. It knows nothing of
where the patch lies in the frame. Pixels outside the mask change by at most the soft edge of 2 px.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from iad_unify.procedural.fields import Field, as_field, rgb, smooth, soften
from iad_unify.procedural.shapes import Mask, Shape

#: How far, in pixels, a soft edge may reach outside the mask.
EDGE_PX = 2
#: Grey levels of the contrast that is asked of a look, drawn log-uniformly, and the least mean change that is left.
FAINTEST, STRONGEST, LEAST_CHANGE = 52.0, 140.0, 20.0


@dataclass(frozen=True, slots=True)
class Patch:
    """What a look works on; all fields are of the patch's size."""

    clean: Field  # [h, w, 3]
    under: Field  # [h, w, 3]: what lies behind the part
    part: Mask  # [h, w]: where the part is, defects aside
    ink: Field  # [h, w] 0..1: the strokes with a soft edge
    cover: Field  # [h, w] 0..1: the mask with a soft edge
    depth: Field  # [h, w]: distance to the mask's border in pixels, 0 outside
    strength: float  # grey levels
    tint: tuple[float, float, float]  # relative colour of what is added; (1, 1, 1) on grey products

    @property
    def level(self) -> float:
        """Mean grey level under the mask."""
        return float(self.clean[self.depth > 0].mean())

    def noise(self, rng: np.random.Generator, grain_px: float) -> Field:
        """Smooth noise of the patch's size."""
        return smooth(rng, self.clean.shape[0], self.clean.shape[1], grain_px)

    def added(self, amount: Field) -> Field:
        """The clean patch plus `amount` grey levels [h, w]."""
        return as_field(self.clean + amount[:, :, None])

    def covered(self, colour: Field, alpha: Field) -> Field:
        """The clean patch with `colour` [h, w, 3] laid over it."""
        return as_field(self.clean + (colour - self.clean) * alpha[:, :, None])

    def darker(self, alpha: Field) -> Field:
        """Light taken away in proportion, by `strength` grey levels where alpha is 1."""
        share = min(0.92, self.strength / max(self.level, 20.0))
        return as_field(self.clean * (1 - share * alpha[:, :, None]))


Look = Callable[[np.random.Generator, Patch], Field]

#: Grey level of a surface on which nothing looks brighter, and of one on which nothing looks darker.
_BRIGHT, _DARK = 190.0, 60.0


def _sign(rng: np.random.Generator, patch: Patch, bright_share: float) -> float:
    if patch.level < 45:
        return 1.0
    return -1.0 if patch.level > 205 or rng.random() > bright_share else 1.0


def _scratch_line(rng: np.random.Generator, patch: Patch) -> Field:
    """Bare material shines; on what shines already only the groove is seen."""
    if patch.level > _BRIGHT:
        return _scratch_groove(rng, patch)
    pressure = np.clip(1 + 0.4 * patch.noise(rng, 9), 0.25, 1.5)
    return patch.added(as_field(patch.strength * patch.ink * pressure))


def _scratch_groove(rng: np.random.Generator, patch: Patch) -> Field:
    """A bright flank beside a dark one, as a groove under slanted light."""
    dx, dy = rng.choice([-1, 1], 2)
    shifted = np.roll(patch.ink, (int(dy), int(dx)), axis=(0, 1)) * (patch.cover > 0)
    return patch.added(as_field(patch.strength * (patch.ink - 0.8 * shifted)))


def _crack_dark(rng: np.random.Generator, patch: Patch) -> Field:
    gaps = np.clip(1.1 + 0.45 * patch.noise(rng, 7), 0.35, 1.3)
    return patch.darker(as_field(patch.ink * gaps))


def _crack_lipped(rng: np.random.Generator, patch: Patch) -> Field:
    """A dark crack one of whose lips catches the light."""
    dx, dy = rng.choice([-1, 1], 2)
    lip = np.roll(patch.ink, (int(dy), int(dx)), axis=(0, 1)) * patch.cover
    glint = 0.5 * patch.strength * np.clip(lip - patch.ink, 0, 1)
    return as_field(patch.darker(patch.ink) + glint[:, :, None])


def _hole(rng: np.random.Generator, patch: Patch) -> Field:
    """Black inside, with a bright crescent on the side away from the light."""
    deep = np.clip(0.6 + 0.4 * patch.depth / max(1.0, float(patch.depth.max())), 0, 1)
    black = patch.clean * (1 - rng.uniform(0.85, 0.97) * (patch.ink * deep)[:, :, None])
    rim = np.exp(-patch.depth / 1.5) * patch.cover * np.clip(_slope(rng, patch) + 0.2, 0, 1)
    return as_field(black + (patch.strength * rng.uniform(0.9, 1.4) * rim)[:, :, None])


def _slope(rng: np.random.Generator, patch: Patch) -> Field:
    """-1..1 across the mask in a random direction: which side faces the light."""
    ys, xs = np.nonzero(patch.depth > 0)
    height, width = patch.depth.shape
    angle = rng.uniform(0, 2 * math.pi)
    x = (np.arange(width, dtype=np.float32) - xs.mean())[None, :]
    y = (np.arange(height, dtype=np.float32) - ys.mean())[:, None]
    along = math.cos(angle) * x + math.sin(angle) * y
    return as_field(along / max(1.0, float(np.abs(along[patch.depth > 0]).max())))


def _chip(rng: np.random.Generator, patch: Patch) -> Field:
    """Broken facets: coarse steps of grey that ignore the surface texture, and paler, as a fresh fracture is."""
    steps = np.round(patch.noise(rng, rng.uniform(3, 6)) * 1.5) / 1.5 + 0.1 * patch.noise(rng, 1.5)
    level = patch.level + (-0.8 if patch.level > _BRIGHT else 1.0) * patch.strength
    return patch.covered(rgb(as_field(np.clip(level, 40, 215) + steps * patch.strength * 0.45)), patch.cover)


def _dent_shaded(rng: np.random.Generator, patch: Patch) -> Field:
    """Bright where the hollow faces the light, dark where it does not, flat at its border."""
    bowl = np.clip(patch.depth / max(1.0, 0.5 * float(patch.depth.max())), 0, 1)
    return patch.added(as_field(1.4 * patch.strength * _slope(rng, patch) * bowl * patch.cover))


def _dent_soft(rng: np.random.Generator, patch: Patch) -> Field:
    bowl = np.clip(patch.depth / max(1.0, float(patch.depth.max())), 0, 1) ** 1.3
    shade = -0.2 * bowl + 1.5 * _slope(rng, patch) * bowl
    return patch.added(as_field(patch.strength * shade * patch.cover))


def _filmed(patch: Patch, alpha: Field) -> Field:
    """A thin film: light taken away, more of the complementary colours of the tint; on a dark surface a pale bloom.

    The surface's own texture is seen through it.
    """
    share = np.float32(min(0.5, patch.strength / max(patch.level, 20.0)))
    colour = np.array([2 - t for t in patch.tint], dtype=np.float32)
    if patch.level < _DARK:
        return as_field(patch.clean + (0.7 * patch.strength * alpha)[:, :, None] * colour)
    return as_field(patch.clean * np.clip(1 - share * alpha[:, :, None] * colour, 0.25, 1))


def _stain_film(rng: np.random.Generator, patch: Patch) -> Field:
    blotches = np.clip(0.65 + 0.15 * patch.noise(rng, 8), 0.3, 0.9)
    return _filmed(patch, as_field(patch.cover * (blotches + 0.7 * np.exp(-patch.depth / 1.5))))


def _stain_dried(rng: np.random.Generator, patch: Patch) -> Field:
    """A dried drop: pale inside, a strong rim."""
    rim = np.exp(-patch.depth / rng.uniform(1.2, 3.0))
    return _filmed(patch, as_field(patch.cover * (0.4 + 1.1 * rim)))


def _contamination_solid(rng: np.random.Generator, patch: Patch) -> Field:
    """Foreign matter on top: its own colour, and coarse grains, bright ones among dark ones."""
    level = patch.level + _sign(rng, patch, 0.7) * 0.5 * patch.strength
    body = rgb(as_field(np.clip(level, 60, 195) + _grains(rng, patch)), patch.tint)
    return patch.covered(body, patch.ink)


def _contamination_powder(rng: np.random.Generator, patch: Patch) -> Field:
    """Powder: grains that let the surface through between them."""
    return patch.added(as_field(patch.ink * _grains(rng, patch)))


def _grains(rng: np.random.Generator, patch: Patch) -> Field:
    """Bright and dark grains of a pixel or two, in grey levels."""
    grains = np.clip(1.4 * patch.noise(rng, rng.uniform(0.7, 1.3)), -1.4, 1.4)
    return as_field(grains * max(0.65 * patch.strength, 40))


def _contamination_fibre(rng: np.random.Generator, patch: Patch) -> Field:
    """A hair or a lint fibre lies on top: one tone, and a shadow on one side."""
    shadow = np.roll(patch.ink, (1, 1), axis=(0, 1)) * patch.cover
    ground = patch.clean * (1 - 0.5 * np.clip(shadow - patch.ink, 0, 1))[:, :, None]
    tone = patch.level + _sign(rng, patch, 0.5) * patch.strength
    body = rgb(as_field(np.full(patch.ink.shape, np.clip(tone, 15, 240))), patch.tint)
    return as_field(ground + (body - ground) * patch.ink[:, :, None])


def _discoloured(rng: np.random.Generator, patch: Patch) -> Field:
    """The same texture, lighter or darker, with a wide soft border."""
    deepest = max(1.0, float(patch.depth.max()))
    feather = max(1.5, deepest * rng.choice([0.4, 0.6, 0.9]))
    alpha = np.clip(patch.depth / feather, 0, 1)
    share = _sign(rng, patch, 0.45) * min(0.7, patch.strength / max(patch.level, 25.0)) * rng.uniform(0.5, 1.0)
    colour = np.array(patch.tint, dtype=np.float32)
    return as_field(patch.clean * (1 + share * alpha[:, :, None] * colour))


def _discoloured_flat(rng: np.random.Generator, patch: Patch) -> Field:
    """Bleached or burnt: the texture fades towards one tone."""
    alpha = np.clip(patch.depth / max(1.5, float(patch.depth.max()) * 0.5), 0, 1) * rng.uniform(0.5, 0.9)
    tone = patch.level + _sign(rng, patch, 0.5) * patch.strength * 0.8
    return patch.covered(rgb(as_field(tone * (1 + 0.04 * patch.noise(rng, 14))), patch.tint), as_field(alpha))


def _reground(rng: np.random.Generator, patch: Patch) -> Field:
    """A zone that was ground differently: lighter or darker with a deeper texture, up to a sharp border."""
    share = _sign(rng, patch, 0.6) * min(0.6, patch.strength / max(patch.level, 25.0))
    coarse = patch.clean - soften(patch.clean, 4.0)
    zone = (patch.clean + coarse * rng.uniform(0.5, 2.0)) * (1 + share)
    return patch.covered(as_field(zone), patch.cover)


def _fray_worn(rng: np.random.Generator, patch: Patch) -> Field:
    """The surface's own finish is gone: smooth and duller under many single strands, and a rather sharp border."""
    dull = soften(patch.clean, rng.uniform(2.5, 5.0))
    tone = dull * (1 + _sign(rng, patch, 0.25) * min(0.5, 0.6 * patch.strength / max(patch.level, 25.0)))
    strands = _strands(rng, patch)
    loose = np.where(np.abs(strands) > 0.5, np.clip(strands, -1.8, 1.8), 0) * 0.6 * patch.strength
    return patch.covered(as_field(tone + loose[:, :, None]), patch.cover)


def _strands(rng: np.random.Generator, patch: Patch) -> Field:
    """Short bright and dark streaks, mostly of one direction, of about unit size."""
    angle = rng.uniform(0, math.pi)
    line = np.zeros((9, 9), np.uint8)
    dx, dy = round(4 * math.cos(angle)), round(4 * math.sin(angle))
    cv2.line(line, (4 - dx, 4 - dy), (4 + dx, 4 + dy), color=1)
    streaks = cv2.filter2D(patch.noise(rng, 0.8), -1, line / float(line.sum()), borderType=cv2.BORDER_REFLECT)
    return as_field(streaks / max(1e-6, float(streaks.std())))


def _fray_strands(rng: np.random.Generator, patch: Patch) -> Field:
    """Loose ends: light strands over shadow."""
    strands = np.clip(_strands(rng, patch), -1.5, 1.5)
    amount = patch.strength * (0.9 * strands * patch.cover + 0.5 * patch.ink * _sign(rng, patch, 0.6))
    return patch.added(as_field(amount))


def _missing(rng: np.random.Generator, patch: Patch) -> Field:
    return _torn(rng, patch, patch.under)


def _component_gone(rng: np.random.Generator, patch: Patch) -> Field:
    return patch.covered(patch.under, patch.cover)


def _missing_shaded(rng: np.random.Generator, patch: Patch) -> Field:
    """What lies behind looks much like the part, and is seen by the light that falls on it."""
    light = min(patch.strength, 60) * (1 if patch.level < 110 else -1)
    return _torn(rng, patch, as_field(patch.under + light))


def _torn(rng: np.random.Generator, patch: Patch, behind: Field) -> Field:
    """What lies behind, with the torn edge of the part where the part goes on: pale, and uneven."""
    left = (patch.part & (patch.depth == 0)).astype(np.uint8)
    beside = cv2.dilate(left, np.ones((5, 5), np.uint8)).astype(np.float32) * patch.cover
    uneven = np.clip(0.8 + 0.5 * patch.noise(rng, 2.0), 0.2, 1.2)
    pale = as_field(patch.level + (-0.7 if patch.level > _BRIGHT else 0.7) * patch.strength * uneven)
    gone = np.where(patch.part, patch.cover, 1.0)  # with the part goes the soft rim that it had before the background
    shown = patch.clean + (behind - patch.clean) * gone[:, :, None]
    return as_field(shown + (pale[:, :, None] - shown) * beside[:, :, None])


_LOOKS: dict[str, tuple[Look, ...]] = {
    "scratch": (_scratch_line, _scratch_line, _scratch_groove),
    "crack": (_crack_dark, _crack_dark, _crack_lipped),
    "hole": (_hole,),
    "chip": (_chip,),
    "dent": (_dent_shaded, _dent_soft),
    "stain": (_stain_film, _stain_dried),
    "contamination": (_contamination_solid, _contamination_solid, _contamination_powder),
    "discoloration": (_discoloured, _discoloured, _discoloured_flat),
    "fray": (_fray_worn, _fray_strands),
    "missing_part": (_missing,),
}
#: Outlines that only some looks fit.
_FITTING: dict[str, tuple[Look, ...]] = {
    "threads": (_fray_strands,),
    "ragged": (_fray_worn, _fray_worn, _fray_strands),
    "worn": (_fray_worn,),
    "fibre": (_contamination_fibre,),
    "band": (_discoloured, _discoloured_flat, _reground),
    "patch": (_discoloured, _discoloured_flat, _reground),
    "part": (_component_gone,),
}


def paint(
    defect_type: str,
    rng: np.random.Generator,
    image: Field,
    under: Field,
    part: Mask,
    shape: Shape,
    tint: tuple[float, float, float],
) -> None:
    """Draw the defect into `image` (float32 [H, W, 3], grey levels 0..255) in place; `part` [H, W] is where the part is."""
    rows, columns = _window(shape.mask)
    mask, ink = shape.mask[rows, columns], shape.ink[rows, columns]
    clean = image[rows, columns].copy()
    looks = _FITTING.get(shape.family, _LOOKS[defect_type])
    look = looks[int(rng.integers(len(looks)))]
    strength = math.exp(rng.uniform(math.log(FAINTEST), math.log(STRONGEST)))
    reach = np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((2 * EDGE_PX + 1,) * 2, np.uint8))).astype(bool)
    fields = (
        _soft(ink, rng.uniform(0.5, 1.1)),
        _soft(mask, 0.7),
        as_field(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)),
    )
    texture = 0.7 * float(clean[mask].std(axis=0).mean())
    least = max(LEAST_CHANGE, min(texture, 2.5 * LEAST_CHANGE))  # a rough surface hides more
    for _ in range(4):  # a mark that nobody could see would be a wrong label: try again, stronger
        patch = Patch(clean, under[rows, columns], part[rows, columns], *fields, strength, tint)
        marked = np.clip(np.where(reach[:, :, None], look(rng, patch), clean), 0, 255)
        if float(np.abs(marked[ink] - clean[ink]).mean()) >= least:
            break
        strength = strength * 1.8 + 4
        look = looks[0] if defect_type != "missing_part" else _missing_shaded
    image[rows, columns] = marked


def _soft(mask: Mask, sigma: float) -> Field:
    """0..1 with an edge of about a pixel; thin lines keep most of their depth."""
    hard = mask.astype(np.float32)
    return as_field(np.maximum(cv2.GaussianBlur(hard, (5, 5), sigma), (1.15 - 0.5 * sigma) * hard))


def _window(mask: Mask) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    margin = EDGE_PX + 2
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + margin + 1),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + margin + 1),
    )
