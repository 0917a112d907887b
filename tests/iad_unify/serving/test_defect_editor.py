"""The editor behind the catalog's tensors, with real classes and random weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from iad_unify.catalog import APPEARANCE_ROWS, DEFECT_EDITOR
from iad_unify.checkpoint import Card, CheckpointError, UntrainedHead, model_version, write_card
from iad_unify.defect_editor.config import EditorConfig
from iad_unify.defect_editor.flow import FlowEditor
from iad_unify.defect_editor.weights import TRAINED_HEAD, save
from iad_unify.explainer.storage import write_random_checkpoint
from iad_unify.serving.defect_editor import DefectEditorService

HIDDEN, TOKEN_DIM = 192, 64


@pytest.fixture(scope="module")
def explainer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_checkpoint(tmp_path_factory.mktemp("explainer"), token_dim=TOKEN_DIM)


def write_editor(folder: Path, explainer: Path, heads: tuple[str, ...] = (TRAINED_HEAD,)) -> Path:
    torch.manual_seed(0)
    config = EditorConfig(
        "small", crop=32, condition_size=16, block_channels=(8, 16, 16), attention_heads=2, norm_groups=4
    )
    config = config.trained_with(HIDDEN, model_version(explainer), "")
    model = FlowEditor(config)
    torch.nn.init.normal_(model.network.conv_out.weight, std=0.2)  # a fresh editor predicts no change
    save(folder, config, {name: one.detach() for name, one in model.learned()})
    write_card(folder, Card("defect_editor", "small", 1, ("procedural",), 1, 0, 0.1, heads))
    return folder


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, explainer: Path) -> DefectEditorService:
    return DefectEditorService(write_editor(tmp_path_factory.mktemp("editor"), explainer), explainer)


def request(**changes: Any) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    mask = np.zeros((60, 90), np.uint8)
    mask[30:60, 70:90] = 1
    tensors = {
        "IMAGE": rng.integers(0, 256, (60, 90, 3), dtype=np.uint8),
        "MASK": mask,
        "DEFECT_TYPE": np.array([b"scratch"], dtype=object),
        "APPEARANCE": np.zeros((0, APPEARANCE_ROWS, TOKEN_DIM), np.float16),
        "GEOMETRY": np.zeros((0, 5), np.float32),
        "SEED": np.array([3], np.int64),
        "STEPS": np.array([2], np.int32),
        "GUIDANCE": np.array([1.0], np.float32),
    }
    return tensors | changes


def reference(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        "APPEARANCE": rng.standard_normal((count, APPEARANCE_ROWS, TOKEN_DIM)).astype(np.float16),
        "GEOMETRY": rng.random((count, 5)).astype(np.float32),
    }


def test_it_takes_and_returns_the_catalogs_tensors(service: DefectEditorService) -> None:
    asked = request()
    assert asked.keys() == {tensor.name for tensor in DEFECT_EDITOR.inputs}
    answer = service.infer(asked)
    assert answer.keys() == {tensor.name for tensor in DEFECT_EDITOR.outputs}
    assert answer["EDITED"].dtype == np.uint8
    assert answer["MODEL_VERSION"].tolist() == [service.model_version.encode()]


def test_pixels_outside_the_mask_come_back_bit_for_bit_and_some_inside_change(service: DefectEditorService) -> None:
    asked = request()
    edited = service.infer(asked)["EDITED"]
    keep = asked["MASK"] == 0
    assert (edited[keep] == asked["IMAGE"][keep]).all()
    assert (edited[~keep] != asked["IMAGE"][~keep]).any()


@pytest.mark.parametrize(
    "changes",
    [
        {"DEFECT_TYPE": np.array([b"stain"], dtype=object)},
        {"DEFECT_TYPE": np.array([b"faint scratch"], dtype=object)},
        {"SEED": np.array([-4], np.int64)},
        {"MASK": request()["MASK"] * 2},
        reference(1),
        reference(3),
    ],
    ids=["type", "strength", "seed", "shape", "reference", "references"],
)
def test_type_strength_seed_shape_and_references_change_the_edit(
    service: DefectEditorService, changes: dict[str, Any]
) -> None:
    assert (service.infer(request())["EDITED"] != service.infer(request(**changes))["EDITED"]).any()


def test_the_same_request_gives_the_same_edit(service: DefectEditorService) -> None:
    assert (service.infer(request())["EDITED"] == service.infer(request())["EDITED"]).all()


def test_optional_tensors_may_be_left_out(service: DefectEditorService) -> None:
    asked = {name: tensor for name, tensor in request().items() if name in ("IMAGE", "MASK", "DEFECT_TYPE", "STEPS")}
    assert service.infer(asked)["EDITED"].shape == (60, 90, 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IMAGE", np.zeros((60, 90), np.uint8)),
        ("IMAGE", np.zeros((60, 90, 3), np.float32)),
        ("IMAGE", np.zeros((0, 90, 3), np.uint8)),
        ("MASK", np.zeros((60, 90), np.uint8)),
        ("MASK", np.ones((9, 9), np.uint8)),
        ("MASK", np.ones((60, 90), np.float32)),
        ("DEFECT_TYPE", np.array([b"dragon"], dtype=object)),
        ("DEFECT_TYPE", np.array([], dtype=object)),
        ("STEPS", np.array([0], np.int32)),
        ("GUIDANCE", np.array([np.nan], np.float32)),
        ("APPEARANCE", np.zeros((2, APPEARANCE_ROWS, TOKEN_DIM), np.float16)),
        ("APPEARANCE", np.zeros((1, 2), np.float16)),
    ],
)
def test_a_bad_tensor_is_named(service: DefectEditorService, name: str, value: np.ndarray) -> None:
    with pytest.raises(ValueError, match=name):
        service.infer(request(**{name: value}))


@pytest.mark.parametrize("name", ["IMAGE", "MASK", "DEFECT_TYPE"])
def test_a_missing_tensor_is_named(service: DefectEditorService, name: str) -> None:
    asked = request()
    del asked[name]
    with pytest.raises(ValueError, match=f"{name} is missing"):
        service.infer(asked)


def test_references_of_another_expert_are_refused(service: DefectEditorService) -> None:
    changes = reference(1) | {"APPEARANCE": np.zeros((1, 2, TOKEN_DIM + 1), np.float16)}
    with pytest.raises(ValueError, match="APPEARANCE has shape"):
        service.infer(request(**changes))


def test_an_explainer_it_was_not_trained_with_is_refused_by_version(tmp_path: Path, explainer: Path) -> None:
    other = write_random_checkpoint(tmp_path / "other", token_dim=TOKEN_DIM, seed=5)
    editor = write_editor(tmp_path / "editor", explainer)
    with pytest.raises(CheckpointError, match=f"{model_version(explainer)}, not {model_version(other)}"):
        DefectEditorService(editor, other)


def test_an_untrained_projection_refuses_to_serve(tmp_path: Path, explainer: Path) -> None:
    with pytest.raises(UntrainedHead, match="iad-unify train defect-editor"):
        DefectEditorService(write_editor(tmp_path, explainer, heads=()), explainer)


def test_another_roles_checkpoint_is_refused(explainer: Path) -> None:
    with pytest.raises(CheckpointError, match="not a defect editor"):
        DefectEditorService(explainer, explainer)


def test_a_card_of_another_role_is_refused(tmp_path: Path, explainer: Path) -> None:
    folder = write_editor(tmp_path, explainer)
    write_card(folder, Card("explainer", "small", 1, (), 1, 0, 0.1, (TRAINED_HEAD,)))
    with pytest.raises(CheckpointError, match="is a explainer"):
        DefectEditorService(folder, explainer)
