"""The catalog's tensors and the daemon's values, both ways."""

from dataclasses import replace

import numpy as np
import pytest

from iad_unify import catalog
from iad_unify.masks import encode
from iad_unify.serving.deadlines import deadline_ms
from inspectd.errors import ModelFailed
from inspectd.records import Image, RegionTokens
from inspectd.vision.editor import Edit
from inspectd.vision.explainer import Question
from inspectd.vision.tensors import (
    card_from_tensors,
    editor_inputs,
    expert_inputs,
    explainer_inputs,
    findings_from_tensors,
    picture_from_tensors,
    piece_from_tensors,
)

WIDTH, HEIGHT = 90, 60
NUMPY_KIND = {
    "UINT8": "uint8",
    "FP16": "float16",
    "FP32": "float32",
    "INT32": "int32",
    "INT64": "int64",
    "BYTES": "object",
}


def blank_image() -> Image:
    size = catalog.EXPERT_SIZE
    letterbox = np.array([1, 0, 0, WIDTH, HEIGHT], dtype=np.float32)
    return Image(np.zeros((size, size, 3), np.uint8), letterbox, WIDTH, HEIGHT)


def expert_answer(rows: int = 2, regions: int = 1) -> dict[str, np.ndarray]:
    """An answer whose region 1 of the last row is a 6x5 block near the lower right corner."""
    most = catalog.MAX_REGIONS
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[50:55, 80:86] = True
    masks = np.full((rows, most), b"", dtype=object)
    masks[-1, :regions] = encode(mask).counts.encode()
    count = np.zeros((rows, 1), np.int32)
    count[-1] = regions
    logits = np.zeros((rows, most, 2), np.float32)
    logits[-1, 0] = (0.0, np.log(3.0))
    return {
        "IMAGE_SCORE": np.array([[0.1 * (row + 1)] for row in range(rows)], np.float32),
        "COUNT": count,
        "BOXES": np.tile(np.array([80, 50, 6, 5], np.float32), (rows, most, 1)),
        "SCORES": np.full((rows, most), 0.75, np.float32),
        "TYPE_LOGITS": logits,
        "TYPE_SLUGS": np.array([[b"scratch", b"hole"]] * rows, dtype=object),
        "MASKS": masks,
        "APPEARANCE": np.ones((rows, most, catalog.APPEARANCE_ROWS, 8), np.float16),
        "GEOMETRY": np.ones((rows, most, 5), np.float32),
        "DEFAULTS": np.array([[0.5, 0.25]] * rows, np.float32),
        "TYPE_LEVEL": np.array([[-1.0]] * rows, np.float32),
        "MODEL_VERSION": np.array([[b"abc"]] * rows, dtype=object),
    }


def check_against(model: catalog.Model, tensors: dict[str, np.ndarray], batch: bool) -> None:
    assert set(tensors) == {tensor.name for tensor in model.inputs}
    for tensor in model.inputs:
        value = tensors[tensor.name]
        shape = value.shape[1:] if batch else value.shape
        assert str(value.dtype) == NUMPY_KIND[tensor.dtype], tensor.name
        assert len(shape) == len(tensor.shape), tensor.name
        assert all(want in (-1, have) for want, have in zip(tensor.shape, shape, strict=True)), tensor.name


def test_the_inputs_follow_the_catalog() -> None:
    tokens = RegionTokens(np.zeros((3, catalog.APPEARANCE_ROWS, 8), np.float16), np.zeros((3, 5), np.float32))
    everything = expert_inputs([blank_image()] * 4, 0.3, describe_reference=True)
    check_against(catalog.REGION_EXPERT, everything, batch=True)
    assert "DESCRIBE_REFERENCE" not in expert_inputs([blank_image()])
    compared = replace(tokens, reference=tokens.appearance)
    frame = np.zeros((20, 30, 3), np.uint8)[:, ::-1]
    choices, confirmed = ("Ein Kratzer.", "伤"), ("hole", "", "dent,hole")
    held = Question("what is it?", compared, choices=choices, confirmed=confirmed, crop=frame)
    check_against(catalog.EXPLAINER, explainer_inputs(held, 1.5), batch=False)
    assert explainer_inputs(held)["CHOICES"][1].decode() == "伤"
    assert explainer_inputs(held)["CONFIRMED"].tolist() == [b"hole", b"", b"dent,hole"]
    bare = explainer_inputs(Question("what is it?", tokens, confirmed=("", "", "")))
    assert not {"CHOICES", "CONFIRMED", "CROP", "DEADLINE", "REFERENCE_APPEARANCE"} & set(bare)
    edit = Edit(np.zeros((5, 7, 3), np.uint8), np.ones((5, 7), bool), "hole", tokens, seed=2)
    check_against(catalog.DEFECT_EDITOR, editor_inputs(edit), batch=False)


def test_an_alert_is_more_urgent_than_what_people_ask() -> None:
    tokens = RegionTokens(np.zeros((1, catalog.APPEARANCE_ROWS, 4), np.float16), np.zeros((1, 5), np.float32))
    alert, asked = (explainer_inputs(Question("what is it?", tokens, is_alert=flag)) for flag in (True, False))
    assert alert["PRIORITY"].tolist() == [catalog.ALERT_PRIORITY] < asked["PRIORITY"].tolist()


