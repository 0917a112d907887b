"""The letterbox, the 3x3 cells and the geometry vector."""

import numpy as np
import pytest

from iad_unify import geometry
from iad_unify.geometry import CELLS, Letterbox


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280), (256, 256), (100, 37), (5, 400), (1, 1)])
def test_a_letterboxed_frame_is_square_and_its_content_survives_the_wire(width: int, height: int) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    letterbox = Letterbox.fit(width, height, 256)
    again = Letterbox.from_array(letterbox.as_array(), 256)
    assert letterbox.apply(rgb).shape == (256, 256, 3)
    assert again == letterbox
    assert again.inner == letterbox.inner


def test_the_padding_repeats_the_border_of_the_picture() -> None:
    rgb = np.zeros((50, 100, 3), dtype=np.uint8)
    rgb[0], rgb[-1] = (10, 20, 30), (200, 100, 50)
    square = Letterbox.fit(100, 50, 100).apply(rgb)
    assert (square[:25] == (10, 20, 30)).all()
    assert (square[-25:] == (200, 100, 50)).all()


def test_a_box_comes_back_to_original_pixels() -> None:
    letterbox = Letterbox.fit(1280, 720, 256)
    x0, y0 = 100 * letterbox.scale + letterbox.pad_x, 200 * letterbox.scale + letterbox.pad_y
    x1, y1 = 300 * letterbox.scale + letterbox.pad_x, 500 * letterbox.scale + letterbox.pad_y
    assert letterbox.box_to_original(x0, y0, x1, y1) == pytest.approx((100, 200, 300, 500), abs=1e-6)


def test_a_box_over_the_padding_is_clipped_to_the_frame() -> None:
    assert Letterbox.fit(200, 100, 256).box_to_original(-5, 0, 300, 256) == (0.0, 0.0, 200.0, 100.0)


def test_a_mask_follows_its_picture_and_a_single_pixel_does_not_vanish() -> None:
    mask = np.zeros((720, 1280), dtype=bool)
    mask[300, 700] = True
    square = Letterbox.fit(1280, 720, 256).apply_mask(mask)
    ys, xs = np.nonzero(square)
    assert abs(xs.mean() - 700 * 0.2) < 1
    assert abs(ys.mean() - (300 * 0.2 + 56)) < 1


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="100x50"):
        Letterbox.fit(100, 50, 64).apply(np.zeros((51, 100, 3), dtype=np.uint8))


def test_a_damaged_letterbox_is_refused() -> None:
    for bad in ([1, 2, 3], [0, 0, 0, 5, 5], [1, -1, 0, 5, 5], [1, 0, 0, 0, 5], [np.nan, 0, 0, 5, 5]):
        with pytest.raises(ValueError, match="letterbox"):
            Letterbox.from_array(np.array(bad, dtype=np.float32), 64)


@pytest.mark.parametrize("index", range(9))
def test_a_region_inside_one_cell_lies_in_it_completely(index: int) -> None:
    mask = np.zeros((100, 200), dtype=bool)
    row, column = divmod(index, 3)
    mask[row * 34 + 4 : row * 34 + 20, column * 67 + 4 : column * 67 + 40] = True
    assert geometry.cell_of_mask(mask) == (CELLS[index], pytest.approx(1.0))


def test_area_decides_between_cells_and_a_crossed_pixel_is_shared() -> None:
    mask = np.zeros((9, 10), dtype=bool)
    mask[4, 3] = True  # the first column border of a width of 10 is at 3.33
    shares = dict(zip(CELLS, geometry.cell_shares(mask), strict=True))
    assert shares["left"] == pytest.approx(1 / 3)
    assert geometry.cell_of_mask(mask) == ("center", pytest.approx(2 / 3))


def test_a_window_gives_the_same_shares_as_the_whole_frame() -> None:
    rng = np.random.default_rng(3)
    mask = np.zeros((77, 131), dtype=bool)
    mask[20:60, 30:100] = rng.random((40, 70)) < 0.4
    window = geometry.cell_shares_of_window(mask[20:60, 30:100], 30, 20, 131, 77)
    assert window == pytest.approx(geometry.cell_shares(mask))


def test_the_geometry_vector_is_normalised_to_the_original_frame() -> None:
    mask = np.zeros((50, 100), dtype=bool)
    mask[10:20, 40:60] = True
    assert geometry.geometry_of_mask(mask) == pytest.approx([0.5, 0.3, 0.2, 0.2, 0.04])
    with pytest.raises(ValueError, match="empty"):
        geometry.geometry_of_mask(np.zeros((5, 5), dtype=bool))
    with pytest.raises(ValueError, match="empty"):
        geometry.cell_of_mask(np.zeros((5, 5), dtype=bool))


def test_points_fall_into_their_cells() -> None:
    assert [geometry.cell_of_point(x, y) for x, y in ((0.1, 0.1), (0.5, 0.5), (1.0, 1.0), (0.9, 0.2))] == [
        "top_left",
        "center",
        "bottom_right",
        "top_right",
    ]
