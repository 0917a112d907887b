"""Windows hold their regions at full resolution, and the network tells what a mean over features cannot."""

import numpy as np
import pytest
import torch

from iad_unify.region_expert import closeup
from iad_unify.region_expert.closeup import ROOM_PX, WINDOW_PX


def masks_of(size: int, *boxes: tuple[int, int, int, int]) -> torch.Tensor:
    """Filled boxes x0, y0, x1, y1 as float [N, size, size]."""
    out = torch.zeros((len(boxes), size, size))
    for plane, (x0, y0, x1, y1) in zip(out, boxes, strict=True):
        plane[y0:y1, x0:x1] = 1
    return out


def test_a_small_region_is_cut_out_pixel_by_pixel() -> None:
    planes = torch.randn((2, 3, 256, 256), generator=torch.Generator().manual_seed(0))
    masks = masks_of(256, (100, 60, 110, 80))
    window = closeup.cut(planes, masks, torch.tensor([1]))
    assert window.shape == (1, 4, WINDOW_PX, WINDOW_PX)
    x, y = 105 - 32, 70 - 32
    assert torch.equal(window[0, :3], planes[1, :, y : y + 64, x : x + 64])
    assert torch.equal(window[0, 3], masks[0, y : y + 64, x : x + 64])


def test_further_planes_come_behind_the_mask() -> None:
    planes = torch.arange(9.0)[None, :, None, None].expand(1, 9, 64, 64)
    window = closeup.cut(planes, masks_of(64, (0, 0, 64, 64)), torch.tensor([0]))
    assert window[0, :, 5, 5].tolist() == [0, 1, 2, 1, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("corner", [(0, 0), (250, 250), (0, 250)])
def test_a_window_stays_inside_the_picture(corner: tuple[int, int]) -> None:
    x, y = corner
    masks = masks_of(256, (x, y, x + 6, y + 6))
    window = closeup.cut(torch.ones((1, 3, 256, 256)), masks, torch.tensor([0]))
    assert window[0, :3].min() == 1
    assert window[0, 3].sum() == 36


@pytest.mark.parametrize(("side", "step"), [(64 - 2 * ROOM_PX, 1), (66 - 2 * ROOM_PX, 2), (110, 4), (256, 4)])
def test_a_large_region_is_averaged_down_until_it_fits(side: int, step: int) -> None:
    masks = masks_of(256, (0, 0, side, side))
    window = closeup.cut(torch.ones((1, 3, 256, 256)), masks, torch.tensor([0]))
    assert float(window[0, 3].sum()) * step**2 == pytest.approx(side**2, rel=1e-3)


def test_regions_of_several_pictures_and_sizes_are_cut_as_each_alone() -> None:
    planes = torch.randn((3, 9, 128, 128), generator=torch.Generator().manual_seed(1))
    masks = masks_of(128, (3, 4, 9, 9), (10, 10, 90, 100), (60, 60, 64, 90), (0, 0, 128, 128))
    owner = torch.tensor([2, 0, 1, 2])
    together = closeup.cut(planes, masks, owner)
    for index in range(4):
        alone = closeup.cut(planes, masks[index : index + 1], owner[index : index + 1])
        torch.testing.assert_close(together[index], alone[0])


def test_no_regions_are_no_windows() -> None:
    assert closeup.cut(torch.ones((1, 3, 64, 64)), torch.zeros((0, 64, 64)), torch.zeros(0, dtype=torch.int64)).shape == (
        0, 4, 64, 64,
    )  # fmt: skip


def test_it_learns_whether_a_gap_crosses_a_track_or_only_bites_into_it() -> None:
    """Both remove the same pixels of the same brightness; only their place tells them apart."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    look, head = closeup.CloseLook(16, template=False), torch.nn.Linear(16, 2)
    optimiser = torch.optim.Adam([*look.parameters(), *head.parameters()], lr=3e-3)

    def batch(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        picture, mask = -torch.ones((count, 3, 64, 64)), torch.zeros((count, 64, 64))
        kinds = torch.from_numpy(rng.integers(0, 2, count))
        for row in range(count):
            y, x, width = rng.integers(24, 36), rng.integers(24, 36), 6
            picture[row, :, y : y + width] = 1
            height, length = (width, 4) if kinds[row] else (4, width)  # 24 pixels each
            mask[row, y : y + height, x : x + length] = 1
            picture[row, :, y : y + height, x : x + length] = -1
        return closeup.cut(picture, mask, torch.arange(count)), kinds

    for _ in range(60):
        windows, kinds = batch(16)
        loss = torch.nn.functional.cross_entropy(head(look(windows)), kinds)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    windows, kinds = batch(64)
    with torch.inference_mode():
        assert (head(look(windows)).argmax(dim=1) == kinds).float().mean() > 0.9
