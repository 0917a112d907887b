"""The catalog's tensors and the daemon's values, both ways. Pure: it knows no server, no process and no decision."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iad_unify.catalog import ALERT_PRIORITY, LONGEST_DEADLINE_MS, QUESTION_PRIORITY
from iad_unify.geometry import CELLS, cell_shares_of_window
from iad_unify.masks import MaskError, Rle, area, decode_window
from inspectd.errors import ModelFailed
from inspectd.records import Findings, Image, Mask, Region, RegionTokens
from inspectd.vision.editor import Edit
from inspectd.vision.expert import ExpertCard
from inspectd.vision.explainer import Piece, Question

Tensors = Mapping[str, NDArray[Any]]


def expert_inputs(
    images: Sequence[Image],
    proposal: float = 0.0,
    least_area: float = 0.0,
    reference: str = "",
    describe_reference: bool = False,
) -> dict[str, NDArray[Any]]:
    """The region expert's batch: IMAGE [B, S, S, 3], LETTERBOX [B, 5], PROPOSAL [B, 2], REFERENCE [B, 1].

    0 asks for the card's value. REFERENCE is there even when it is empty: Triton batches requests of equal inputs only.
    DESCRIBE_REFERENCE [B, 1] is there when it is asked for, whatever the reference.
    """
    wanted = {"DESCRIBE_REFERENCE": np.ones((len(images), 1), dtype=np.int32)} if describe_reference else {}
    return wanted | {
        "IMAGE": np.stack([image.pixels for image in images]).astype(np.uint8, copy=False),
        "LETTERBOX": np.stack([image.letterbox for image in images]).astype(np.float32, copy=False),
        "PROPOSAL": np.tile(np.array([proposal, least_area], dtype=np.float32), (len(images), 1)),
        "REFERENCE": np.full((len(images), 1), reference.encode("ascii"), dtype=np.object_),
    }


def reference_inputs(
    images: Sequence[Image], *, memory: bool = True, template: Image | None = None
) -> dict[str, NDArray[Any]]:
    """The good parts of a reference, IMAGE [N, S, S, 3] and LETTERBOX [N, 5]; whether they make a memory, MEMORY [1].

    With a template: TEMPLATE [1, S, S, 3] and TEMPLATE_LETTERBOX [1, 5].
    """
    inputs = expert_inputs(images)
    given = {name: inputs[name] for name in ("IMAGE", "LETTERBOX")} | {"MEMORY": np.array([memory])}
    if template is not None:
        golden = expert_inputs([template])
        given |= {"TEMPLATE": golden["IMAGE"], "TEMPLATE_LETTERBOX": golden["LETTERBOX"]}
    return given


def reference_from_tensors(outputs: Tensors) -> str:
    """The id of a reference that was built. Raises ModelFailed when a tensor is missing or empty."""
    try:
        return _word(outputs["REFERENCE"][0])
    except (KeyError, IndexError) as error:
        raise ModelFailed(f"no reference was built: {error!r}") from error


def explainer_inputs(question: Question, left_s: float | None = None) -> dict[str, NDArray[Any]]:
    """One question, and the seconds that are left for its answer; the explainer has no batch dimension on the wire."""
    choices = np.array([text.encode() for text in question.choices], dtype=object)
    confirmed = np.array([slugs.encode() for slugs in question.confirmed], dtype=object)
    return {
        "QUESTION": _text(question.text),
        **_token_inputs(question.tokens),
        **_reference_input(question.tokens),
        **({"CHOICES": choices} if question.choices else {}),
        "TEMPERATURE": np.array([question.temperature], dtype=np.float32),
        "SEED": np.array([question.seed], dtype=np.int64),
        "MAX_TOKENS": np.array([question.max_tokens], dtype=np.int32),
        "PRIORITY": np.array([ALERT_PRIORITY if question.is_alert else QUESTION_PRIORITY], dtype=np.int32),
        **({"CONFIRMED": confirmed} if any(question.confirmed) else {}),
        **({} if left_s is None else {"DEADLINE": np.array([_milliseconds(left_s)], dtype=np.int32)}),
        **({} if question.crop is None else {"CROP": np.ascontiguousarray(question.crop, dtype=np.uint8)}),
    }


def editor_inputs(edit: Edit) -> dict[str, NDArray[Any]]:
    """One edit; the editor has no batch dimension on the wire."""
    return {
        "IMAGE": np.ascontiguousarray(edit.clean, dtype=np.uint8),
        "MASK": np.ascontiguousarray(edit.mask, dtype=np.uint8),
        "DEFECT_TYPE": _text(edit.defect_type),
        **_token_inputs(edit.reference),
        "SEED": np.array([edit.seed], dtype=np.int64),
        "STEPS": np.array([edit.steps], dtype=np.int32),
        "GUIDANCE": np.array([edit.guidance], dtype=np.float32),
    }


def findings_from_tensors(outputs: Tensors, row: int, image: Image) -> Findings:
    """Row `row` of the region expert's answer; `image` gives the size that the masks lie in.

    Padding is cut off by COUNT. Raises ModelFailed when a tensor is missing or empty, or a mask does not fit the frame.
    """
    try:
        count = int(outputs["COUNT"][row, 0])
        regions = tuple(_region(outputs, row, index, image) for index in range(count))
        return Findings(
            image_score=float(outputs["IMAGE_SCORE"][row, 0]),
            regions=regions,
            tokens=RegionTokens(
                appearance=np.array(outputs["APPEARANCE"][row, :count], dtype=np.float16),
                geometry=np.array(outputs["GEOMETRY"][row, :count], dtype=np.float32),
                reference=_reference(outputs, row, count),
            ),
            model_version=_word(outputs["MODEL_VERSION"][row, 0]),
        )
    except (KeyError, IndexError, ValueError) as error:
        raise ModelFailed(f"the region expert's answer is not the catalog's: {error!r}") from error


def card_from_tensors(outputs: Tensors, row: int = 0) -> ExpertCard:
    """What the answer says of the served expert. Raises ModelFailed when a tensor is missing or empty."""
    try:
        threshold, proposal = (float(value) for value in outputs["DEFAULTS"][row, :2])
        level = float(outputs["TYPE_LEVEL"][row, 0])
        version = _word(outputs["MODEL_VERSION"][row, 0])
        return ExpertCard(version, threshold, proposal, level if level >= 0 else None)
    except (KeyError, IndexError, ValueError) as error:
        raise ModelFailed(f"the region expert's answer is not the catalog's: {error!r}") from error


def piece_from_tensors(outputs: Tensors) -> Piece:
    """One message of the explainer's stream. Raises ModelFailed when a tensor is missing or empty."""
    try:
        return Piece(text=_word(outputs["TEXT"][0]), model_version=_word(outputs["MODEL_VERSION"][0]))
    except (KeyError, IndexError, ValueError) as error:
        raise ModelFailed(f"the explainer's answer is not the catalog's: {error!r}") from error


