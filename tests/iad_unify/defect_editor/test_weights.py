"""Checkpoint folders of an editor."""

from pathlib import Path

import pytest
import torch

from iad_unify.checkpoint import Card, CheckpointError, write_card
from iad_unify.defect_editor.config import EditorConfig
from iad_unify.defect_editor.flow import FlowEditor
from iad_unify.defect_editor.weights import load, save


@pytest.fixture
def folder(tmp_path: Path, small_config: EditorConfig, small_editor: FlowEditor) -> Path:
    save(tmp_path, small_config, {name: one.detach() for name, one in small_editor.learned()})
    write_card(tmp_path, Card("defect_editor", "small", 1, ("procedural",), 1, 0, 0.1, ("condition_projection",)))
    return tmp_path


def test_an_editor_comes_back_as_it_was_saved_up_to_half_precision(
    folder: Path, small_config: EditorConfig, small_editor: FlowEditor
) -> None:
    loaded = load(folder)
    assert loaded.config == small_config
    assert not loaded.model.training
    back = loaded.model.state_dict()
    for name, tensor in small_editor.state_dict().items():
        assert back[name].dtype == torch.float32
        assert torch.allclose(back[name], tensor, atol=2e-3)


def test_another_roles_folder_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text('{"role": "explainer"}')
    with pytest.raises(CheckpointError, match="not a defect editor"):
        load(folder)


def test_tensors_that_do_not_fit_are_refused(folder: Path, small_config: EditorConfig) -> None:
    save(folder, small_config, {"condition.null": torch.zeros(1, 1, 16)})
    with pytest.raises(CheckpointError, match="do not fit"):
        load(folder)


def test_a_damaged_file_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load(folder)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere"):
        load(tmp_path / "nowhere")