@pytest.mark.parametrize(("left_s", "sent_ms"), [(1.5, 1500), (1e-5, 1), (1e9, catalog.LONGEST_DEADLINE_MS)])
def test_what_is_left_of_the_time_is_sent_in_milliseconds(left_s: float, sent_ms: int) -> None:
    tokens = RegionTokens(np.zeros((1, catalog.APPEARANCE_ROWS, 4), np.float16), np.zeros((1, 5), np.float32))
    inputs = explainer_inputs(Question("what is it?", tokens), left_s)
    assert inputs["DEADLINE"].tolist() == [sent_ms]
    assert deadline_ms(inputs) == sent_ms
    assert "DEADLINE" not in explainer_inputs(Question("what is it?", tokens))


def test_the_proposal_threshold_is_sent_with_every_row() -> None:
    assert expert_inputs([blank_image()] * 2, 0.3)["PROPOSAL"].tolist() == [[pytest.approx(0.3), 0.0]] * 2


def test_a_row_becomes_findings_without_its_padding() -> None:
    findings = findings_from_tensors(expert_answer(), 1, blank_image())
    assert findings.image_score == pytest.approx(0.2)
    assert findings.model_version == "abc"
    (region,) = findings.regions
    assert (region.number, region.area_px, region.cell) == (1, 30, "bottom_right")
    assert region.box == (80.0, 50.0, 6.0, 5.0)
    assert region.type_probabilities == {"scratch": pytest.approx(0.25), "hole": pytest.approx(0.75)}
    assert region.defect_type == "hole"
    assert findings.tokens.appearance.shape == (1, catalog.APPEARANCE_ROWS, 8)
    assert findings.tokens.appearance.dtype == np.float16


def test_a_frame_without_regions_has_empty_tokens() -> None:
    findings = findings_from_tensors(expert_answer(), 0, blank_image())
    assert findings.regions == ()
    assert findings.tokens.geometry.shape == (0, 5)


def test_the_rows_of_a_reference_are_there_unless_they_are_missing_or_zero() -> None:
    answer = expert_answer()
    assert findings_from_tensors(answer, 1, blank_image()).tokens.reference is None
    answer["REFERENCE_APPEARANCE"] = np.zeros_like(answer["APPEARANCE"])
    assert findings_from_tensors(answer, 1, blank_image()).tokens.reference is None
    answer["REFERENCE_APPEARANCE"][:, 0] = 2
    reference = findings_from_tensors(answer, 1, blank_image()).tokens.reference
    assert reference is not None
    assert (reference.shape, reference.dtype) == ((1, catalog.APPEARANCE_ROWS, 8), np.float16)
    assert findings_from_tensors(answer, 0, blank_image()).tokens.reference is None


def test_reference_rows_of_another_shape_are_no_tokens() -> None:
    rows, geometry = np.zeros((3, catalog.APPEARANCE_ROWS, 8), np.float16), np.zeros((3, 5), np.float32)
    with pytest.raises(ValueError, match="reference rows"):
        RegionTokens(rows, geometry, rows[:2])
    strongest = RegionTokens(rows, geometry, rows).strongest(2)
    assert strongest.reference is not None
    assert len(strongest.appearance) == len(strongest.geometry) == len(strongest.reference) == 2


def test_the_tokens_are_copies_that_outlive_the_answer() -> None:
    answer = expert_answer()
    findings = findings_from_tensors(answer, 1, blank_image())
    answer["APPEARANCE"][:] = 0
    assert (findings.tokens.appearance == 1).all()


@pytest.mark.parametrize("name", ["COUNT", "MASKS", "APPEARANCE", "MODEL_VERSION", "TYPE_SLUGS"])
def test_a_missing_tensor_is_the_models_failure(name: str) -> None:
    answer = expert_answer()
    del answer[name]
    with pytest.raises(ModelFailed, match=name):
        findings_from_tensors(answer, 1, blank_image())


def test_empty_tensors_as_numpy_2_makes_them_under_this_triton_are_the_models_failure() -> None:
    answer = {name: value[:0] for name, value in expert_answer().items()}
    with pytest.raises(ModelFailed):
        findings_from_tensors(answer, 1, blank_image())


def test_a_mask_that_does_not_fit_the_frame_is_the_models_failure() -> None:
    answer = expert_answer()
    answer["MASKS"][1, 0] = b"5"
    with pytest.raises(ModelFailed):
        findings_from_tensors(answer, 1, blank_image())


def test_the_card_comes_with_any_answer() -> None:
    card = card_from_tensors(expert_answer())
    assert (card.model_version, card.default_threshold, card.proposal_threshold) == ("abc", 0.5, 0.25)
    assert card.type_level is None
    assert card_from_tensors(expert_answer() | {"TYPE_LEVEL": np.array([[0.75]], np.float32)}).type_level == 0.75


def test_a_piece_keeps_its_text() -> None:
    outputs = {
        "TEXT": np.array(["Loch – größer".encode()], dtype=object),
        "MODEL_VERSION": np.array([b"v"], dtype=object),
    }
    assert piece_from_tensors(outputs).text == "Loch – größer"


def test_an_edit_that_leaves_the_mask_is_refused() -> None:
    clean = np.zeros((4, 4, 3), np.uint8)
    mask = np.zeros((4, 4), bool)
    mask[1, 1] = True
    tokens = RegionTokens(np.zeros((0, catalog.APPEARANCE_ROWS, 8), np.float16), np.zeros((0, 5), np.float32))
    edit = Edit(clean, mask, "hole", tokens, seed=0)
    inside, outside = clean.copy(), clean.copy()
    inside[1, 1], outside[0, 0] = 9, 9
    assert picture_from_tensors({"EDITED": inside}, edit)[1, 1, 0] == 9
    with pytest.raises(ModelFailed, match="outside"):
        picture_from_tensors({"EDITED": outside}, edit)
