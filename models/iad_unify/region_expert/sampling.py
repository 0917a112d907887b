"""Training pictures: where they come from, how they are varied, how they become a batch.

A source yields labelled squares; it knows nothing of the model or the losses.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from iad_unify.data import pictures, truth
from iad_unify.data.anomalies import add_anomaly
from iad_unify.data.samples import DataError, Sample
from iad_unify.data.truth import UNTYPED
from iad_unify.geometry import Letterbox
from iad_unify.procedural import draw_random
from iad_unify.region_expert.template import align

_MOST_GAIN = 8.0
#: Pictures are kept decoded up to this; beyond it they are read again.
_OPENED_BYTES = 3 << 30
#: Boxes of one picture that a plane of bytes can number.
_MOST_BOXES = 255


@dataclass(frozen=True, slots=True)
class Labelled:
    """A square picture with its truth."""

    rgb: NDArray[np.uint8]  # [S, S, 3]
    labels: NDArray[np.uint8]  # [S, S]: 0 good, 1 + type index, UNTYPED
    content: NDArray[np.bool_]  # [S, S]: False on the letterbox padding and where nobody knows the truth
    clean: NDArray[np.uint8] | None = None  # [S, S, 3]: the same picture without its defects, where it is known
    template: NDArray[np.uint8] | None = None  # [S, S, 3]: a golden picture of the same view, aligned
    boxes: NDArray[np.uint8] | None = None  # [S, S]: 1 + index of the annotated box that a pixel lies in, else 0

    def map(
        self,
        picture: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
        plane: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    ) -> "Labelled":
        """Both functions change the place of pixels alike: `picture` interpolates colours, `plane` keeps numbers."""
        content = plane(self.content.astype(np.uint8)) > 0
        return Labelled(
            picture(self.rgb),
            np.where(content, plane(self.labels), 0).astype(np.uint8),
            content,
            None if self.clean is None else picture(self.clean),
            None if self.template is None else picture(self.template),
            None if self.boxes is None else plane(self.boxes),
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of B labelled squares: pictures uint8 [B, S, S, 3], labels uint8 [B, S, S], content bool [B, S, S].

    `templates` uint8 [B, S, S, 3] with `has_template` float [B] of 0 and 1, and `boxes` uint8 [B, S, S], are None when no
    square of the batch has one.
    """

    pictures: torch.Tensor
    labels: torch.Tensor
    content: torch.Tensor
    templates: torch.Tensor | None = None
    has_template: torch.Tensor | None = None
    boxes: torch.Tensor | None = None


class Source(Protocol):
    """An endless supply of labelled squares."""

    def next(self, rng: np.random.Generator) -> Labelled:
        """Another square; all chance comes from `rng`."""
        ...


class ProceduralSource:
    """Drawings, each used a few times from a pool, because drawing one costs as much as half a training step of it."""

    def __init__(self, size: int, type_slugs: Sequence[str], pool: int = 384, reuse: float = 0.6) -> None:
        self._size = size
        self._types = {slug: index + 1 for index, slug in enumerate(type_slugs)}
        self._pool: list[Labelled] = []
        self._capacity = pool
        self._reuse = reuse

    def next(self, rng: np.random.Generator) -> Labelled:
        """A drawing, or now and then a clean one with a synthetic anomaly."""
        if len(self._pool) < self._capacity or rng.random() > self._reuse:
            drawn = self._draw(rng)
            if len(self._pool) < self._capacity:
                self._pool.append(drawn)
            else:
                self._pool[rng.integers(self._capacity)] = drawn
        else:
            drawn = self._pool[rng.integers(len(self._pool))]
        if drawn.clean is not None and rng.random() < 0.12:  # an anomaly that no generator has a name for
            donor = self._pool[rng.integers(len(self._pool))].rgb
            rgb, mask = add_anomaly(drawn.clean, donor, rng)
            return Labelled(rgb, np.where(mask, np.uint8(UNTYPED), np.uint8(0)), drawn.content, drawn.clean)
        return drawn

    def _draw(self, rng: np.random.Generator) -> Labelled:
        drawing = draw_random(rng, self._size, good_share=0.05, max_defects=4)
        labels = np.zeros((self._size, self._size), dtype=np.uint8)
        for defect in drawing.defects:
            labels[defect.mask] = self._types[defect.defect_type]
        return Labelled(drawing.image, labels, np.ones_like(labels, dtype=bool), drawing.clean)


