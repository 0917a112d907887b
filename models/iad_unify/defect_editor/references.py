"""Region tokens of a drawing's defect, as the region expert finds it: the references of training and evaluation."""

from pathlib import Path

import cv2
import numpy as np

from iad_unify.defect_editor.condition import Reference
from iad_unify.geometry import Letterbox
from iad_unify.masks import Rle, decode
from iad_unify.serving.region_expert import RegionExpertService

#: A region must overlap the defect's mask at least so much (IoU) to stand for it.
LEAST_OVERLAP = 0.2
#: Smallest proposed region, original pixels.
SMALLEST_AREA = 6.0
#: Proposal threshold of an expert whose card names none.
FALLBACK_PROPOSAL = 0.3


class ExpertReferences:
    """Asks the region expert. Raises CheckpointError when its checkpoint cannot be used."""

    def __init__(self, checkpoint: Path, threads: int = 1, device: str = "cpu") -> None:
        self.service = RegionExpertService(checkpoint, threads, device)
        threshold = self.service.card.proposal_threshold
        self.threshold = FALLBACK_PROPOSAL if threshold is None else threshold

    @property
    def model_version(self) -> str:
        """The expert checkpoint's."""
        return self.service.model_version

    def inspect(self, images: list[np.ndarray]) -> dict[str, np.ndarray]:
        """The expert's catalog outputs for uint8 [H, W, 3] images."""
        size = self.service.model.config.size
        boxes = [Letterbox.fit(image.shape[1], image.shape[0], size) for image in images]
        return self.service.infer(
            {
                "IMAGE": np.stack([box.apply(image) for box, image in zip(boxes, images, strict=True)]),
                "LETTERBOX": np.stack([box.as_array() for box in boxes]),
                "PROPOSAL": np.tile(np.array([self.threshold, SMALLEST_AREA], np.float32), (len(images), 1)),
            }
        )

    def find(self, image: np.ndarray, mask: np.ndarray) -> Reference | None:
        """The tokens of the region that overlaps bool [H, W] `mask` best, or None."""
        found = self.inspect([image])
        overlaps = region_overlaps(found, 0, mask)
        if not len(overlaps) or overlaps.max() < LEAST_OVERLAP:
            return None
        best = int(overlaps.argmax())
        return Reference(found["APPEARANCE"][0, best : best + 1], found["GEOMETRY"][0, best : best + 1])


def region_masks(found: dict[str, np.ndarray], row: int, shape: tuple[int, int]) -> list[np.ndarray]:
    """Bool [H, W] of each region of one image of a batch, in order."""
    height, width = shape
    counts = found["MASKS"][row][: int(found["COUNT"][row, 0])]
    return [decode(Rle(width, height, _text(one))) for one in counts]


def region_overlaps(found: dict[str, np.ndarray], row: int, mask: np.ndarray) -> np.ndarray:
    """IoU of each region with bool [H, W] `mask`, slightly grown because drawn edges are soft."""
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    masks = region_masks(found, row, (mask.shape[0], mask.shape[1]))
    return np.array([max(_iou(one, mask), _iou(one, grown)) for one in masks])


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 0.0


def _text(value: object) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else str(value)
