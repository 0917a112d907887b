"""The model repository and the catalog of tensors say the same."""

import re
from pathlib import Path

import pytest

from iad_unify import catalog, resources

REPOSITORY = resources.repository()
TRITON_NAMES = {"BYTES": "STRING"}


def configuration(name: str) -> str:
    lines = (REPOSITORY / name / "config.pbtxt").read_text().splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def tensors(text: str, kind: str) -> list[tuple[str, str, tuple[int, ...], bool]]:
    (block,) = re.findall(rf"^{kind} \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    found = re.findall(r'name: "(\w+)" data_type: TYPE_(\w+) dims: \[ ([-\d, ]+) \]( optional: true)?', block)
    return [(name, dtype, tuple(int(side) for side in dims.split(",")), bool(may)) for name, dtype, dims, may in found]


def wanted(listed: tuple[catalog.Tensor, ...]) -> list[tuple[str, str, tuple[int, ...], bool]]:
    return [(one.name, TRITON_NAMES.get(one.dtype, one.dtype), one.shape, one.optional) for one in listed]


def test_every_model_of_the_catalog_is_in_the_repository_and_no_other() -> None:
    folders = {path.name for path in REPOSITORY.iterdir() if path.is_dir()}
    assert folders == {model.name for model in catalog.MODELS} == set(resources.ROLES)


@pytest.mark.parametrize("model", catalog.MODELS, ids=lambda model: model.name)
def test_names_dtypes_and_dims_are_those_of_the_catalog(model: catalog.Model) -> None:
    text = configuration(model.name)
    assert tensors(text, "input") == wanted(model.inputs)
    assert tensors(text, "output") == wanted(model.outputs)
    assert f'name: "{model.name}"' in text
    assert f"max_batch_size: {model.max_batch_size}" in text
    assert ("decoupled: true" in text) == model.decoupled


@pytest.mark.parametrize("name", ["region_expert", "defect_editor"])
def test_queues_are_bounded_and_refuse(name: str) -> None:
    text = configuration(name)
    assert "timeout_action: REJECT" in text
    assert int(re.findall(r"max_queue_size: (\d+)", text)[0]) > 0


def test_the_explainers_queue_is_bounded_by_a_parameter() -> None:
    found = re.findall(r'key: "max_queue_size" value: \{ string_value: "(\d+)" \}', configuration("explainer"))
    assert int(found[0]) > 0


@pytest.mark.parametrize("model", catalog.MODELS, ids=lambda model: model.name)
def test_the_checkpoint_is_a_parameter_that_stands_for_the_shipped_one_when_empty(model: catalog.Model) -> None:
    assert 'key: "checkpoint" value: { string_value: "" }' in configuration(model.name)


def test_the_models_are_thin() -> None:
    for file in REPOSITORY.glob("*/1/model.py"):
        assert len(Path(file).read_text().splitlines()) <= 100, file
