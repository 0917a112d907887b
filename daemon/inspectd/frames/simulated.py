"""Drawn parts instead of a camera: for the demo, for tests and for a first look. Knows nothing of the models."""

import cv2
import numpy as np

from iad_unify.procedural import draw_random
from inspectd.frames.identity import new_boot_id, sequence_id
from inspectd.frames.shot import Shot, encode_jpeg


class SimulatedShots:
    """`Shots` of one product, for ever; the same seed and boot give the same pictures. It waits for its reader."""

    live = False

    def __init__(
        self, *, product: str, seed: int = 0, size: int = 256, good_share: float = 0.8, boot: str = ""
    ) -> None:
        self._product, self._size, self._good_share = product, size, good_share
        self._rng = np.random.default_rng(seed)
        self._number, self._closed = 0, False
        self.boot = boot or new_boot_id()

    @property
    def connected(self) -> bool:
        """Drawings are always at hand."""
        return not self._closed

    def take(self) -> Shot | None:
        """See the port. The attribute `simulated` says what was drawn: the defect types, or `good`."""
        if self._closed:
            return None
        self._number += 1
        drawing = draw_random(self._rng, size=self._size, good_share=self._good_share, product=self._product)
        data = encode_jpeg(cv2.cvtColor(drawing.image, cv2.COLOR_RGB2BGR).astype(np.uint8, copy=False))
        truth = ",".join(defect.defect_type for defect in drawing.defects) or "good"
        attributes = {"simulated": truth}
        return Shot(data=data, media_type="image/jpeg", number=sequence_id(self._number), attributes=attributes)

    def close(self) -> None:
        """See the port."""
        self._closed = True