class SampleSource:
    """Real pictures: defective ones drawn evenly over their types, good ones, and good ones with a synthetic anomaly."""

    def __init__(self, samples: Sequence[Sample], size: int, type_slugs: Sequence[str]) -> None:
        self._size = size
        self._slugs = tuple(type_slugs)
        self._good = [sample for sample in samples if sample.good]
        self._by_type: list[list[Sample]] = [
            found for slug in type_slugs if (found := [s for s in samples if slug in s.defect_types])
        ]
        self._opened: dict[str, Labelled] = {}
        self._room = max(1, _OPENED_BYTES // (8 * size * size))

    def next(self, rng: np.random.Generator) -> Labelled:
        """One of the three kinds, by chance."""
        chance = rng.random()
        if self._by_type and (chance < 0.45 or not self._good):
            return self._open(_any(self._by_type[rng.integers(len(self._by_type))], rng))
        good = self._open(_any(self._good, rng))
        if chance < 0.7:
            return good
        return with_anomaly(good, self._open(_any(self._good, rng)), rng)

    def _open(self, sample: Sample) -> Labelled:
        key = str(sample.image)
        if key not in self._opened:
            if len(self._opened) >= self._room:
                self._opened.pop(next(iter(self._opened)))
            self._opened[key] = open_sample(sample, self._size, self._slugs)[0]
        return self._opened[key]


def with_anomaly(good: Labelled, donor: Labelled, rng: np.random.Generator) -> Labelled:
    """A good square with one or two synthetic anomalies, whose textures may come from another square."""
    rgb, labels = good.rgb, np.zeros_like(good.labels)
    for _ in range(int(rng.choice([1, 1, 1, 2]))):
        rgb, mask = add_anomaly(rgb, donor.rgb, rng, good.content)
        labels[mask] = UNTYPED
    return replace(good, rgb=rgb, labels=labels, clean=good.rgb)


class MixedSource:
    """Draws from several sources by weight."""

    def __init__(self, sources: Sequence[tuple[Source, float]]) -> None:
        self._sources = [source for source, _ in sources]
        total = sum(weight for _, weight in sources)
        self._shares = [weight / total for _, weight in sources]

    def next(self, rng: np.random.Generator) -> Labelled:
        """A square of one of the sources."""
        return self._sources[int(rng.choice(len(self._sources), p=self._shares))].next(rng)


def open_sample(sample: Sample, size: int, type_slugs: Sequence[str]) -> tuple[Labelled, Letterbox]:
    """Read a sample and letterbox it; a type that `type_slugs` lacks is UNTYPED. The template is aligned."""
    rgb = pictures.read_rgb(sample.image)
    height, width = rgb.shape[:2]
    letterbox = Letterbox.fit(width, height, size)
    square = letterbox.apply(rgb)
    known = truth.labels(sample, {slug: index for index, slug in enumerate(type_slugs)}, rgb)
    labels = np.zeros((size, size), dtype=np.uint8)
    content = content_of(letterbox)
    for label in np.unique(known[known > 0]):
        mask = letterbox.apply_mask(known == label)
        if label == truth.IGNORED:
            content &= ~mask
        else:
            labels[mask] = label
    template = None if sample.template is None else read_template(sample.template, square, letterbox)
    return Labelled(square, labels, content, None, template, _box_plane(sample, letterbox)), letterbox


def read_template(path: Path, square: NDArray[np.uint8], letterbox: Letterbox) -> NDArray[np.uint8]:
    """A golden picture as a square uint8 [S, S, 3] aligned with `square`; raises DataError when its size differs."""
    rgb = pictures.read_rgb(path)
    if rgb.shape[:2] != (letterbox.height, letterbox.width):
        raise DataError(path, f"a template of {rgb.shape[1]}x{rgb.shape[0]} for {letterbox.width}x{letterbox.height}")
    return align(letterbox.apply(rgb), square)


def _box_plane(sample: Sample, letterbox: Letterbox) -> NDArray[np.uint8] | None:
    if not sample.boxes:
        return None
    plane = np.zeros((letterbox.size, letterbox.size), dtype=np.uint8)
    for index, box in enumerate(sample.boxes[:_MOST_BOXES], start=1):
        edges = letterbox.box_to_square(box.x0, box.y0, box.x1, box.y1)
        x0, y0, x1, y1 = (round(edge) for edge in edges)
        plane[max(0, y0) : y1, max(0, x0) : x1] = index
    return plane


def content_of(letterbox: Letterbox) -> NDArray[np.bool_]:
    """A bool [S, S]: where the square shows the frame."""
    content = np.zeros((letterbox.size, letterbox.size), dtype=bool)
    x, y, w, h = letterbox.inner
    content[y : y + h, x : x + w] = True
    return content


def _any(samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
    return samples[int(rng.integers(len(samples)))]


def vary(item: Labelled, rng: np.random.Generator) -> Labelled:
    """Flip, turn, sometimes scale and shift; then brightness, contrast, colour, noise, blur, JPEG.

    The clean picture, where there is one, is varied in exactly the same way. A template is too, except that it may then
    lie a little beside the picture and has a noise of its own, as golden pictures do.
    """
    turn, flip = int(rng.integers(4)) if rng.random() < 0.5 else 0, rng.random() < 0.5
    matrix = _placement(item.rgb.shape[0], rng) if rng.random() < 0.4 else None
    seed = int(rng.integers(1 << 62))
    moved = item.map(
        lambda picture: _placed(_turned(picture, turn, flip), matrix, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE),
        lambda plane: _placed(_turned(plane, turn, flip), matrix, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT),
    )
    template = moved.template
    if template is not None:
        if rng.random() < 0.4:
            beside = np.array([[1, 0, rng.normal(0, 0.7)], [0, 1, rng.normal(0, 0.7)]])
            template = _placed(template, beside, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)
        template = _relight(template, np.random.default_rng(seed), np.random.default_rng(seed + 1))
    return replace(
        moved,
        rgb=_relight(moved.rgb, np.random.default_rng(seed)),
        clean=None if moved.clean is None else _relight(moved.clean, np.random.default_rng(seed)),
        template=template,
    )


def _turned(array: NDArray[Any], quarters: int, flip: bool) -> NDArray[Any]:
    turned = np.rot90(array, quarters)
    return np.ascontiguousarray(turned[:, ::-1] if flip else turned)


def _placement(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), float(rng.normal(0, 4)), float(np.exp(rng.normal(0, 0.15))))
    return np.asarray(matrix, np.float64) + np.array([[0, 0, 1], [0, 0, 1]]) * rng.normal(0, size * 0.05, (2, 1))


def _placed(
    array: NDArray[np.uint8], matrix: NDArray[np.float64] | None, interpolation: int, border: int
) -> NDArray[np.uint8]:
    if matrix is None:
        return array
    moved = cv2.warpAffine(array, matrix, array.shape[1::-1], flags=interpolation, borderMode=border)
    return moved.astype(np.uint8, copy=False)


def _relight(
    rgb: NDArray[np.uint8], rng: np.random.Generator, own: np.random.Generator | None = None
) -> NDArray[np.uint8]:
    """Light and colour by `rng`; blur, noise and JPEG by `own` when it is given."""
    table = np.arange(256, dtype=np.float32) / 255
    curves = np.repeat((table ** np.exp(rng.normal(0, 0.12)))[:, None], 3, axis=1)
    if rng.random() < 0.3:
        curves *= 1 + rng.normal(0, 0.05, 3)
    curves = (curves - 0.5) * np.exp(rng.normal(0, 0.12)) + 0.5 + rng.normal(0, 0.06)
    rng = own or rng
    out: NDArray[Any] = cv2.LUT(rgb, np.clip(curves * 255, 0, 255).round().astype(np.uint8)[None])
    if rng.random() < 0.1:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.3, 0.9)))
    if rng.random() < 0.3:
        noise = rng.standard_normal(out.shape, dtype=np.float32) * rng.uniform(1, 6)
        out = np.clip(out + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        _, data = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 96))])
        out = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return out.astype(np.uint8, copy=False)


