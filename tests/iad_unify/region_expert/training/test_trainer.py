"""Training, resuming and evaluating through the commands, in seconds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

from iad_unify.checkpoint import model_version, read_card
from iad_unify.data import splits
from iad_unify.region_expert import commands, model
from iad_unify.region_expert.config import ExpertConfig
from iad_unify.region_expert.squares import Batch, Labelled
from iad_unify.region_expert.training import trainer as training
from iad_unify.region_expert.training.sampling import ProceduralSource


@pytest.fixture(scope="module")
def trained(tile_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    commands.train(
        data=[str(tile_folder)], out=out, config="tiny", backbone="", init="none", groups=None, train_share=0.5,
        minutes=None, steps=6, batch=2, seed=0, threads=1, resume=False,
    )  # fmt: skip
    return out


def test_training_leaves_a_checkpoint_a_card_a_split_and_pictures(trained: Path) -> None:
    for name in ("config.json", "model.safetensors", "card.json", "MODEL_CARD.md", "curves.png", "overlays.png"):
        assert (trained / name).stat().st_size > 0
    card = read_card(trained)
    assert card.type_slugs == ("crack", "hole")
    assert card.trained_heads == ("anomaly", "type")
    assert card.model_version == model_version(trained)
    assert card.proposal_threshold is not None
    assert card.default_threshold is not None
    assert card.proposal_threshold <= card.default_threshold
    assert str(trained) not in (trained / "card.json").read_text()  # no path of this machine travels


def test_no_group_is_on_two_sides_of_the_split_that_training_wrote(trained: Path) -> None:
    split = splits.read(trained / "groups.json")
    assert len(split.train) + len(split.validation) + len(split.test) == 16
    assert len(split.test) == 8


def test_a_training_goes_on_where_it_stopped(trained: Path, tile_folder: Path) -> None:
    commands.train(
        data=[str(tile_folder)], out=trained, config="tiny", backbone="", init="none", groups=trained / "groups.json",
        train_share=0.5, minutes=None, steps=8, batch=2, seed=0, threads=1, resume=True,
    )  # fmt: skip
    assert read_card(trained).steps == 8


def test_an_evaluation_reports_every_figure_with_an_interval_and_can_record_it(
    trained: Path, tile_folder: Path
) -> None:
    out = trained / "report.json"
    commands.evaluate(
        checkpoint=trained, data=str(tile_folder), out=out, groups=trained / "groups.json", split="test",
        thresholds="card", pictures=10, resamples=30, threads=1, record=True, plots=None,
    )  # fmt: skip
    report = json.loads(out.read_text())
    assert report["pictures"] == 16
    assert {"image_auroc", "pixel_auroc", "pixel_ap", "f1_max", "iou", "false_alarm_rate"} <= set(report["figures"])
    assert set(report["per_type"]) == {"crack", "hole"}
    for figure in report["figures"].values():
        assert np.isfinite(figure["value"])
    recorded = read_card(trained).figures
    for name in ("pixel_ap", "aupro_30", "aupro_05"):
        assert recorded[f"test_{name}"].value == report["figures"][name]["value"]


def test_an_interrupt_saves_the_state_and_says_how_to_go_on(
    tile_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = training.Trainer._step

    def interrupted(self: training.Trainer, batch: Batch, rng: np.random.Generator) -> tuple[float, float, float]:
        if self.done.step == 2:
            raise KeyboardInterrupt
        return step(self, batch, rng)

    monkeypatch.setattr(training.Trainer, "_step", interrupted)
    with pytest.raises(typer.Exit) as stop:
        commands.train(
            data=[str(tile_folder)], out=tmp_path, config="tiny", backbone="", init="none", groups=None,
            train_share=0.5, minutes=None, steps=5, batch=2, seed=0, threads=1, resume=False,
        )  # fmt: skip
    assert stop.value.exit_code == 130
    assert (tmp_path / "state" / "state.pt").is_file()
    assert "--resume" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "config", "words"),
    [("nowhere", "tiny", "no such folder"), ("procedural", "huge", "no such configuration")],
)
def test_a_wrong_option_ends_with_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: str, config: str, words: str
) -> None:
    with pytest.raises(typer.Exit) as stop:
        commands.train(
            data=[data], out=tmp_path, config=config, backbone="", init="none", groups=None, train_share=0.5,
            minutes=None, steps=1, batch=2, seed=0, threads=1, resume=False,
        )  # fmt: skip
    assert stop.value.exit_code == 2
    assert words in capsys.readouterr().out


def test_a_pool_of_drawings_is_refreshed() -> None:
    source = ProceduralSource(256, ("scratch", *commands_types()), pool=3, reuse=0.0)
    rng = np.random.default_rng(0)
    seen: list[Labelled] = [source.next(rng) for _ in range(6)]
    assert len({item.rgb.tobytes() for item in seen}) == 6


def commands_types() -> tuple[str, ...]:
    from iad_unify.types import DEFECT_TYPES

    return tuple(slug for slug in DEFECT_TYPES if slug != "scratch")


def test_a_side_that_local_contrast_cannot_divide_is_refused_by_name(tmp_path: Path) -> None:
    for option, sides in (("--size", {"size": 160}), ("--crop", {"crop": 96})):
        with pytest.raises(typer.BadParameter, match="not a multiple of 64") as refusal:
            commands.train(data=["procedural"], out=tmp_path, **sides)  # type: ignore[arg-type]
        assert refusal.value.param_hint == option


def test_several_processes_train_one_expert(tmp_path: Path) -> None:
    """As on several GPUs: accelerate starts them, the gradients are averaged, one of them writes."""
    command = [
        # what `accelerate launch` does for GPUs; for processors it starts one process, whatever number it is given
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("-m", "iad_unify.cli", "train", "region-expert"),
        *("--data", "procedural", "--config", "tiny", "--steps", "2", "--batch", "2", "--device", "cpu"),
        *("--precision", "f32", "--out", str(tmp_path)),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert read_card(tmp_path).steps == 2
    assert done.stdout.count("validation: image AUROC") == 1


def test_every_named_end_is_a_layer() -> None:
    config = ExpertConfig(name="tiny", size=64, type_slugs=("hole",), template=True, boxes=True)
    names = [name for name, _ in model.create(config).named_parameters()]
    assert all(any(name.startswith(end) for name in names) for end in training.ENDS if end != "probe.")
