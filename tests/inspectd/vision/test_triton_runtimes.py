"""The region expert on a real Triton with its network in another runtime: chosen in config.pbtxt, it answers as torch does."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from tests.services import Services
from tritonclient.grpc.aio import InferenceServerClient

from iad_unify import catalog
from iad_unify.checkpoint import model_version
from iad_unify.geometry import Letterbox
from iad_unify.procedural import draw
from iad_unify.region_expert.export import network as export
from iad_unify.region_expert.export import runtimes
from iad_unify.serving.region_expert import RegionExpertService
from inspectd.records import Image
from inspectd.settings import TritonSettings
from inspectd.stack.plan import Plan
from inspectd.vision.tensors import expert_inputs
from inspectd.vision.triton import RELOAD_TIMEOUT_S, TritonServer

pytestmark = pytest.mark.service("triton")

NAME = catalog.REGION_EXPERT.name
#: So low that a model of any quality proposes regions.
LOW = 0.05


class Repository:
    """The region expert of the running Triton: its configuration, as a person would edit it, and its reload."""

    def __init__(self, stack: Services) -> None:
        place = stack.start("triton").state_dir
        found = Plan.load(place)
        assert found is not None
        self.checkpoint, self.url = Path(found.expert_checkpoint), stack.triton
        self._file = place / "triton" / "repository" / NAME / "config.pbtxt"
        self._text = self._file.read_text()

    async def serve(self, runtime: str, exported: Path) -> None:
        """Writes both parameters and loads the model again."""
        text = self._text
        for name, before, value in (("runtime", "auto", runtime), ("exported", "", exported)):
            declared = f'key: "{name}" value: {{ string_value: "{before}" }}'
            assert declared in text
            text = text.replace(declared, declared.replace(f'"{before}"', f'"{value}"'))
        self._file.write_text(text)
        await self._load()

    async def restore(self) -> None:
        """As the others found it."""
        self._file.write_text(self._text)
        await self._load()

    async def _load(self) -> None:
        async with InferenceServerClient(self.url) as client:
            await client.load_model(NAME, client_timeout=RELOAD_TIMEOUT_S)


@pytest.fixture
async def repository(stack: Services) -> AsyncIterator[Repository]:
    repository = Repository(stack)
    yield repository
    await repository.restore()


def frames(side: int) -> list[Image]:
    """Defects on three products, in frames of different shapes."""
    found = []
    for number, (product, width, height) in enumerate(
        [("metal_tile", 320, 200), ("gasket", 200, 300), ("circuit_board", 256, 256)]
    ):
        drawing = draw(product, np.random.default_rng(number), size=max(width, height), defect_types=("stain", "hole"))
        letterbox = Letterbox.fit(width, height, side)
        square = letterbox.apply(np.ascontiguousarray(drawing.image[:height, :width]))
        found.append(Image(square, letterbox.as_array(), width, height))
    return found


@pytest.mark.parametrize("runtime", [runtimes.ONNXRUNTIME, runtimes.OPENVINO])
async def test_triton_answers_as_torch_when_another_runtime_is_named(
    runtime: str, repository: Repository, tmp_path: Path
) -> None:
    checkpoint = repository.checkpoint
    record = await asyncio.to_thread(export.export, checkpoint, runtime, tmp_path)
    service = RegionExpertService(checkpoint)
    await repository.serve(runtime, tmp_path)
    tmp_path.joinpath(runtimes.RECORD).unlink()  # what answers is what was opened then, and nothing else
    server = TritonServer(settings=TritonSettings(url=repository.url, timeout_s=60))
    try:
        for side in (256, 320):  # in one look, and in tiles
            inputs = [expert_inputs([one], LOW) for one in frames(side)]
            answers = await asyncio.gather(*(server.infer(catalog.REGION_EXPERT, one, 60) for one in inputs))
            for asked, there in zip(inputs, answers, strict=True):
                here = service.infer(asked)
                assert here["COUNT"][0, 0] > 0
                for name in ("COUNT", "MASKS", "BOXES", "GEOMETRY", "TYPE_SLUGS", "DEFAULTS", "MODEL_VERSION"):
                    np.testing.assert_array_equal(there[name], here[name], err_msg=name)
                for name in ("IMAGE_SCORE", "SCORES", "TYPE_LOGITS", "APPEARANCE"):
                    found, expected = (answer[name].astype(np.float32) for answer in (there, here))
                    tolerance = export.TOLERANCES["f32"].feature
                    np.testing.assert_allclose(found, expected, atol=tolerance, rtol=tolerance, err_msg=name)
    finally:
        await server.close()
    assert record.served_version == model_version(checkpoint)


async def test_an_export_of_another_checkpoint_is_not_served_and_triton_says_why(
    repository: Repository, tmp_path: Path
) -> None:
    runtimes.Record(runtimes.ONNXRUNTIME, "", "f32", "0123456789ab", 0, 0, 0, ()).write(tmp_path)
    with pytest.raises(Exception, match=r"is of model 0123456789ab, not .*iad-unify export"):
        await repository.serve(runtimes.ONNXRUNTIME, tmp_path)
