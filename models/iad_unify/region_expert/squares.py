"""Labelled squares: pictures with their truth as the model sees them, alone and stacked into batches.

It opens samples; it varies nothing and knows no loss.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from iad_unify.data import pictures, truth
from iad_unify.data.samples import DataError, Sample
from iad_unify.geometry import Letterbox
from iad_unify.region_expert.template import align

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

    def to(self, device: torch.device) -> "Batch":
        """The same tensors on a device."""
        moved = (getattr(self, field.name) for field in fields(self))
        return Batch(*(None if value is None else value.to(device, non_blocking=True) for value in moved))  # type: ignore[arg-type]


def open_sample(sample: Sample, size: int, type_slugs: Sequence[str]) -> tuple[Labelled, Letterbox]:
    """Read a sample and letterbox it; a type that `type_slugs` lacks is UNTYPED. The template is aligned."""
    rgb = pictures.read_rgb(sample.image)
    height, width = rgb.shape[:2]
    letterbox = Letterbox.fit(width, height, size)
    square = letterbox.apply(rgb)
    known = truth.labels(sample, {slug: index for index, slug in enumerate(type_slugs)}, rgb)
    labels = np.zeros((size, size), dtype=np.uint8)
    content = letterbox.content()
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
    return align(letterbox.apply(read_golden(path, letterbox.width, letterbox.height)), square)


def read_golden(path: Path, width: int, height: int) -> NDArray[np.uint8]:
    """A golden picture [height, width, 3] as it is; raises DataError when its size differs."""
    rgb = pictures.read_rgb(path)
    if rgb.shape[:2] != (height, width):
        raise DataError(path, f"a template of {rgb.shape[1]}x{rgb.shape[0]} for {width}x{height}")
    return rgb


def _box_plane(sample: Sample, letterbox: Letterbox) -> NDArray[np.uint8] | None:
    if not sample.boxes:
        return None
    plane = np.zeros((letterbox.size, letterbox.size), dtype=np.uint8)
    for index, box in enumerate(sample.boxes[:_MOST_BOXES], start=1):
        edges = letterbox.box_to_square(box.x0, box.y0, box.x1, box.y1)
        x0, y0, x1, y1 = (round(edge) for edge in edges)
        plane[max(0, y0) : y1, max(0, x0) : x1] = index
    return plane


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
