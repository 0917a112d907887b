"""Training pictures and batches."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from iad_unify.data.samples import Sample
from iad_unify.data.truth import MADE_UP, UNTYPED
from iad_unify.region_expert.squares import Labelled, open_sample
from iad_unify.region_expert.training.sampling import ProceduralSource, SampleSource, make_batch
from iad_unify.region_expert.training.variation import crop, emphasise, vary
from iad_unify.types import DEFECT_TYPES, UNKNOWN


def _item(seed: int = 0) -> Labelled:
    rng = np.random.default_rng(seed)
    clean = np.full((256, 256, 3), 120, np.uint8)
    labels = np.zeros((256, 256), np.uint8)
    x, y = rng.integers(40, 200, 2)
    labels[y : y + 14, x : x + 14] = 3
    return Labelled(
        np.where(labels[:, :, None] > 0, 20, clean).astype(np.uint8), labels, np.ones((256, 256), bool), clean
    )


def test_the_same_seed_gives_the_same_batch() -> None:
    def batch() -> NDArray[np.uint8]:
        source = ProceduralSource(256, DEFECT_TYPES, pool=4)
        return make_batch(source, 4, np.random.default_rng(3), 256).pictures.numpy()

    assert (batch() == batch()).all()


def test_labels_follow_the_picture_through_every_variation() -> None:
    for seed in range(20):
        varied = vary(_item(seed), np.random.default_rng(seed))
        dark = varied.rgb.astype(int)[varied.labels > 0].mean()
        assert dark < varied.rgb.astype(int)[varied.labels == 0].mean() - 40


def test_a_clean_twin_is_varied_like_its_picture() -> None:
    for seed in range(10):
        varied = vary(_item(seed), np.random.default_rng(seed))
        assert varied.clean is not None
        far = cv2.dilate((varied.labels > 0).astype(np.uint8), np.ones((21, 21))) == 0
        assert np.abs(varied.rgb.astype(int) - varied.clean)[far].mean() < 1.0


def test_a_batch_of_crops_is_twice_as_many_and_mostly_holds_the_defect() -> None:
    class One:
        def next(self, rng: np.random.Generator) -> Labelled:
            return _item(int(rng.integers(1000)))

    batch = make_batch(One(), 8, np.random.default_rng(0), 128)
    assert batch.pictures.shape == (16, 128, 128, 3)
    held = [crop(_item(i), 128, np.random.default_rng(i)).labels.any() for i in range(40)]
    assert np.mean(held) > 0.7


def test_real_samples_give_defects_good_pictures_and_untyped_synthetic_anomalies(
    tiles: list[Sample],
) -> None:
    source = SampleSource(tiles, 256, ("crack", "hole"))
    rng = np.random.default_rng(0)
    seen = {int(value) for _ in range(60) for value in np.unique(source.next(rng).labels)}
    assert seen == {0, 1, 2, MADE_UP}


@pytest.mark.parametrize("known", [("crack",), ()])
def test_defects_whose_type_nobody_told_are_learnt_from_as_one_type_more(
    tiles: list[Sample], known: tuple[str, ...]
) -> None:
    told = [
        sample if sample.good or sample.defect_type in known else replace(sample, defect_type=UNKNOWN)
        for sample in tiles
    ]
    source, rng = SampleSource(told, 256, ("crack",)), np.random.default_rng(0)
    drawn = [set(np.unique(source.next(rng).labels).tolist()) - {0} for _ in range(200)]
    share = 0.45 / (len(known) + 1)
    assert 0.6 * share < np.mean([labels == {UNTYPED} for labels in drawn]) < 1.5 * share
    assert any(labels == {MADE_UP} for labels in drawn)


def test_a_defect_of_which_neither_type_nor_place_is_known_is_never_drawn(tiles: list[Sample]) -> None:
    blank = [sample if sample.good else replace(sample, defect_type=UNKNOWN, mask=None) for sample in tiles]
    source, rng = SampleSource(blank, 256, ("crack",)), np.random.default_rng(0)
    assert all(source.next(rng).content.any() for _ in range(60))


def test_where_every_type_is_told_the_same_pictures_are_drawn_as_ever(tiles: list[Sample]) -> None:
    source = SampleSource(tiles, 256, ("crack", "hole"))
    by_type = [[sample for sample in tiles if sample.defect_type == slug] for slug in ("crack", "hole")]
    drawn = 0
    for seed in range(30):
        picture, rng = source.next(np.random.default_rng(seed)), np.random.default_rng(seed)
        if rng.random() < 0.45:
            kind = by_type[rng.integers(2)]
            expected = open_sample(kind[int(rng.integers(len(kind)))], 256, ("crack", "hole"))[0]
            assert (picture.rgb == expected.rgb).all()
            drawn += 1
    assert drawn > 5


def test_a_letterboxed_sample_has_no_label_on_its_padding(tiles: list[Sample]) -> None:
    defective = next(sample for sample in tiles if sample.defect_type)
    labelled, letterbox = open_sample(defective, 256, ("crack", "hole"))
    assert letterbox.inner[2] < 256
    assert labelled.labels.any()
    assert not labelled.labels[~labelled.content].any()


def test_a_type_that_the_model_does_not_know_is_untyped(tiles: list[Sample]) -> None:
    defective = next(sample for sample in tiles if sample.defect_type)
    assert set(np.unique(open_sample(defective, 256, ())[0].labels)) == {0, UNTYPED}


def test_faint_defects_are_emphasised_to_a_floor_and_marked_ones_are_left_alone() -> None:
    labels = np.zeros((64, 64), np.uint8)
    labels[5:15, 5:15], labels[30:40, 30:40] = 1, 2
    clean = np.full((64, 64, 3), 120, np.uint8)
    rgb = clean.copy()
    rgb[labels == 1] -= 10
    rgb[labels == 2] += 80
    item = Labelled(rgb, labels, np.ones((64, 64), bool), clean)
    strong = emphasise(item, 50.0)
    assert (strong.rgb[labels == 1] == 70).all()
    assert (strong.rgb[labels == 2] == 200).all()
    assert (strong.rgb[labels == 0] == 120).all()
    assert emphasise(item, 0.0) is item
