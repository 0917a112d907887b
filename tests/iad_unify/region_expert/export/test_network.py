"""Exports answer as torch does, on frames that the export was not checked on; what disagrees is not written."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from typer.testing import CliRunner

from iad_unify.checkpoint import CheckpointError, model_version
from iad_unify.cli import app
from iad_unify.procedural import draw
from iad_unify.region_expert import model
from iad_unify.region_expert.config import HEADS, ExpertConfig
from iad_unify.region_expert.export import heads, runtimes
from iad_unify.region_expert.export import network as export

SIDE = 64


def write(folder: Path, **settings: Any) -> Path:
    torch.manual_seed(0)
    expert = model.RegionExpert(ExpertConfig(size=SIDE, widths=(8, 16, 16, 16), trained_heads=HEADS, **settings))
    with torch.no_grad():
        expert.decoder.anomaly.weight *= 3
        expert.decoder.gated.gate.fill_(0.5)
    model.save(expert, folder)
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With exports for both runtimes."""
    folder = write(tmp_path_factory.mktemp("expert"), template=True, boxes=True)
    for runtime in (runtimes.ONNXRUNTIME, runtimes.OPENVINO):
        export.export(folder, runtime)
    return folder


@pytest.fixture
def written(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exporter's step that takes seconds is left out: its files are taken from the export that is there."""

    def copy(_: object, path: Path, *, templates: bool = False) -> None:
        assert templates == (path.stem == runtimes.WITH_TEMPLATE)
        shutil.copy(runtimes.folder_of(checkpoint, runtimes.ONNXRUNTIME) / path.name, path)

    monkeypatch.setattr(export, "write_onnx", copy)
    monkeypatch.setattr(export, "write_heads", copy)


@pytest.fixture(scope="module")
def frames() -> NDArray[np.uint8]:
    rng = np.random.default_rng(7)
    noise = rng.integers(90, 110, (SIDE, SIDE, 3), dtype=np.uint8)
    return np.stack([noise, *(draw(name, rng, size=SIDE).image for name in ("capsule", "metal_tile"))])


@pytest.mark.parametrize("runtime", [runtimes.ONNXRUNTIME, runtimes.OPENVINO])
def test_an_export_answers_as_torch(runtime: str, checkpoint: Path, frames: NDArray[np.uint8]) -> None:
    torch_network = runtimes.TorchNetwork(model.load(checkpoint))
    network, record = runtimes.open_network(checkpoint, runtime)
    assert torch_network(frames).logits.std() > 0.1
    tolerance = export.TOLERANCES["f32"]
    for batch in (frames, frames[:1]):
        assert export.difference(torch_network, network, batch).within(tolerance)
        assert export.difference(torch_network, network, batch, batch[:, ::-1].copy()).within(tolerance)
    assert record.probability_difference <= tolerance.probability
    assert record.served_version == model_version(checkpoint)


@pytest.mark.parametrize("runtime", [runtimes.ONNXRUNTIME, runtimes.OPENVINO])
@pytest.mark.parametrize("count", [1, 3])
def test_the_heads_answer_as_torch_for_any_number_of_regions(runtime: str, count: int, checkpoint: Path) -> None:
    expert = model.load(checkpoint)
    network, record = runtimes.open_network(checkpoint, runtime)
    rng = np.random.default_rng(count)
    cuts = heads.Cuts(*(rng.random(values.shape, dtype=np.float32) for values in heads.example(expert, count)))
    cuts.windows[..., [0, 1, 2, 4, 5, 6]] *= 255
    assert network.heads(cuts).rows.shape == (count, 3, expert.config.token_dim)
    assert network.heads(cuts).margins is not None
    allowed = export.TOLERANCES["f32"].head
    assert export.head_difference(runtimes.TorchNetwork(expert), network, cuts) <= allowed
    assert record.head_difference <= allowed


@pytest.mark.parametrize("runtime", [runtimes.ONNXRUNTIME, runtimes.OPENVINO])
def test_a_frame_is_answered_alike_alone_and_in_a_batch(
    runtime: str, checkpoint: Path, frames: NDArray[np.uint8]
) -> None:
    network, _ = runtimes.open_network(checkpoint, runtime)
    together = network(frames)
    for row in range(len(frames)):
        np.testing.assert_allclose(network(frames[row : row + 1]).logits[0], together.logits[row], atol=1e-4)


def test_bf16_is_another_model_version(tmp_path: Path) -> None:
    folder = write(tmp_path)
    record = export.export(folder, runtimes.OPENVINO, precision="bf16")
    assert record.served_version == f"{model_version(folder)}+bf16"
    assert runtimes.read_record(folder, runtimes.OPENVINO) == record
    with pytest.raises(ValueError, match="bf16 is for openvino"):
        export.export(folder, runtimes.ONNXRUNTIME, precision="bf16")


def test_a_patch_that_does_not_divide_the_side_is_exported_too(tmp_path: Path, frames: NDArray[np.uint8]) -> None:
    backbone = {"model_type": "dinov2", "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    folder = write(
        tmp_path,
        name="small",
        backbone=backbone | {"mlp_ratio": 2, "patch_size": 14, "image_size": 70},
        backbone_size=98,
    )
    for runtime in (runtimes.ONNXRUNTIME, runtimes.OPENVINO):
        export.export(folder, runtime)
        network, _ = runtimes.open_network(folder, runtime)
        torch_network = runtimes.TorchNetwork(model.load(folder))
        assert network(frames, patches=True).given_patches().shape == (len(frames), 7, 7, 2 * 24)
        assert network(frames).patches is None
        assert export.difference(torch_network, network, frames).within(export.TOLERANCES["f32"])


@pytest.mark.usefixtures("written")
def test_what_disagrees_is_not_written(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(export.TOLERANCES, "f32", export.Difference(0.0, 0.0))
    with pytest.raises(export.Disagreement, match=r"probabilities by .*features by .*margins by"):
        export.export(checkpoint, runtimes.ONNXRUNTIME, tmp_path / "out")
    assert [*tmp_path.rglob("*")] == [tmp_path / "out"]


def test_an_export_of_another_model_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    other = write(tmp_path)
    with pytest.raises(CheckpointError, match=r"no export for openvino.*iad-unify export --checkpoint"):
        runtimes.open_network(other, runtimes.OPENVINO)
    elsewhere = runtimes.folder_of(checkpoint, runtimes.OPENVINO)
    with pytest.raises(CheckpointError, match=rf"is of model {model_version(checkpoint)}, not {model_version(other)}"):
        runtimes.open_network(other, runtimes.OPENVINO, folder=elsewhere)
    with pytest.raises(CheckpointError, match="is for openvino, not onnxruntime"):
        runtimes.open_network(checkpoint, runtimes.ONNXRUNTIME, folder=elsewhere)


def test_a_damaged_export_is_named(checkpoint: Path, tmp_path: Path) -> None:
    record = runtimes.read_record(checkpoint, runtimes.ONNXRUNTIME)
    record.write(tmp_path)
    with pytest.raises(CheckpointError, match="onnxruntime cannot open"):
        runtimes.open_network(checkpoint, runtimes.ONNXRUNTIME, folder=tmp_path)
    replace(record, form=1).write(tmp_path)
    with pytest.raises(CheckpointError, match=rf"is of form 1, not {runtimes.FORM}"):
        runtimes.open_network(checkpoint, runtimes.ONNXRUNTIME, folder=tmp_path)
    replace(record, precision="f8").write(tmp_path)
    with pytest.raises(CheckpointError, match="precision 'f8'"):
        runtimes.open_network(checkpoint, runtimes.ONNXRUNTIME, folder=tmp_path)
    (tmp_path / runtimes.RECORD).write_text("{}")
    with pytest.raises(CheckpointError, match="damaged"):
        runtimes.open_network(checkpoint, runtimes.ONNXRUNTIME, folder=tmp_path)


@pytest.mark.parametrize("runtime", [runtimes.ONNXRUNTIME, runtimes.OPENVINO])
def test_a_runtime_that_is_not_installed_says_how(
    runtime: str, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, runtime, None)
    with pytest.raises(CheckpointError, match=rf"pip install inspectd\[{runtime}\]"):
        runtimes.open_network(checkpoint, runtime)
    with pytest.raises(CheckpointError, match=rf"pip install inspectd\[export,{runtime}\]"):
        export.export(checkpoint, runtime, tmp_path)


@pytest.mark.usefixtures("written")
def test_the_command_says_what_it_wrote(checkpoint: Path, tmp_path: Path) -> None:
    words = ["export", "--checkpoint", str(checkpoint), "--out", str(tmp_path)]
    done = CliRunner().invoke(app, [*words, "--runtime", "tensorrt"])
    assert done.exit_code == 0, done.output
    assert "largest difference to torch" in done.output
    assert f"next: {tmp_path}/build-plan.sh" in done.output
    assert json.loads((tmp_path / runtimes.RECORD).read_text())["model_version"] == model_version(checkpoint)
    assert CliRunner().invoke(app, [*words, "--runtime", "onnxruntime", "--precision", "bf16"]).exit_code == 2


@pytest.mark.usefixtures("written")
def test_the_steps_to_a_plan_are_written_down(checkpoint: Path, tmp_path: Path) -> None:
    export.export(checkpoint, runtimes.TENSORRT, tmp_path)
    script, configuration, of_heads = (
        (tmp_path / name).read_text()
        for name in ("build-plan.sh", f"{runtimes.PLAN_MODEL}.pbtxt", f"{runtimes.HEADS_PLAN_MODEL}.pbtxt")
    )
    assert f"--onnx=network.onnx --saveEngine={runtimes.PLAN_MODEL}/1/model.plan --noTF32" in script
    assert f"--onnx=heads.onnx --saveEngine={runtimes.HEADS_PLAN_MODEL}/1/model.plan --noTF32" in script
    assert "--maxShapes=windows:16x64x64x7,pooled:16x2x64,shape:16x15\n" in script
    subprocess.run(["sh", "-n", str(tmp_path / "build-plan.sh")], check=True)
    assert f"dims: [ {SIDE}, {SIDE}, 3 ]" in configuration
    assert f'name: "patches" data_type: TYPE_FP32 dims: [ {SIDE // 8}, {SIDE // 8}, {8 + 16} ]' in configuration
    for name in ("windows", "pooled", "shape", "rows", "type_logits", "margins"):
        assert f'name: "{name}" data_type: TYPE_FP32' in of_heads
    for text in (configuration, of_heads):
        assert text.count("{") == text.count("}")
    assert (tmp_path / "network.onnx").is_file()
    assert (tmp_path / "heads.onnx").is_file()


class FakeTriton:
    """The part of Triton's Python module that asks another model; that model is ONNX Runtime here."""

    TRITONSERVER_MEMORY_CPU = 0

    def __init__(self, network: runtimes.Network, error: str = "") -> None:
        self.network, self.error = network, error
        self.asked: list[str] = []

    class Tensor:
        def __init__(self, name: str, values: NDArray[Any]) -> None:
            self.name, self.values = name, values

        def as_numpy(self) -> NDArray[Any]:
            return self.values

    def PreferredMemory(self, kind: int, device: int) -> tuple[int, int]:  # noqa: N802
        return kind, device

    def InferenceRequest(  # noqa: N802
        self, *, model_name: str, requested_output_names: list[str], inputs: list[Any], preferred_memory: Any
    ) -> Any:
        assert preferred_memory == (self.TRITONSERVER_MEMORY_CPU, 0)
        self.asked.append(model_name)
        return FakeRequest(self, requested_output_names, inputs)

    @staticmethod
    def get_output_tensor_by_name(answer: Any, name: str) -> Any:
        return answer.outputs[name]


class FakeRequest:
    def __init__(self, triton: FakeTriton, names: list[str], inputs: list[Any]) -> None:
        self.triton, self.names, self.inputs = triton, names, inputs
        self.outputs: dict[str, Any] = {}

    def exec(self) -> "FakeRequest":
        feed = {tensor.name: tensor.values for tensor in self.inputs}
        network = self.triton.network
        found = network(feed["pictures"], patches=True) if "pictures" in feed else network.heads(heads.Cuts(**feed))
        self.outputs = {name: FakeTriton.Tensor(name, found._asdict()[name]) for name in self.names}
        return self

    def has_error(self) -> bool:
        return bool(self.triton.error)

    def error(self) -> Any:
        return type("Error", (), {"message": lambda _: self.triton.error})()


@pytest.mark.usefixtures("written")
def test_a_plan_is_asked_through_triton(tmp_path: Path, checkpoint: Path, frames: NDArray[np.uint8]) -> None:
    export.export(checkpoint, runtimes.TENSORRT, tmp_path)
    onnx, _ = runtimes.open_network(checkpoint, runtimes.ONNXRUNTIME)
    triton = FakeTriton(onnx)
    network, _ = runtimes.open_network(checkpoint, runtimes.TENSORRT, folder=tmp_path, backend=triton)
    assert export.difference(onnx, network, frames) == export.Difference(0.0, 0.0)
    assert export.head_difference(onnx, network, heads.example(model.load(checkpoint), 2)) == 0
    assert triton.asked == [runtimes.PLAN_MODEL, runtimes.HEADS_PLAN_MODEL]
    with pytest.raises(ValueError, match="takes no template"):
        network(frames, frames)
    triton.error = "out of memory"
    with pytest.raises(RuntimeError, match="out of memory"):
        network(frames)
    with pytest.raises(CheckpointError, match="served by Triton"):
        runtimes.open_network(checkpoint, runtimes.TENSORRT, folder=tmp_path)
