"""Held-out drawings of the procedural set: what validation and test look at and no training meets.

And what `--data` calls drawings, beside folders.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from iad_unify.geometry import Letterbox
from iad_unify.procedural import draw_random
from iad_unify.region_expert.config import ExpertConfig
from iad_unify.region_expert.squares import Labelled

#: What `--data` is called for drawings.
PROCEDURAL = "procedural"
#: First number of the seed of held-out drawings: training uses the plan's seed and step and cannot meet these.
VALIDATION_STREAM, TEST_STREAM = 7_000_001, 7_000_002


def named(data: Sequence[str]) -> tuple[list[str], bool]:
    """The folders among what `--data` names, and whether drawings are wanted too."""
    return [name for name in data if name != PROCEDURAL], PROCEDURAL in data


def without_paths(data: Iterable[str]) -> tuple[str, ...]:
    """What `--data` names, for cards and commands: no path of this machine."""
    return tuple(name if name == PROCEDURAL else Path(name).name for name in data)


def drawn_square(stream: int, index: int, config: ExpertConfig) -> tuple[Labelled, Letterbox]:
    """Drawing number `index` of a held-out stream."""
    drawing = draw_random(np.random.default_rng([stream, index]), config.size, good_share=0.4)
    labels = np.zeros((config.size, config.size), dtype=np.uint8)
    for defect in drawing.defects:
        labels[defect.mask] = 1 + config.type_slugs.index(defect.defect_type)
    labelled = Labelled(drawing.image, labels, np.ones_like(labels, dtype=bool))
    return labelled, Letterbox.fit(config.size, config.size, config.size)