def picture_from_tensors(outputs: Tensors, edit: Edit) -> NDArray[np.uint8]:
    """The editor's picture [H, W, 3].

    Raises ModelFailed unless it has the clean frame's shape and equals the clean frame outside the mask.
    """
    edited = outputs.get("EDITED")
    if edited is None or edited.shape != edit.clean.shape or edited.dtype != np.uint8:
        raise ModelFailed("the defect editor's picture has not the shape of the clean frame")
    if not np.array_equal(edited[~edit.mask], edit.clean[~edit.mask]):
        raise ModelFailed("the defect editor changed pixels outside the mask")
    return edited


def _reference(outputs: Tensors, row: int, count: int) -> NDArray[np.float16] | None:
    """A good part's rows [count, K, D]; None where there are none, as in the answer of an expert that knows none."""
    if not count or "REFERENCE_APPEARANCE" not in outputs or not outputs["REFERENCE_APPEARANCE"][row, :count].any():
        return None
    return np.array(outputs["REFERENCE_APPEARANCE"][row, :count], dtype=np.float16)


def _region(outputs: Tensors, row: int, index: int, image: Image) -> Region:
    rle = Rle(image.width, image.height, _word(outputs["MASKS"][row, index]))
    x, y, width, height = (float(value) for value in outputs["BOXES"][row, index])
    slugs = [_word(slug) for slug in outputs["TYPE_SLUGS"][row]]
    return Region(
        number=index + 1,
        box=(x, y, width, height),
        mask=Mask(rle.width, rle.height, rle.counts),
        score=float(outputs["SCORES"][row, index]),
        area_px=area(rle),
        cell=_cell(rle),
        type_probabilities=dict(zip(slugs, _softmax(outputs["TYPE_LOGITS"][row, index]), strict=True)) if slugs else {},
    )


def _cell(rle: Rle) -> str:
    """The cell of the 3x3 grid with most of the mask."""
    window, x0, y0 = decode_window(rle)
    if not window.any():
        raise MaskError("a region has no pixel")
    return CELLS[int(cell_shares_of_window(window, x0, y0, rle.width, rle.height).argmax())]


def _softmax(logits: NDArray[np.floating]) -> list[float]:
    shifted = np.exp(logits.astype(np.float64) - float(logits.max()))
    return [float(value) for value in shifted / shifted.sum()]


def _token_inputs(tokens: RegionTokens) -> dict[str, NDArray[Any]]:
    return {
        "APPEARANCE": np.ascontiguousarray(tokens.appearance, dtype=np.float16),
        "GEOMETRY": np.ascontiguousarray(tokens.geometry, dtype=np.float32),
    }


def _reference_input(tokens: RegionTokens) -> dict[str, NDArray[Any]]:
    if tokens.reference is None:
        return {}
    return {"REFERENCE_APPEARANCE": np.ascontiguousarray(tokens.reference, dtype=np.float16)}


def _milliseconds(left_s: float) -> int:
    return int(min(max(left_s * 1000, 1), LONGEST_DEADLINE_MS))


def _text(text: str) -> NDArray[np.object_]:
    return np.array([text.encode("utf-8")], dtype=np.object_)


def _word(value: bytes | str) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
