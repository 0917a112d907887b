"""The explainer's requests, read and held against what its model takes; whichever engine answers them."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iad_unify.catalog import LARGEST_CROP
from iad_unify.explainer.generation import Decoding
from iad_unify.explainer.prompt import Question
from iad_unify.serving.deadlines import deadline_ms

#: Bounds of a request's MAX_TOKENS; a request without one gets the default.
DEFAULT_TOKENS, MAX_TOKENS = 64, 256

#: Bounds of a request's CHOICES.
MAX_CHOICES, MAX_CHOICE_BYTES = 64, 1024

#: Bound of each of a request's CONFIRMED.
MAX_CONFIRMED_BYTES = 256

Request = Mapping[str, NDArray[Any]]

log = logging.getLogger(__name__)


def parse(request: Request, rows: tuple[int, int]) -> tuple[Question, Decoding]:
    """A request of the catalog's tensors; `rows` are K and D of the appearance rows that the model reads.

    ValueError names the tensor that is missing or wrong.
    """
    text = _scalar(request, "QUESTION")
    question = question_of(
        text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text),
        _tensor(request, "APPEARANCE"),
        _tensor(request, "GEOMETRY"),
        rows,
        np.asarray(request["REFERENCE_APPEARANCE"]) if "REFERENCE_APPEARANCE" in request else None,
    )
    confirmed = _confirmed(request, len(question.geometry))
    question = replace(question, confirmed=confirmed, crop=_crop(request))
    tokens = int(_scalar(request, "MAX_TOKENS", DEFAULT_TOKENS))
    temperature = float(_scalar(request, "TEMPERATURE", 0.0))
    if not 0.0 <= temperature <= 10.0:
        raise ValueError(f"TEMPERATURE is {temperature}; it must lie in 0..10")
    deadline_ms(request)  # whoever takes requests in holds them to it; here it only has to make sense
    seed = int(_scalar(request, "SEED", 0)) & (2**63 - 1)
    return question, Decoding(min(max(tokens, 1), MAX_TOKENS), temperature, seed, _choices(request))


def ignore_crops(questions: Iterable[Question], why: str) -> None:
    """Says, once, that crops are given and why they are not shown."""
    if any(question.crop is not None for question in questions):
        _warn(f"CROP is ignored: {why}")


@cache
def _warn(what: str) -> None:
    log.warning(what)


def _crop(request: Request) -> NDArray[np.uint8] | None:
    if "CROP" not in request:
        return None
    crop = np.asarray(request["CROP"])
    rgb = crop.dtype == np.uint8 and crop.ndim == 3 and crop.shape[2] == 3
    if not rgb or not 0 < min(crop.shape[:2]) <= max(crop.shape[:2]) <= LARGEST_CROP:
        raise ValueError(
            f"CROP has shape {list(crop.shape)} of {crop.dtype}, it must be [h, w, 3] of uint8, sides of 1 to {LARGEST_CROP}"
        )
    return crop


def _choices(request: Request) -> tuple[str, ...]:
    given = [bytes(text) for text in np.asarray(request.get("CHOICES", ())).reshape(-1)]
    if len(given) > MAX_CHOICES or any(not 0 < len(text) <= MAX_CHOICE_BYTES for text in given):
        raise ValueError(f"CHOICES takes up to {MAX_CHOICES} texts of 1 to {MAX_CHOICE_BYTES} bytes")
    return tuple(text.decode("utf-8", "replace") for text in given)


def _confirmed(request: Request, regions: int) -> tuple[str, ...]:
    given = [bytes(text) for text in np.asarray(request.get("CONFIRMED", ())).reshape(-1)]
    if given and (len(given) != regions or any(len(text) > MAX_CONFIRMED_BYTES for text in given)):
        raise ValueError(f"CONFIRMED takes one text of up to {MAX_CONFIRMED_BYTES} bytes for each of {regions} regions")
    return tuple(text.decode("utf-8", "replace") for text in given)


def question_of(
    text: str,
    appearance: NDArray[np.floating],
    geometry: NDArray[np.floating],
    rows: tuple[int, int],
    reference: NDArray[np.floating] | None = None,
) -> Question:
    """A question about regions, appearance [R, K, D] and geometry [R, 5]; ValueError for other shapes and for nan.

    `reference` [R, K, D] is what a good part looks like there; [0, ...] is none.
    """
    if appearance.ndim != 3 or appearance.shape[1:] != rows:
        raise ValueError(f"APPEARANCE has shape {list(appearance.shape)}, this model reads [R, {rows[0]}, {rows[1]}]")
    if geometry.shape != (len(appearance), 5):
        raise ValueError(f"GEOMETRY has shape {list(geometry.shape)} for {len(appearance)} regions of five numbers")
    if not (np.isfinite(appearance).all() and np.isfinite(geometry).all()):
        raise ValueError("APPEARANCE and GEOMETRY must be finite")
    if reference is None or not reference.size:
        return Question(text, appearance, geometry)
    if reference.shape != appearance.shape or not np.isfinite(reference).all():
        raise ValueError(
            f"REFERENCE_APPEARANCE has shape {list(reference.shape)}; finite numbers of the shape of APPEARANCE are read"
        )
    return Question(text, appearance, geometry, reference)


def _tensor(request: Request, name: str) -> NDArray[Any]:
    if name not in request:
        raise ValueError(f"{name} is missing")
    return np.asarray(request[name])


def _scalar(request: Request, name: str, default: Any = None) -> Any:
    if name not in request and default is not None:
        return default
    values = _tensor(request, name).reshape(-1)
    if values.size != 1:
        raise ValueError(f"{name} has {values.size} values, one is expected")
    return values[0]
