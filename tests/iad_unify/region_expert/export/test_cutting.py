"""What is cut out for a runtime is what the heads see in torch, wherever a region lies and however large it is."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from iad_unify.geometry import Letterbox
from iad_unify.region_expert import closeup, pooling
from iad_unify.region_expert.config import ExpertConfig
from iad_unify.region_expert.described import Frame
from iad_unify.region_expert.export.cutting import cut
from iad_unify.region_expert.export.delegating import Delegating, with_cuts
from iad_unify.region_expert.export.runtimes import TorchNetwork
from iad_unify.region_expert.model import RegionExpert

SIDE = 256


def masks() -> list[NDArray[np.bool_]]:
    """A pixel in a corner, a slanted scratch, a ragged spot at the border, a tall one, the whole square."""
    out = np.zeros((5, SIDE, SIDE), bool)
    out[0, 255, 255] = True
    out[1, np.arange(40, 90), np.arange(100, 200, 2)] = True
    out[2, 100:140, :33] = np.random.default_rng(0).random((40, 33)) < 0.5
    out[3, 3:230, 71:74] = True
    out[4] = True
    return list(out)


def frame(width: int = SIDE, height: int = SIDE, *, template: bool = False) -> Frame:
    rng = np.random.default_rng(1)
    squares = rng.integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    features = torch.randn((1, 16, SIDE // 4, SIDE // 4), generator=torch.Generator().manual_seed(0))
    return Frame(squares[0], Letterbox.fit(width, height, SIDE), features, squares[1] if template else None)


@pytest.mark.parametrize(("width", "height"), [(SIDE, SIDE), (301, 200), (97, 300)])
def test_pooled_features_and_shapes_are_those_of_torch(width: int, height: int) -> None:
    shown, regions = frame(width, height), torch.from_numpy(np.stack(masks())).float()
    cuts = cut(shown, masks(), template=False)
    content = torch.from_numpy(shown.letterbox.content()).float().expand_as(regions)
    owner = torch.zeros(len(regions), dtype=torch.int64)
    expected = pooling.pool(shown.features, regions, owner, content).numpy()
    np.testing.assert_allclose(cuts.pooled, expected, atol=1e-5)
    np.testing.assert_allclose(cuts.shape, pooling.shape_numbers(regions).numpy(), atol=1e-3)


@pytest.mark.parametrize("template", [False, True])
def test_windows_are_those_of_torch(template: bool) -> None:
    shown, regions = frame(template=template), torch.from_numpy(np.stack(masks())).float()
    planes = [shown.square] if shown.template is None else [shown.square, shown.template]
    stacked = torch.from_numpy(np.concatenate(planes, axis=2)).permute(2, 0, 1)[None].float()
    expected = closeup.cut(stacked, regions, torch.zeros(len(regions), dtype=torch.int64))
    found = cut(shown, masks(), template=template).windows
    np.testing.assert_allclose(found, expected.permute(0, 2, 3, 1).numpy(), atol=1e-3)


def test_a_frame_without_a_template_is_its_own() -> None:
    windows = cut(frame(), masks(), template=True).windows
    np.testing.assert_array_equal(windows[..., :3], windows[..., 4:])


@pytest.mark.parametrize("template", [False, True])
@pytest.mark.parametrize("side", [SIDE, 320])
def test_an_expert_that_delegates_describes_regions_as_the_one_it_was_made_from(template: bool, side: int) -> None:
    torch.manual_seed(0)
    expert = RegionExpert(ExpertConfig(widths=(8, 16, 16, 16), token_dim=16, template=True, boxes=True)).eval()
    rng = np.random.default_rng(2)
    squares = rng.integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    features = torch.randn((1, 16, side // 4, side // 4), generator=torch.Generator().manual_seed(1))
    shown = Frame(squares[0], Letterbox.fit(side, 200, side), features, squares[1] if template else None)
    regions = [np.pad(mask, (0, side - SIDE)) for mask in masks()]
    expected = expert.describe_frame(shown, regions)
    found = Delegating(expert, TorchNetwork(expert)).describe_frame(shown, regions)
    for ours, theirs in zip(expected, found, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(theirs.astype(np.float32), ours.astype(np.float32), atol=2e-3, rtol=2e-3)


def test_with_cuts_the_maps_and_regions_are_those_of_the_model() -> None:
    torch.manual_seed(0)
    expert = RegionExpert(ExpertConfig(widths=(8, 16, 16, 16), token_dim=16, template=True)).eval()
    quick = with_cuts(expert)
    squares = np.random.default_rng(3).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    ours, theirs = (one.look(squares[:1], squares[1:], patches=True) for one in (expert, quick))
    for found_plane, plane in zip(theirs, ours, strict=True):
        torch.testing.assert_close(found_plane, plane)
    shown = Frame(squares[0], Letterbox.fit(SIDE, SIDE, SIDE), ours.features, squares[1])
    expected, found = (one.describe_frame(shown, masks()) for one in (expert, quick))
    np.testing.assert_allclose(found.type_logits, expected.type_logits, atol=2e-3, rtol=2e-3)
