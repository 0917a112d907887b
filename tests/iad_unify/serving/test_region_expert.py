"""The region expert's service: the catalog's tensors, batching, refusals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from iad_unify import masks
from iad_unify.catalog import MAX_REGIONS, REGION_EXPERT
from iad_unify.checkpoint import Card, CheckpointError, UntrainedHead, checkpoint_version, model_version, write_card
from iad_unify.geometry import Letterbox, geometry_of_mask
from iad_unify.procedural import draw
from iad_unify.region_expert import model
from iad_unify.region_expert.config import HEADS, ExpertConfig
from iad_unify.serving.region_expert import RegionExpertService

Tensors = dict[str, NDArray[np.generic]]
DTYPES = {"FP32": np.float32, "FP16": np.float16, "INT32": np.int32, "BYTES": np.object_}


def _write(folder: Path, trained: tuple[str, ...] = HEADS, size: int = 256) -> Path:
    """A checkpoint of random weights whose map is lively enough to raise regions."""
    torch.manual_seed(0)
    config = ExpertConfig(size=size, widths=(8, 16, 16, 16), trained_heads=trained)
    expert = model.RegionExpert(config)
    with torch.no_grad():
        expert.decoder.anomaly.weight *= 12
    model.save(expert, folder, config)
    card = Card("region_expert", "tiny", model.parameters(expert), ("procedural",), 0, 0, 0.0, trained)
    write_card(folder, replace(card, default_threshold=0.5, proposal_threshold=0.3, type_slugs=config.type_slugs))
    return folder


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> RegionExpertService:
    return RegionExpertService(_write(tmp_path_factory.mktemp("expert")))


def _batch(threshold: float = 0.02, min_area: float = 0.0, side: int = 256) -> Tensors:
    images, boxes = [], []
    for number, (product, width, height) in enumerate(
        [("metal_tile", 300, 200), ("circuit_board", 256, 256), ("gasket", 200, 400)]
    ):
        drawing = draw(product, np.random.default_rng(number), size=max(width, height), defect_types=("stain",))
        letterbox = Letterbox.fit(width, height, side)
        images.append(letterbox.apply(np.ascontiguousarray(drawing.image[:height, :width])))
        boxes.append(letterbox.as_array())
    proposal = np.tile(np.array([[threshold, min_area]], np.float32), (len(images), 1))
    return {"IMAGE": np.stack(images), "LETTERBOX": np.stack(boxes), "PROPOSAL": proposal}


def test_the_answer_has_the_catalog_s_names_shapes_and_dtypes(service: RegionExpertService) -> None:
    answer = service.infer(_batch())
    assert set(answer) == {tensor.name for tensor in REGION_EXPERT.outputs}
    for tensor in REGION_EXPERT.outputs:
        found = answer[tensor.name]
        assert found.dtype == DTYPES[tensor.dtype], tensor.name
        assert found.shape[0] == 3
        assert len(found.shape) == len(tensor.shape) + 1
        for size, expected in zip(found.shape[1:], tensor.shape, strict=True):
            assert expected in (-1, size), tensor.name


@pytest.mark.parametrize("side", [256, 320])
def test_masks_boxes_and_geometry_agree_in_original_pixels(service: RegionExpertService, side: int) -> None:
    batch = _batch(side=side)
    answer = service.infer(batch)
    assert answer["COUNT"].sum() > 0
    for frame, row in enumerate(batch["LETTERBOX"]):
        letterbox = Letterbox.from_array(row.astype(np.float32), side)
        for region in range(int(answer["COUNT"][frame, 0])):
            counts = bytes(answer["MASKS"][frame, region]).decode()
            rle = masks.Rle(letterbox.width, letterbox.height, counts)
            assert masks.bounding_box(rle) == tuple(answer["BOXES"][frame, region].astype(int))
            assert answer["GEOMETRY"][frame, region] == pytest.approx(geometry_of_mask(masks.decode(rle)), abs=1e-6)


def test_rows_past_the_count_are_empty(service: RegionExpertService) -> None:
    answer = service.infer(_batch(threshold=2.0))
    assert (answer["COUNT"] == 0).all()
    assert (answer["MASKS"] == b"").all()
    for name in ("BOXES", "SCORES", "TYPE_LOGITS", "APPEARANCE", "GEOMETRY"):
        assert not answer[name].any()
    assert answer["MASKS"].shape == (3, MAX_REGIONS)


def test_a_batch_gives_the_same_answer_as_its_frames_alone(service: RegionExpertService) -> None:
    batch = _batch()
    together = service.infer(batch)
    for frame in range(3):
        alone = service.infer({name: values[frame : frame + 1] for name, values in batch.items()})
        assert int(alone["COUNT"][0, 0]) == int(together["COUNT"][frame, 0])
        assert list(alone["MASKS"][0]) == list(together["MASKS"][frame])
        for name in ("IMAGE_SCORE", "SCORES", "TYPE_LOGITS", "BOXES", "GEOMETRY", "APPEARANCE"):
            expected = together[name][frame].astype(np.float32)
            assert alone[name][0].astype(np.float32) == pytest.approx(expected, abs=2e-3), name


def test_the_highest_region_score_is_the_picture_s_score(service: RegionExpertService) -> None:
    answer = service.infer(_batch())
    for frame in range(3):
        if answer["COUNT"][frame, 0]:
            assert answer["SCORES"][frame].max() == pytest.approx(float(answer["IMAGE_SCORE"][frame, 0]))


def test_a_head_that_was_never_trained_does_not_serve(tmp_path: Path) -> None:
    with pytest.raises(UntrainedHead, match=r"type head.*iad-unify train region-expert"):
        RegionExpertService(_write(tmp_path, trained=("anomaly",)))


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="gone"):
        RegionExpertService(tmp_path / "gone")


def test_the_model_version_is_that_of_the_folder(tmp_path: Path) -> None:
    service = RegionExpertService(_write(tmp_path))
    assert service.model_version == model_version(tmp_path)
    assert service.infer(_batch())["MODEL_VERSION"][0, 0] == service.model_version.encode()


def test_an_expert_of_any_size_serves_and_its_version_names_a_larger_square(tmp_path: Path) -> None:
    service = RegionExpertService(_write(tmp_path, size=64))
    service.warm_up()
    own, larger = service.infer(_batch(side=64)), service.infer(_batch(side=192))
    assert own["MODEL_VERSION"][0, 0] == model_version(tmp_path).encode()
    served = bytes(larger["MODEL_VERSION"][0, 0]).decode()
    assert served == f"{model_version(tmp_path)}@192"
    assert (
        checkpoint_version(served)
        == checkpoint_version(f"{model_version(tmp_path)}+bf16@192")
        == model_version(tmp_path)
    )
    assert (larger["COUNT"] > 0).all()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("IMAGE", np.zeros((3, 10, 10, 3), np.uint8), "a side of 10"),
        ("IMAGE", np.zeros((3, 256, 256, 3), np.float32), "IMAGE is uint8"),
        ("IMAGE", np.zeros((3, 256, 320, 3), np.uint8), "IMAGE is uint8"),
        ("IMAGE", np.zeros((3, 300, 300, 3), np.uint8), "a side of 300 and not a multiple of 32"),
        ("IMAGE", np.zeros((3, 2080, 2080, 3), np.uint8), "a side of 2080"),
        ("IMAGE", np.zeros((3, 224, 224, 3), np.uint8), "224 pixels is smaller than the expert's input of 256"),
        ("LETTERBOX", np.zeros((3, 5), np.float32), "positive scale"),
        ("LETTERBOX", np.ones((2, 5), np.float32), "LETTERBOX is"),
        ("PROPOSAL", np.full((3, 2), np.nan, np.float32), "not finite"),
    ],
)
def test_a_wrong_tensor_is_refused_by_name(
    service: RegionExpertService, name: str, value: NDArray[np.generic], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        service.infer(_batch() | {name: value})
    batch = _batch()
    del batch[name]
    with pytest.raises(ValueError, match=f"{name}.*missing"):
        service.infer(batch)
