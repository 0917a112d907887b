"""Asks one explainer about every view in some settings and marks what it says: a table of right and wrong.

The question about a view is the same text in every setting. Knows no file and no interval.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from iad_unify.explainer.generation import answers_to_all
from iad_unify.explainer.ladder.marking import Marks, marks
from iad_unify.explainer.ladder.settings import Setting, asking, others
from iad_unify.explainer.ladder.views import View
from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.prompt import Question
from iad_unify.language.facts import CLEAR_CELL, Facts, RegionFact
from iad_unify.language.questions import Example, QuestionKind, example

MAX_TOKENS = 48
KINDS = (QuestionKind.LOCATION, QuestionKind.TYPE)
#: Names that only fit a prompt with regions; the settings without one could not be asked so.
_NUMBERED = ("region 1", "defect 1")

#: By aspect, [views]: 1 right, 0 wrong, nan not asked. Of several checkpoints the mean.
Table = dict[str, NDArray[np.float64]]


@dataclass(slots=True)
class Asked:
    """One question and its answer."""

    view: int
    setting: Setting
    example: Example
    question: Question
    answer: str = ""


def questions_of(views: Sequence[View], seed: int) -> list[tuple[Example, ...]]:
    """The held-out questions about each view, place first, then type where the explainer has a word for it."""
    return [
        tuple(
            _example(view.fact, kind, np.random.default_rng((seed, 13, index)))
            for kind in KINDS
            if view.known_type or kind is not QuestionKind.TYPE
        )
        for index, view in enumerate(views)
    ]


def _example(fact: RegionFact, kind: QuestionKind, rng: np.random.Generator) -> Example:
    while True:
        one = example(Facts((fact,)), rng, kind, held_out=True)
        if not any(name in one.question for name in _NUMBERED):
            return one


def ask(
    model: RegionQwen,
    tokenizer: PreTrainedTokenizerBase,
    views: Sequence[View],
    settings: Sequence[Setting],
    seed: int,
    report: Callable[[float], None] = lambda share: None,
) -> list[Asked]:
    """Every question in every setting, answered greedily; in the order of the views."""
    mean = model.region_projection.mean.float().cpu().numpy()
    strangers = others(views)
    asked = [
        Asked(index, setting, one, asking(setting, one.question, views[index], strangers[index], mean))
        for index, examples in enumerate(questions_of(views, seed))
        for one in examples
        for setting in settings
    ]
    texts = answers_to_all(model, tokenizer, [one.question for one in asked], MAX_TOKENS, report)
    for one, text in zip(asked, texts, strict=True):
        one.answer = text
    return asked


def tables(views: Sequence[View], asked: Sequence[Asked]) -> dict[Setting, Table]:
    """What was right, by setting."""
    found: dict[Setting, Table] = {}
    strangers = others(views)
    for one in asked:
        table, view = found.setdefault(one.setting, {}), views[one.view]
        aspect = one.example.kind.value
        mark = marks(one.example, view.fact, one.answer)
        _note(table, len(views), one.view, aspect, mark, view)
        if one.setting is Setting.WRONG:
            swapped = _example(strangers[one.view].fact, one.example.kind, np.random.default_rng(0))
            follows = marks(swapped, strangers[one.view].fact, one.answer).strict
            _set(table, len(views), one.view, f"{aspect}_follows", follows)
        clear = aspect != "location" or view.fact.cell_share >= CLEAR_CELL
        if one.setting is Setting.PREDICTED and view.found and clear:
            _set(table, len(views), one.view, f"{aspect}_found", mark.strict)
    return found


def _note(table: Table, count: int, at: int, aspect: str, mark: Marks, view: View) -> None:
    if aspect == "location":
        _set(table, count, at, "location_all", mark.strict)
        if view.fact.cell_share < CLEAR_CELL:
            return
    _set(table, count, at, aspect, mark.strict)
    _set(table, count, at, f"{aspect}_soft", mark.soft)
    _set(table, count, at, f"{aspect}_contains", mark.contains)


def _set(table: Table, count: int, at: int, name: str, right: bool) -> None:
    table.setdefault(name, np.full(count, np.nan))[at] = float(right)


def pooled(several: Sequence[Table]) -> Table:
    """The mean of the tables of several checkpoints that were asked the same."""
    return {name: np.mean([one[name] for one in several], axis=0) for name in several[0]}
