"""The weights that ship: what they were trained on, and that they serve."""

import numpy as np
import pytest

from iad_unify.checkpoint import TENSORS, model_version, read_card
from iad_unify.defect_editor.config import EditorConfig
from iad_unify.defect_editor.looseness import dilate
from iad_unify.procedural import Drawing, draw
from iad_unify.resources import weights
from iad_unify.serving.defect_editor import DefectEditorService
from iad_unify.types import DEFECT_TYPES


@pytest.fixture(scope="module")
def service() -> DefectEditorService:
    return DefectEditorService(weights("defect_editor"), weights("explainer"))


def drawing(kind: str, seed: int = 0) -> Drawing:
    return draw("metal_tile", np.random.default_rng(seed), defect_types=(kind,))


def request(source: Drawing, kind: str) -> dict[str, np.ndarray]:
    mask = dilate(source.mask, 2).astype(np.uint8) + source.mask.astype(np.uint8)
    return {
        "IMAGE": source.clean,
        "MASK": mask,
        "DEFECT_TYPE": np.array([kind.encode()], dtype=object),
        "SEED": np.array([1], np.int64),
        "STEPS": np.array([6], np.int32),
    }


def test_the_card_tells_procedural_data_only_and_the_file_is_small() -> None:
    folder = weights("defect_editor")
    assert read_card(folder).data == ("procedural",)
    assert read_card(folder).model_version == model_version(folder)
    assert (folder / TENSORS).stat().st_size < 11_000_000


def test_it_was_trained_on_the_explainer_that_ships() -> None:
    assert EditorConfig.read(weights("defect_editor")).explainer_version == model_version(weights("explainer"))


@pytest.mark.parametrize("kind", [kind for kind in DEFECT_TYPES if kind != "missing_part"])
def test_every_type_is_drawn_inside_the_mask_only(service: DefectEditorService, kind: str) -> None:
    source = drawing(kind)
    asked = request(source, kind)
    edited = service.infer(asked)["EDITED"]
    keep = asked["MASK"] == 0
    assert (edited[keep] == source.clean[keep]).all()
    assert np.abs(edited[~keep].astype(int) - source.clean[~keep]).mean() > 1


def test_another_type_in_the_same_mask_gives_another_picture(service: DefectEditorService) -> None:
    source = drawing("stain")
    one, other = (service.infer(request(source, kind))["EDITED"].astype(int) for kind in ("stain", "scratch"))
    assert np.abs(one - other)[source.mask].mean() > 2
