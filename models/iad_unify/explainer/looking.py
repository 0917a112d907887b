"""What an explainer is trained on, seen once and kept: sightings of drawings or of a data set, whole pictures, frames to show.

Files lie in the folder that is named, with a key that tells whether they still fit. Knows no questions.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iad_unify.checkpoint import model_version
from iad_unify.data import pictures
from iad_unify.data.samples import DataError
from iad_unify.explainer import sightings_file
from iad_unify.explainer.collected import Collector, Pictures, collect, covered
from iad_unify.explainer.compared import Comparing
from iad_unify.explainer.crop import CropRule
from iad_unify.explainer.sightings import CHUNK, Sighting, Spotter, drawn, gather, proposal_threshold

#: Part of the key of kept sightings: raise it when they are drawn or looked at in another way.
SIGHTINGS_FORMAT = 2
#: The same of those of a data set.
COLLECTED_FORMAT = 3

Report = Callable[[str, int, int], None]  # stage, done, of
Looks = NDArray[np.float16]
Frames = list[NDArray[np.uint8]]  # RGB [h, w, 3]


def sightings(
    expert: Path,
    split: str,
    seed: int,
    count: int,
    keep: Path,
    report: Report = lambda stage, done, of: None,
    *,
    compared: bool = False,
) -> list[Sighting]:
    """Sightings of a split with the expert's own proposal threshold, from the file in `keep` when it fits.

    With `compared` the same drawings are each seen beside a golden template, and the regions have reference rows.
    """
    threshold = proposal_threshold(expert)
    key = f"{SIGHTINGS_FORMAT}/{model_version(expert)}/{threshold}/{split}/{seed}/{count}"
    path = keep / f"{'compared' if compared else 'sightings'}-{split}.npz"
    seen = sightings_file.read(path, key)
    if seen is None:
        spotter, stage = (Comparing, "compared drawings") if compared else (Spotter, "drawings")
        seen = gather(spotter(expert, threshold), split, seed, count, lambda done: report(stage, done, count))
        sightings_file.write(path, key, seen)
    return seen


def wholes(
    expert: Path, split: str, seed: int, count: int, keep: Path, report: Report = lambda stage, done, of: None
) -> Looks:
    """Appearance rows [count, K, D] of the whole drawings of the same split, kept likewise."""
    threshold = proposal_threshold(expert)
    key = f"{SIGHTINGS_FORMAT}/{model_version(expert)}/{split}/{seed}/{count}"
    path = keep / f"wholes-{split}.npz"
    looks = sightings_file.read_looks(path, key)
    if looks is None:
        spotter = Spotter(expert, threshold)
        found: list[Looks] = []
        for start in range(0, count, CHUNK):
            indices = range(start, min(start + CHUNK, count))
            found.append(spotter.wholes([drawn(split, seed, index) for index in indices]))
            report("whole drawings", indices.stop, count)
        looks = np.concatenate(found)
        sightings_file.write_looks(path, key, looks)
    return looks


def collected(
    expert: Path, data: Pictures, keep: Path, report: Report = lambda stage, done, of: None
) -> tuple[list[Sighting], Looks]:
    """Sightings and whole pictures of a data set's train part, kept likewise; DataError when nothing can be learned from."""
    samples = data.samples()
    threshold = proposal_threshold(expert)
    key = f"{COLLECTED_FORMAT}/{model_version(expert)}/{threshold}/{data.key(samples)}"
    path, beside = keep / "sightings-train.npz", keep / "wholes-train.npz"
    seen, looks = sightings_file.read(path, key), sightings_file.read_looks(beside, key)
    if seen is None or looks is None:
        collector = Collector(expert, threshold, data.folds)
        those = covered(samples, data.folds)
        if not any(not sample.good for sample in those):
            raise DataError(data.folder, "no defect with a mask or boxes in a group that a fold held out")
        seen, looks = collect(collector, those, lambda done: report("pictures", done, len(those)))
        sightings_file.write(path, key, seen)
        sightings_file.write_looks(beside, key, looks)
    return seen, looks


def frames(
    rule: CropRule, split: str, seed: int, count: int, keep: Path, report: Report = lambda stage, done, of: None
) -> Frames:
    """The drawings of `sightings` at the size that a vision tower sees them, kept likewise."""
    key = f"{SIGHTINGS_FORMAT}/{rule}/{split}/{seed}/{count}"
    return _fitted(rule, (drawn(split, seed, index).image for index in range(count)), count, keep, split, key, report)


def collected_frames(
    rule: CropRule, data: Pictures, keep: Path, report: Report = lambda stage, done, of: None
) -> Frames:
    """The pictures of `collected` at that size, kept likewise; raises DataError."""
    samples = data.samples()
    key = f"{SIGHTINGS_FORMAT}/{rule}/{data.key(samples)}"
    those = covered(samples, data.folds)
    read = (pictures.read_rgb(sample.image) for sample in those)
    return _fitted(rule, read, len(those), keep, "train", key, report)


def _fitted(
    rule: CropRule,
    shown: Iterable[NDArray[np.uint8]],
    count: int,
    keep: Path,
    split: str,
    key: str,
    report: Report,
) -> Frames:
    """Pictures at the tower's size, from the file that keeps them or out of `shown`, which is else not asked."""
    path = keep / f"frames-{split}.npz"
    found = sightings_file.read_pictures(path, key)
    if found is None:
        found = []
        for done, picture in enumerate(shown, start=1):
            found.append(rule.fitted(picture))
            report("frames", done, count)
        sightings_file.write_pictures(path, key, found)
    return found
