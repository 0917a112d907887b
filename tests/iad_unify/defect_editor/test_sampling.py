"""Whole frames: what is outside the mask must come back bit for bit."""

from dataclasses import replace

import numpy as np
import pytest

from iad_unify.defect_editor.flow import FlowEditor
from iad_unify.defect_editor.sampling import EditRequest, edit, is_grey, picture_tensor, pixels


def request(height: int, width: int, boxes: list[tuple[int, int, int, int]], *, grey: bool = False) -> EditRequest:
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if grey:
        frame = np.repeat(frame[..., :1], 3, axis=2)
    mask = np.zeros((height, width), bool)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = True
    states = rng.standard_normal((5, 24)).astype(np.float32)
    return EditRequest(frame, mask, np.zeros_like(mask), states, seed=1, steps=2, guidance=1.0)


CASES = {
    "square": (64, 64, [(20, 20, 30, 34)]),
    "wide, touching a corner": (60, 300, [(0, 290, 12, 300)]),
    "tall, touching the bottom": (300, 60, [(280, 10, 300, 50)]),
    "large mask of a large frame": (480, 640, [(40, 60, 430, 500)]),
    "several components": (200, 260, [(5, 5, 20, 20), (150, 200, 190, 250), (100, 20, 104, 110)]),
    "the whole frame": (50, 70, [(0, 0, 50, 70)]),
    "a frame smaller than the crop": (18, 25, [(3, 3, 12, 20)]),
    "one pixel": (100, 100, [(99, 99, 100, 100)]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("grey", [False, True])
def test_every_pixel_outside_the_mask_comes_back_bit_for_bit(small_editor: FlowEditor, case: str, grey: bool) -> None:
    height, width, boxes = CASES[case]
    asked = request(height, width, boxes, grey=grey)
    before = asked.frame.copy()
    edited = edit(small_editor, 32, asked)
    assert edited.dtype == np.uint8
    assert edited.shape == asked.frame.shape
    assert (edited[~asked.allowed] == before[~asked.allowed]).all()
    assert (edited[asked.allowed] != before[asked.allowed]).any()
    assert (asked.frame == before).all()
    assert is_grey(edited) or not grey


def test_every_component_is_edited(small_editor: FlowEditor) -> None:
    asked = request(*CASES["several components"])
    changed = (edit(small_editor, 32, asked) != asked.frame).any(2)
    assert changed[5:20, 5:20].any()
    assert changed[150:190, 200:250].any()
    assert changed[100:104, 20:110].any()


def test_an_empty_mask_returns_the_frame(small_editor: FlowEditor) -> None:
    asked = request(40, 40, [])
    assert (edit(small_editor, 32, asked) == asked.frame).all()


def test_the_seed_decides_the_edit(small_editor: FlowEditor) -> None:
    asked = request(64, 64, [(20, 20, 40, 40)])
    one = edit(small_editor, 32, asked)
    assert (one == edit(small_editor, 32, asked)).all()
    assert (one != edit(small_editor, 32, replace(asked, seed=2))).any()


def test_pixels_survive_the_way_through_the_networks_range() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = np.stack([values] * 3, axis=2)
    assert (np.rint(pixels(picture_tensor([picture]))[0]).astype(np.uint8) == picture).all()
