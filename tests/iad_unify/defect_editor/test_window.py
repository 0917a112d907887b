"""Windows around masks, and the way back to the frame."""

import numpy as np
import pytest

from iad_unify.defect_editor.window import Window, composite, cut, enlarge, groups, matte, shrink, window_around


def rectangle(height: int, width: int, top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = True
    return mask


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_small_mask_gets_a_window_of_the_crop_at_the_frames_own_scale() -> None:
    assert window_around(rectangle(256, 256, 100, 60, 110, 80), 48) == Window(46, 81, 48)


@pytest.mark.parametrize(
    ("shape", "box"),
    [((100, 400), (0, 0, 5, 9)), ((400, 100), (390, 90, 400, 100)), ((720, 1280), (10, 1270, 90, 1280))],
)
def test_a_window_of_a_border_touching_mask_stays_inside_the_frame(
    shape: tuple[int, int], box: tuple[int, ...]
) -> None:
    mask = rectangle(*shape, *box)
    window = window_around(mask, 48)
    assert 0 <= window.x <= shape[1] - window.side
    assert 0 <= window.y <= shape[0] - window.side
    assert cut(mask, window).sum() == mask.sum()


def test_a_large_mask_gets_a_larger_window_with_margin_in_proportion() -> None:
    mask = rectangle(600, 800, 100, 100, 500, 300)
    window = window_around(mask, 48)
    assert window.side >= 400 * 48 / 38
    assert shrink(cut(mask, window), 48).shape == (48, 48)


def test_a_frame_smaller_than_the_crop_is_centred_and_its_border_repeats() -> None:
    frame = noise(20, 30)
    window = window_around(rectangle(20, 30, 5, 5, 9, 9), 48)
    piece = cut(frame, window)
    assert piece.shape == (48, 48, 3)
    assert (piece[-window.y : 20 - window.y, -window.x : 30 - window.x] == frame).all()
    assert (piece[0, -window.x : 30 - window.x] == frame[0]).all()


def test_groups_cover_the_mask_once_and_join_what_lies_near() -> None:
    mask = (
        rectangle(200, 200, 10, 10, 20, 20)
        | rectangle(200, 200, 24, 10, 30, 20)
        | rectangle(200, 200, 150, 150, 160, 160)
    )
    parts = groups(mask)
    assert len(parts) == 2
    assert (np.sum(parts, axis=0) == mask).all()


def test_hundreds_of_specks_share_one_window() -> None:
    mask = np.zeros((800, 800), bool)
    mask[::40, ::40] = True
    assert len(groups(mask)) == 1


def test_thin_masks_survive_shrinking() -> None:
    mask = rectangle(400, 400, 200, 10, 201, 390)
    assert shrink(mask, 48).any()


def test_an_unchanged_crop_comes_back_as_the_clean_frame_at_any_scale() -> None:
    clean = noise(200, 200)
    small = shrink(clean, 48)
    back = enlarge(small.astype(np.float32), small, clean)
    assert np.abs(back - clean).max() < 1e-3


def test_a_strong_edit_replaces_the_clean_texture() -> None:
    clean = noise(192, 192)
    small = shrink(clean, 48)
    black = enlarge(np.zeros((48, 48, 3), np.float32), small, clean)
    assert np.abs(black[20:-20, 20:-20]).mean() < np.abs(clean.astype(float) - 0)[20:-20, 20:-20].mean() * 0.2


def test_compositing_writes_under_the_mask_only() -> None:
    frame = noise(60, 90)
    mask = rectangle(60, 90, 0, 80, 10, 90)
    window = window_around(mask, 48)
    result = composite(frame, np.full((window.side, window.side, 3), 300.0), mask, window)
    assert (result[~mask] == frame[~mask]).all()
    assert (result[mask] == 255).all()


def test_an_edit_fades_towards_the_border_of_a_loose_mask_but_not_inside_the_shape() -> None:
    allowed, shape = rectangle(60, 60, 20, 20, 40, 40), rectangle(60, 60, 28, 20, 32, 40)
    share = matte(allowed, shape, 1.0)
    assert (share[~allowed] == 0).all()
    assert (share[shape] == 1).all()
    assert share[20, 30] == pytest.approx(1 / 3, abs=0.05)
    assert (share[23:37, 23:37] == 1).all()


def test_a_line_one_pixel_wide_is_edited_in_full() -> None:
    line = rectangle(40, 40, 20, 5, 21, 35)
    assert (matte(line, np.zeros_like(line), 1.0)[line] == 1).all()


def test_a_mask_does_not_fade_at_the_border_of_the_frame() -> None:
    corner = rectangle(40, 40, 0, 0, 12, 12)
    assert matte(corner, np.zeros_like(corner), 1.0)[0, 0] == 1
