"""The served region expert answers alike whatever runs its network."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.checkpoints import write_expert

from iad_unify import resources
from iad_unify.checkpoint import CheckpointError, model_version
from iad_unify.geometry import Letterbox
from iad_unify.procedural import draw
from iad_unify.region_expert.export import network as export
from iad_unify.region_expert.export import runtimes
from iad_unify.region_expert.export.network import TOLERANCES
from iad_unify.serving.region_expert import RegionExpertService, Tensors


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped one."""
    folder = tmp_path_factory.mktemp("expert") / "shipped"
    shutil.copytree(resources.weights("region_expert"), folder, ignore=shutil.ignore_patterns("runtime"))
    return folder


def batch(side: int = 256) -> Tensors:
    """Defects on two products, in letterboxes that are unlike."""
    images, boxes = [], []
    for number, (product, width, height) in enumerate([("metal_tile", 256, 256), ("gasket", 300, 200)]):
        rng = np.random.default_rng(number)
        drawing = draw(product, rng, size=max(width, height), defect_types=("stain", "hole"))
        letterbox = Letterbox.fit(width, height, side)
        images.append(letterbox.apply(np.ascontiguousarray(drawing.image[:height, :width])))
        boxes.append(letterbox.as_array())
    return {"IMAGE": np.stack(images), "LETTERBOX": np.stack(boxes), "PROPOSAL": np.zeros((2, 2), np.float32)}


@pytest.mark.parametrize("runtime", [runtimes.ONNXRUNTIME, runtimes.OPENVINO])
def test_regions_tokens_and_types_are_those_of_torch(runtime: str, checkpoint: Path) -> None:
    export.export(checkpoint, runtime)
    by_torch, by_runtime = RegionExpertService(checkpoint), RegionExpertService(checkpoint, runtime=runtime)
    by_runtime.warm_up()
    for frames, version in ((batch(), model_version(checkpoint)), (batch(320), f"{model_version(checkpoint)}@320")):
        ours, theirs = by_torch.infer(frames), by_runtime.infer(frames)
        assert ours["COUNT"].sum() > 0
        assert ours.keys() == theirs.keys()
        assert theirs["MODEL_VERSION"][0, 0] == version.encode()
        agree(theirs, ours)


def agree(theirs: Tensors, ours: Tensors) -> None:
    for name in ("COUNT", "MASKS", "BOXES", "GEOMETRY", "TYPE_SLUGS", "DEFAULTS"):
        np.testing.assert_array_equal(theirs[name], ours[name], err_msg=name)
    for name in ("IMAGE_SCORE", "SCORES", "TYPE_LOGITS", "APPEARANCE"):
        found, expected = (answer[name].astype(np.float32) for answer in (theirs, ours))
        np.testing.assert_allclose(found, expected, atol=TOLERANCES["f32"].feature, rtol=1e-3, err_msg=name)


def test_a_runtime_without_its_export_does_not_serve(tmp_path: Path) -> None:
    folder = write_expert(tmp_path)
    with pytest.raises(CheckpointError, match="no export for openvino"):
        RegionExpertService(folder, runtime=runtimes.OPENVINO)
    with pytest.raises(ValueError, match=r"no such runtime: 'tflite'; there are auto, torch, onnxruntime"):
        RegionExpertService(folder, runtime="tflite")
    with pytest.raises(ValueError, match="KIND_CPU"):
        RegionExpertService(folder, runtime=runtimes.OPENVINO, device="cuda:0")


def test_an_export_may_lie_elsewhere(checkpoint: Path, tmp_path: Path) -> None:
    record = export.export(checkpoint, runtimes.OPENVINO, tmp_path, precision="bf16")
    service = RegionExpertService(checkpoint, runtime=runtimes.OPENVINO, exported=tmp_path)
    assert service.model_version == record.served_version == f"{model_version(checkpoint)}+bf16"


def test_auto_takes_the_export_that_is_there_and_else_torch_and_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shipped = resources.weights("region_expert")
    assert RegionExpertService(shipped, runtime=runtimes.AUTO).runtime == runtimes.ONNXRUNTIME
    bare = write_expert(tmp_path / "bare")
    assert RegionExpertService(bare, runtime=runtimes.AUTO).runtime == runtimes.TORCH
    assert not caplog.messages  # none is there
    # an export of another model, as after a training into the same folder
    shutil.copytree(shipped / "runtime", bare / "runtime")
    assert RegionExpertService(bare, runtime=runtimes.AUTO).runtime == runtimes.TORCH
    (said,) = caplog.messages
    assert "frames take longer" in said
    assert "run `iad-unify export --checkpoint" in said


def test_auto_takes_no_export_whose_thresholds_are_others(checkpoint: Path, tmp_path: Path) -> None:
    export.export(checkpoint, runtimes.OPENVINO, tmp_path, precision="bf16")
    service = RegionExpertService(checkpoint, runtime=runtimes.AUTO, exported=tmp_path)
    assert service.runtime == runtimes.TORCH
    assert service.model_version == model_version(checkpoint)
