"""A worse mask has the IoU that was asked for, whatever its shape."""

import numpy as np
import pytest

from iad_unify.explainer.ladder.degrading import degraded, overlap


def patch():
    mask = np.zeros((60, 80), bool)
    mask[20:40, 30:60] = True
    return mask


def hairline():
    mask = np.zeros((60, 80), bool)
    mask[30, 10:70] = True
    return mask


def at_the_border():
    mask = np.zeros((60, 80), bool)
    mask[:30, :40] = True
    return mask


@pytest.mark.parametrize("iou", [0.9, 0.7, 0.5])
@pytest.mark.parametrize("mask", [patch(), hairline(), at_the_border()], ids=["patch", "hairline", "border"])
def test_the_overlap_is_the_one_asked_for(mask, iou):
    worse = degraded(mask, iou, np.random.default_rng(0))
    assert worse.sum() == mask.sum()
    assert overlap(mask, worse) == pytest.approx(iou, abs=0.02)


def test_the_same_generator_gives_the_same_mask():
    first, second = (degraded(patch(), 0.5, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, second)


def test_a_mask_of_one_pixel_stays_and_an_empty_one_is_refused():
    mask = np.zeros((9, 9), bool)
    with pytest.raises(ValueError, match="0 pixels"):
        degraded(mask, 0.5, np.random.default_rng(0))
    mask[4, 4] = True
    assert np.array_equal(degraded(mask, 0.5, np.random.default_rng(0)), mask)
