"""A memory or a template, as an operator makes it: calibrate with pictures, then ask the daemon; models run in processes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import cv2
import grpc
import numpy as np
import pytest
import torch
from click.testing import Result
from tests.checkpoints import write_expert
from transformers import Dinov2Config, Dinov2Model
from typer.testing import CliRunner

from iad_unify.region_expert import bare
from inspectd.cli import app
from inspectd.client import Client
from inspectd.errors import Conflict, Misconfigured
from inspectd.settings import load_settings
from inspectd.v1.inspection_pb2 import Inspection
from inspectd.v1.inspection_service_pb2 import InspectImageRequest, InspectImageResponse
from inspectd.wiring import open_daemon


def part(seed: int, *, hole: bool = False, width: int = 128) -> bytes:
    pixels = np.random.default_rng(seed).normal(140, 6, (96, width, 3)).clip(0, 255).astype(np.uint8)
    if hole:
        pixels[40:56, 60:76] = 10
    return bytes(cv2.imencode(".png", pixels)[1])


@pytest.fixture
def good(tmp_path: Path) -> Path:
    folder = tmp_path / "good-parts"
    folder.mkdir()
    for number in range(32):
        (folder / f"{number:03}.png").write_bytes(part(number))
    return folder


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "STATE_DIR": tmp_path / "state",
        "VISION__EXPERT_CHECKPOINT": write_expert(tmp_path / "expert"),
        "FRAMES__SOURCE": f"folder:{tmp_path}",
        "EXPLANATIONS__ENABLED": "false",
        "API__PORT": 0,
        "DASHBOARD__PORT": 0,
    }
    for name, value in values.items():
        monkeypatch.setenv(f"INSPECTD_{name}", str(value))


async def calibrate(*words: str) -> Result:
    arguments = ["calibrate", "--camera", "press-1", *words]
    return await asyncio.to_thread(CliRunner().invoke, app, arguments)


@asynccontextmanager
async def asking() -> AsyncIterator[Client]:
    async with open_daemon(load_settings()) as daemon, Client(address=daemon.api_address) as client:
        yield client


async def ask(client: Client, image: bytes, camera: str = "press-1") -> InspectImageResponse:
    response: InspectImageResponse = await client.inspections.InspectImage(
        InspectImageRequest(camera_id=camera, image=image)
    )
    return response


async def test_a_memory_and_a_template_find_what_good_pictures_never_showed(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSPECTD_VISION__CAMERA_SQUARE_PX", '{"press-1": 320}')  # in tiles, both too
    golden = good / "golden.png"  # among the good ones: it is not compared with itself
    golden.write_bytes(part(500))
    result = await calibrate("--good", str(good), "--rate", "0.1", "--memory", "--template", str(golden))
    assert result.exit_code == 0, result.output
    files = list((tmp_path / "state" / "references").iterdir())
    names = ["+".join(one.stem for one in order) for order in (files, files[::-1])]
    assert any(f"(calibrated/1) and reference {name} from 16 good parts" in result.output for name in names)
    async with asking() as client:
        bad, alone = await ask(client, part(100, hole=True)), await ask(client, part(100, hole=True), "press-2")
        assert bad.inspection.outcome == Inspection.DEFECT
        assert bad.inspection.model_version == f"{alone.inspection.model_version}@320"
        assert bad.inspection.score > alone.inspection.score + 0.05
        fine = [await ask(client, part(seed)) for seed in range(101, 107)]
        assert sum(one.inspection.outcome == Inspection.PASS for one in fine) >= 5
        assert max(one.inspection.score for one in fine) < bad.inspection.score - 0.05
        with pytest.raises(grpc.aio.AioRpcError, match=r"a template of 128x96 .*calibrate again with good parts"):
            await ask(client, part(100, width=120))
    listed = (await calibrate("--history")).output
    assert all(file.stem in listed for file in files)

    files[0].unlink()
    async with asking() as client:
        with pytest.raises(grpc.aio.AioRpcError, match="calibrate again with good parts") as caught:
            await ask(client, part(100))
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert (await ask(client, part(100), "press-2")).inspection.threshold_version.startswith("default/")


async def test_good_parts_are_remembered_unless_they_are_few_or_it_is_left_out(good: Path, tmp_path: Path) -> None:
    few = await calibrate("--good", str(good), "--rate", "0.05")
    assert few.exit_code == 0, few.output
    assert "good parts are not remembered: that takes 38 pictures at a rate of 0.05, and there are 32" in few.output
    assert "(calibrated/1) from 32 good parts" in few.output
    enough = await calibrate("--good", str(good), "--rate", "0.1")
    (file,) = (tmp_path / "state" / "references").iterdir()
    assert f"(calibrated/2) and reference {file.stem} from 16 good parts" in enough.output
    without = await calibrate("--good", str(good), "--rate", "0.1", "--no-memory")
    assert "(calibrated/3) from 32 good parts" in without.output


async def test_an_expert_that_only_compares_inspects_calibrated_cameras_and_refuses_others(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "mlp_ratio": 2}
    Dinov2Model(Dinov2Config(**shape, patch_size=8, image_size=128)).save_pretrained(tmp_path / "dinov2")
    bare.make(str(tmp_path / "dinov2"), tmp_path / "bare", 128)
    monkeypatch.setenv("INSPECTD_VISION__EXPERT_CHECKPOINT", str(tmp_path / "bare"))
    monkeypatch.setenv("INSPECTD_VISION__SQUARE_PX", "128")
    result = await calibrate("--good", str(good), "--rate", "0.1")
    assert result.exit_code == 0, result.output
    async with asking() as client:
        bad = await ask(client, part(100, hole=True))
        assert bad.inspection.outcome == Inspection.DEFECT
        fine = [await ask(client, part(seed)) for seed in range(101, 107)]
        assert max(one.inspection.score for one in fine) < bad.inspection.score - 0.05
        with pytest.raises(grpc.aio.AioRpcError, match="calibrate again with good parts") as caught:
            await ask(client, part(100), "press-2")
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_picture_that_is_refused_is_named(good: Path) -> None:
    (good / "zz.png").write_bytes(b"no picture")
    refused = await calibrate("--good", str(good), "--rate", "0.1")
    assert "zz.png: " in str(refused.exception)


async def test_a_template_is_not_taken_without_good_pictures_or_its_file(good: Path, tmp_path: Path) -> None:
    for words in (("--history", "--template", str(good / "000.png")), ("--good", str(good), "--template", "gone.png")):
        refused = await calibrate(*words)
        assert isinstance(refused.exception, Misconfigured)
        assert "--template" in str(refused.exception)


async def test_a_square_smaller_than_the_expert_s_input_ends_the_start_with_the_setting(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSPECTD_VISION__CAMERA_SQUARE_PX", '{"press-1": 128}')
    with pytest.raises(
        Misconfigured, match=r"vision.square_px: .*128 pixels is smaller than the expert's input of 256"
    ):
        async with asking():
            pass


async def test_what_makes_no_memory_is_refused_before_anything_is_stored(good: Path, tmp_path: Path) -> None:
    few = await calibrate("--good", str(good), "--rate", "0.05", "--memory")
    assert isinstance(few.exception, Conflict)
    assert "give 38 or more" in str(few.exception)
    assert isinstance((await calibrate("--history", "--memory")).exception, Misconfigured)
    assert not (tmp_path / "state" / "references").exists()
    assert "no calibrated threshold" in (await calibrate("--history")).output
