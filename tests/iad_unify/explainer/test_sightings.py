"""Sightings repeat, tell drawn from undrawn, and survive their file."""

import json
import shutil

import numpy as np
import pytest

from iad_unify.catalog import APPEARANCE_ROWS
from iad_unify.explainer import sightings_file
from iad_unify.explainer.crop import AREAS_PX, CropRule
from iad_unify.explainer.looking import frames
from iad_unify.explainer.sightings import MIN_AREA_PX, Spotter, cropped, drawn, gather
from iad_unify.geometry import geometry_of_mask
from iad_unify.masks import decode
from iad_unify.procedural import draw
from iad_unify.region_expert.inspection import inspect
from iad_unify.types import UNKNOWN


@pytest.fixture(scope="module")
def seen(expert):
    return gather(Spotter(expert, 0.02), "train", 0, 10)


def test_oracle_regions_are_the_drawn_defects(seen):
    defective = [one for one in seen if one.oracle.rles]
    assert len(defective) >= 8
    for sighting in defective:
        regions = sighting.oracle
        assert regions.appearance.shape == (len(regions.rles), APPEARANCE_ROWS, 64)
        assert UNKNOWN not in regions.drawn_types
        for rle, geometry in zip(regions.rles, regions.geometry, strict=True):
            assert (rle.width, rle.height) == (sighting.width, sighting.height)
            np.testing.assert_allclose(geometry_of_mask(decode(rle)), geometry, atol=1e-6)


def test_the_same_split_and_seed_give_the_same_sightings(seen, expert):
    again = Spotter(expert, 0.02).see("train", 0, [1])[0]
    assert again.oracle.rles == seen[1].oracle.rles
    other = Spotter(expert, 0.02).see("test", 0, [1])[0]
    assert other.oracle.rles != seen[1].oracle.rles


def test_proposals_are_those_that_the_expert_serves(expert, tmp_path):
    wide = shutil.copytree(expert, tmp_path / "wide")
    config = json.loads((wide / "config.json").read_text())
    (wide / "config.json").write_text(json.dumps(config | {"merge_gap_px": 25, "grow_share": 0.9}))
    told, asked = [], []
    for checkpoint in (expert, wide):
        spotter = Spotter(checkpoint, 0.02)
        spotter.level = spotter.level._replace(threshold=_busy(spotter))
        one = drawn("train", 0, 1)
        frame, (sighting,) = spotter.look([one])[0].frame, spotter.see("train", 0, [1])
        square, threshold = frame.square[None], spotter.level.threshold
        (served,) = inspect(spotter.model, square, [frame.letterbox], [threshold], [MIN_AREA_PX])
        told.append(sighting.predicted.geometry)
        asked.append(np.stack([proposal.geometry(frame.letterbox) for proposal in served.proposals]))
        np.testing.assert_allclose(told[-1], asked[-1], atol=1e-6)
    assert told[0].shape != told[1].shape or not np.allclose(*told)


def _busy(spotter):
    """A threshold above which a part of the map lies in several regions."""
    raw = spotter.look([drawn("train", 0, 1)])[0].raw
    return float(np.quantile(raw, 0.9))


def test_a_file_gives_back_what_was_written_under_its_key_only(seen, tmp_path):
    path = tmp_path / "state" / "sightings.npz"
    sightings_file.write(path, "key", seen)
    back = sightings_file.read(path, "key")
    assert [(one.product, one.width, one.height) for one in back] == [(s.product, s.width, s.height) for s in seen]
    for one, before in zip(back, seen, strict=True):
        for side in ("oracle", "predicted"):
            a, b = getattr(one, side), getattr(before, side)
            assert a.rles == b.rles
            assert a.drawn_types == b.drawn_types
            assert np.array_equal(a.appearance, b.appearance)
            assert np.array_equal(a.geometry, b.geometry)
    assert sightings_file.read(path, "other key") is None
    path.write_bytes(path.read_bytes()[:100])
    assert sightings_file.read(path, "key") is None


def test_the_frames_of_sightings_are_drawn_again_small_and_kept(tmp_path):
    rule = CropRule(*AREAS_PX["tiny"])
    found = frames(rule, "train", 0, 10, tmp_path)
    whole = [drawn("train", 0, index).image for index in range(10)]
    assert len({picture.shape for picture in found}) > 1
    for picture, drawing in zip(found, whole, strict=True):
        assert np.array_equal(picture, rule.fitted(drawing))
    told = []
    again = frames(rule, "train", 0, 10, tmp_path, lambda *stage: told.append(stage))
    assert not told
    assert all(np.array_equal(one, other) for one, other in zip(again, found, strict=True))
    assert sightings_file.read_pictures(tmp_path / "frames-train.npz", "other key") is None


def test_a_cut_never_meets_a_defect():
    for seed in range(12):
        rng = np.random.default_rng(seed)
        drawing = draw("metal_tile", rng, defect_types=["scratch", "hole"])
        cut = cropped(drawing, rng)
        areas = [int(defect.mask.sum()) for defect in drawing.defects]
        assert [int(defect.mask.sum()) for defect in cut.defects] == areas
        assert cut.image.shape[:2] == cut.clean.shape[:2] == cut.mask.shape
