"""Loose masks for training."""

import cv2
import numpy as np

from iad_unify.defect_editor.looseness import loosen


def crack() -> np.ndarray:
    return cv2.line(np.zeros((128, 128), np.uint8), (30, 40), (80, 90), 1, 2).astype(bool)


def test_every_loose_mask_contains_the_defect_and_every_hint_is_the_defect_or_nothing() -> None:
    rng = np.random.default_rng(0)
    shape = crack()
    hinted = 0
    for _ in range(200):
        allowed, hint = loosen(shape, rng)
        assert (allowed & shape).sum() == shape.sum()
        assert not hint.any() or (hint == shape).all()
        hinted += bool(hint.any())
    assert 40 < hinted < 100


def test_masks_without_a_hint_are_often_much_larger_than_the_defect() -> None:
    rng = np.random.default_rng(1)
    shape = crack()
    sizes = [
        allowed.sum() / shape.sum() for allowed, hint in (loosen(shape, rng) for _ in range(200)) if not hint.any()
    ]
    assert np.mean(np.array(sizes) > 3) > 0.4


def test_a_defect_at_the_border_stays_in_the_frame() -> None:
    shape = np.zeros((64, 64), bool)
    shape[0, 0] = shape[63, 63] = True
    for seed in range(30):
        allowed, _ = loosen(shape, np.random.default_rng(seed))
        assert allowed.shape == (64, 64)
        assert allowed[0, 0]
