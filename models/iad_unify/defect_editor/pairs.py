"""Training pairs: procedural drawings with and without their defect, cut to the network's crop.

Everything that does not change between epochs is computed once: crops, masks, and the hidden states that steer them.
Knows no network.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from iad_unify.defect_editor.condition import Backbone, Reference, instruction, stack_states, strength_of
from iad_unify.defect_editor.config import STRENGTHS
from iad_unify.defect_editor.editor import Crops
from iad_unify.defect_editor.looseness import loosen
from iad_unify.defect_editor.sampling import mask_tensor, picture_tensor
from iad_unify.defect_editor.window import Window, cut, shrink, window_around
from iad_unify.procedural import PRODUCTS, USUAL_DEFECTS, Drawing, draw
from iad_unify.types import DEFECT_TYPES

#: Loose masks drawn for each drawing; each is a training row.
VARIANTS = 2
#: Largest shift of a window from its place, as a share of its side.
JITTER = 0.08
#: Shares of the rows that see the null condition, a reference (where one was found), and no word for the strength.
NULL_SHARE, REFERENCE_SHARE, UNNAMED_SHARE = 0.1, 0.3, 0.35

#: Finds the region tokens of a defect: (image uint8 [H, W, 3], mask bool [H, W]) -> tokens, None if not found.
ReferenceFinder = Callable[[np.ndarray, np.ndarray], Reference | None]


def drawings(count: int, seed: int, size: int = 256) -> Iterator[Drawing]:
    """`count` drawings with one defect each; types take turns on products that can have them; the rest from `seed`."""
    rng = np.random.default_rng(seed)
    made = 0
    while made < count:
        defect_type = DEFECT_TYPES[made % len(DEFECT_TYPES)]
        products = [one for one in PRODUCTS if defect_type in USUAL_DEFECTS.get(one, DEFECT_TYPES)]
        product = products[int(rng.integers(len(products)))]
        drawing = draw(product, rng, size=size, defect_types=(defect_type,))
        if drawing.defects and drawing.mask.any():
            yield drawing
            made += 1


def change_inside(drawing: Drawing) -> float:
    """Mean absolute difference of image and clean inside the defect's mask, grey levels."""
    return float(np.abs(drawing.image.astype(int) - drawing.clean.astype(int)).mean(2)[drawing.mask].mean())


@dataclass(frozen=True, slots=True)
class PairSet:
    """Rows of crops, each with its type, its strength and, for some, the states of a reference."""

    clean: np.ndarray  # uint8 [N, S, S, 3]
    target: np.ndarray  # uint8 [N, S, S, 3]
    allowed: np.ndarray  # bool [N, S, S]
    shape: np.ndarray  # bool [N, S, S]
    types: np.ndarray  # int [N], index into DEFECT_TYPES
    strengths: np.ndarray  # int [N], index into STRENGTHS
    plain: dict[tuple[int, int], np.ndarray]  # (type, strength) -> [T, H]
    referenced: dict[int, np.ndarray]  # row -> [T, H]

    def __len__(self) -> int:
        return len(self.clean)

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Crops, Tensor, Tensor]:
        """(crops, target, keep) of `size` random rows, each flipped and turned at random."""
        rows = rng.integers(0, len(self), size)
        turns = rng.integers(0, 8, size)
        states = [self._states(int(row), rng) for row in rows]
        hidden, real = stack_states(states)
        crops = Crops(
            clean=picture_tensor([_turned(self.clean[row], turn) for row, turn in zip(rows, turns, strict=True)]),
            allowed=mask_tensor([_turned(self.allowed[row], turn) for row, turn in zip(rows, turns, strict=True)]),
            shape=mask_tensor([_turned(self.shape[row], turn) for row, turn in zip(rows, turns, strict=True)]),
            hidden=hidden,
            real=real,
        )
        target = picture_tensor([_turned(self.target[row], turn) for row, turn in zip(rows, turns, strict=True)])
        return crops, target, torch.from_numpy(rng.random(size) >= NULL_SHARE)

    def _states(self, row: int, rng: np.random.Generator) -> np.ndarray:
        if row in self.referenced and rng.random() < REFERENCE_SHARE:
            return self.referenced[row]
        unnamed = rng.random() < UNNAMED_SHARE
        strength = STRENGTHS.index("") if unnamed else int(self.strengths[row])
        return self.plain[int(self.types[row]), strength]


def _turned(picture: np.ndarray, turn: int) -> np.ndarray:
    flipped = picture[:, ::-1] if turn >= 4 else picture
    return np.ascontiguousarray(np.rot90(flipped, turn % 4))


def prepare(
    count: int,
    seed: int,
    crop: int,
    backbone: Backbone,
    find_reference: ReferenceFinder | None = None,
    *,
    most_references: int = 1500,
    report: Callable[[int], None] = lambda done: None,
) -> PairSet:
    """Draws `count` pairs and computes their conditions; `report` is called with the number of drawings done."""
    rng = np.random.default_rng((seed, 1))
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    kinds: list[tuple[int, int]] = []
    references: dict[int, Reference] = {}
    for index, drawing in enumerate(drawings(count, seed)):
        found = find_reference(drawing.image, drawing.mask) if find_reference and index < most_references else None
        for _ in range(VARIANTS):
            if found is not None:
                references[len(rows)] = found
            rows.append(_row(drawing, crop, rng))
            kinds.append(_kind(drawing))
        report(index + 1)
    clean, target, allowed, shape = (np.stack(column) for column in zip(*rows, strict=True))
    types, strengths = (np.array(column) for column in zip(*kinds, strict=True))
    texts = [instruction(DEFECT_TYPES[kinds[row][0]]) for row in references]
    states = backbone.states(texts, list(references.values())) if references else []
    referenced = {row: one.astype(np.float16) for row, one in zip(references, states, strict=True)}
    return PairSet(clean, target, allowed, shape, types, strengths, plain_states(backbone), referenced)


def plain_states(backbone: Backbone) -> dict[tuple[int, int], np.ndarray]:
    """The hidden states of every type and strength, keyed by their indices."""
    keys = [(kind, strength) for kind in range(len(DEFECT_TYPES)) for strength in range(len(STRENGTHS))]
    texts = [instruction(DEFECT_TYPES[kind], STRENGTHS[strength]) for kind, strength in keys]
    return dict(zip(keys, backbone.states(texts, [None] * len(texts)), strict=True))


def _kind(drawing: Drawing) -> tuple[int, int]:
    return DEFECT_TYPES.index(drawing.defects[0].defect_type), STRENGTHS.index(strength_of(change_inside(drawing)))


def _row(
    drawing: Drawing, crop: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    allowed, shape = loosen(drawing.mask, rng)
    window = _shifted(window_around(allowed, crop), drawing.clean.shape, rng)
    clean = shrink(cut(drawing.clean, window), crop)
    small_allowed = shrink(cut(allowed, window), crop)
    target = np.where(small_allowed[..., None], shrink(cut(drawing.image, window), crop), clean)
    return clean, target, small_allowed, shrink(cut(shape, window), crop)


def _shifted(window: Window, size: tuple[int, ...], rng: np.random.Generator) -> Window:
    """Moved a little, as masks are not always centred; it stays inside the frame where it was inside."""
    most = int(window.side * JITTER)
    x, y = (int(value) for value in rng.integers(-most, most + 1, 2))
    return Window(_kept(window.x, x, size[1] - window.side), _kept(window.y, y, size[0] - window.side), window.side)


def _kept(start: int, shift: int, room: int) -> int:
    return start if room <= 0 else int(np.clip(start + shift, 0, room))
