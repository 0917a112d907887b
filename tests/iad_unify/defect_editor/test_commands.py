"""The two commands on real classes with random frozen models: what they write, resume and refuse."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import typer
from typer.testing import CliRunner

from iad_unify.checkpoint import Card, model_version, read_card, write_card
from iad_unify.defect_editor import commands, config
from iad_unify.explainer.storage import write_random_checkpoint
from iad_unify.region_expert import model as expert_model
from iad_unify.region_expert.config import HEADS, ExpertConfig
from iad_unify.serving.defect_editor import DefectEditorService

app = typer.Typer()
app.command()(commands.train)
app.command()(commands.evaluate)


@pytest.fixture(scope="module")
def explainer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_checkpoint(tmp_path_factory.mktemp("explainer"))


@pytest.fixture(scope="module")
def expert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("expert")
    shape = ExpertConfig(trained_heads=HEADS, widths=(8, 8, 8, 8, 8))
    expert_model.save(expert_model.create(shape), folder)
    write_card(
        folder,
        Card(
            "region_expert", "tiny", 1, ("procedural",), 1, 0, 0.1, HEADS, default_threshold=0.5, proposal_threshold=0.3
        ),
    )
    return folder


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    shape = replace(
        config.TINY, crop=32, condition_size=16, block_channels=(8, 16, 16), attention_heads=2, norm_groups=4
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(config.CONFIGS, "tiny", shape)
        yield


def call(arguments: Sequence[object]) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, explainer: Path, expert: Path) -> Path:
    out = tmp_path_factory.mktemp("editor")
    code, text = call(train_arguments(explainer, expert, out))
    assert code == 0, text
    return out


def train_arguments(explainer: Path, expert: Path, out: Path, steps: int = 3) -> list[object]:
    limits = ["--steps", steps, "--minutes", 0, "--drawings", 10, "--batch", 2]
    return ["train", "--explainer", explainer, "--expert", expert, "--out", out, *limits]


def test_training_writes_a_checkpoint_that_serves_with_its_explainer(
    trained: Path, explainer: Path, expert: Path
) -> None:
    card = read_card(trained)
    assert (card.role, card.steps, card.data) == ("defect_editor", 3, ("procedural",))
    assert model_version(explainer) in card.note
    assert config.EditorConfig.read(trained).expert_version == model_version(expert)
    assert DefectEditorService(trained, explainer).model_version == card.model_version
    assert cv2.imread(str(trained / "samples.png")).shape[0] > 500


def test_training_goes_on_with_resume(trained: Path, explainer: Path, expert: Path) -> None:
    code, text = call([*train_arguments(explainer, expert, trained, steps=5), "--resume"])
    assert code == 0, text
    assert read_card(trained).steps == 5


def test_resuming_with_another_explainer_is_refused(trained: Path, expert: Path, tmp_path: Path) -> None:
    other = write_random_checkpoint(tmp_path, seed=7)
    code, text = call([*train_arguments(other, expert, trained, steps=5), "--resume"])
    assert code == 2
    assert "start without --resume" in text


def test_training_can_start_from_another_editor(trained: Path, explainer: Path, expert: Path, tmp_path: Path) -> None:
    second, third = tmp_path / "second", tmp_path / "third"
    code, text = call([*train_arguments(explainer, expert, second, steps=1), "--start-from", trained])
    assert code == 0, text
    code, text = call([*train_arguments(explainer, expert, third, steps=1), "--start-from", second])
    assert code == 0, text
    begun = f"{read_card(second).model_version} (1 steps), before that editor {read_card(trained).model_version}"
    assert begun in read_card(third).note


def test_evaluation_reports_figures_with_intervals_and_records_them(
    trained: Path, explainer: Path, expert: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report.json"
    models = ["--checkpoint", trained, "--explainer", explainer, "--expert", expert]
    code, text = call(
        ["evaluate", *models, "--out", out, "--plots", tmp_path, "--pictures", 10, "--steps", 1, "--record"]
    )
    assert code == 0, text
    figures = json.loads(out.read_text())["figures"]
    assert figures["outside_changed_pixels"]["value"] == 0
    for name in ("type_accuracy", "type_accuracy_unedited", "type_accuracy_real", "mask_iou", "masked_psnr", "seam"):
        assert figures[name]["low"] <= figures[name]["value"] <= figures[name]["high"]
    assert (tmp_path / "type_accuracy.png").is_file()
    assert (tmp_path / "edits.png").is_file()
    assert read_card(trained).figures["diversity"].command.startswith("iad-unify evaluate generation")


@pytest.mark.parametrize(
    ("extra", "hint"),
    [(["--config", "huge"], "--config"), (["--data", "photos"], "--data"), (["--steps", 0], "--minutes")],
)
def test_a_bad_option_is_named(explainer: Path, expert: Path, tmp_path: Path, extra: list[object], hint: str) -> None:
    code, text = call([*train_arguments(explainer, expert, tmp_path), *extra])
    assert code == 2
    assert hint in text


def test_a_missing_explainer_is_named(expert: Path, tmp_path: Path) -> None:
    code, text = call(train_arguments(tmp_path / "nowhere", expert, tmp_path / "out"))
    assert code == 2
    assert "nowhere" in text