def make_batch(source: Source, count: int, rng: np.random.Generator, side: int, visibility: float = 0.0) -> Batch:
    """A varied batch of `count` squares, or of twice as many crops when `side` is less than the square's.

    A defective picture whose clean twin is known comes together with it: the pair differs in nothing but the defect,
    so that no other cue tells them apart. `visibility` is passed to `emphasise`.
    """
    items: list[Labelled] = []
    total = count
    while len(items) < total:
        item = emphasise(source.next(rng), visibility)
        cut = side < item.rgb.shape[0]
        total = 2 * count if cut else count
        for part in [_varied_crop(item, side, rng) for _ in range(2)] if cut else [vary(item, rng)]:
            items.append(part)
            if part.clean is not None and part.labels.any():
                items.append(replace(part, rgb=part.clean, labels=np.zeros_like(part.labels), boxes=None))
    return collate(items[:total])


def _varied_crop(item: Labelled, side: int, rng: np.random.Generator) -> Labelled:
    """A varied crop; it is cut with room around it, so that turning and shifting bring in picture, not border."""
    room = min(item.rgb.shape[0], side + side // 4)
    varied = vary(crop(item, room, rng), rng)
    inset = (room - side) // 2
    area = slice(inset, inset + side), slice(inset, inset + side)
    return varied.map(lambda picture: picture[area], lambda plane: plane[area])


def emphasise(item: Labelled, visibility: float) -> Labelled:
    """The same picture with each kind of defect at least `visibility` grey levels (median) away from its clean twin.

    Faint defects alone teach nothing at first: trained on them from the start, the loss stays where it began. So a
    training starts with marked defects and lets them fade. Without a clean twin the picture stays as it is.
    """
    if item.clean is None or visibility <= 0:
        return item
    change = item.rgb.astype(np.float32) - item.clean
    strength = np.abs(change).max(axis=2)
    gain = np.ones(item.labels.shape, dtype=np.float32)
    for label in np.unique(item.labels[item.labels > 0]):
        here = item.labels == label
        seen = float(np.median(strength[here]))
        gain[here] = min(_MOST_GAIN, max(1.0, visibility / max(seen, 1.0)))
    rgb = np.clip(item.clean + change * gain[:, :, None], 0, 255).round().astype(np.uint8)
    return replace(item, rgb=rgb)


def crop(item: Labelled, side: int, rng: np.random.Generator) -> Labelled:
    """A crop that mostly holds part of a defect when there is one."""
    room = item.rgb.shape[0] - side
    rows, columns = np.nonzero(item.labels)
    corner = rng.integers(0, room + 1, 2)
    if rows.size and rng.random() < 0.65:
        pixel = int(rng.integers(rows.size))
        inset = rng.integers(side // 8, side - side // 8, 2)
        corner = np.clip(np.array([rows[pixel], columns[pixel]]) - inset, 0, room)
    area = slice(int(corner[0]), int(corner[0]) + side), slice(int(corner[1]), int(corner[1]) + side)
    return item.map(lambda picture: picture[area], lambda plane: plane[area])


def collate(items: Sequence[Labelled]) -> Batch:
    """Stack labelled squares into tensors."""

    def stack(planes: Sequence[NDArray[Any]]) -> torch.Tensor:
        return torch.from_numpy(np.stack(planes))

    given = [item.template is not None for item in items]
    boxed = any(item.boxes is not None for item in items)
    return Batch(
        stack([item.rgb for item in items]),
        stack([item.labels for item in items]),
        stack([item.content for item in items]),
        stack([item.rgb if item.template is None else item.template for item in items]) if any(given) else None,
        torch.tensor(given, dtype=torch.float32) if any(given) else None,
        stack([np.zeros_like(item.labels) if item.boxes is None else item.boxes for item in items]) if boxed else None,
    )
