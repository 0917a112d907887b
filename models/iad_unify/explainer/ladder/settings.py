"""The settings of the ladder: what the explainer is given in place of the true region, for one and the same question.

There are no image tokens in any of them: the explainer reads regions and words alone. Knows no model's weights; the
mean appearance is handed in.
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from iad_unify.explainer.ladder.views import DEGREES, Token, View
from iad_unify.explainer.prompt import Question


class Setting(StrEnum):
    """Of one checkpoint, the regions swapped when it is asked; the last two are other checkpoints' own."""

    ORACLE = "S1"  # the true region
    PREDICTED = "S2"  # the expert's strongest proposal; none where it has none
    WHOLE = "S3"  # the whole picture as the region
    NONE = "S4"  # no region
    WRONG = "wrong_region"  # another picture's defect
    GEOMETRY = "geometry_only"  # the true place with the mean appearance
    TEXT = "box_as_text"  # no region; its box in words, in the question
    WORSE_90, WORSE_70, WORSE_50 = "oracle_iou_90", "oracle_iou_70", "oracle_iou_50"
    WHOLE_TRAINED = "S3t"  # as S3, of a checkpoint that was trained so
    NONE_TRAINED = "S4t"  # as S4, of a checkpoint that was trained so


#: What is asked of the checkpoint that is measured.
OF_ONE = tuple(one for one in Setting if one not in (Setting.WHOLE_TRAINED, Setting.NONE_TRAINED))
#: What a setting shows, where that is a mask of another quality.
WORSE = dict(zip((Setting.WORSE_90, Setting.WORSE_70, Setting.WORSE_50), DEGREES, strict=True))
#: Of the paper (IAD-Unify, arXiv 2604.12440): location, percent.
PAPER = {Setting.ORACLE: 96.34, Setting.PREDICTED: 93.28, Setting.WHOLE: 24.63, Setting.NONE: 16.71}


def asking(setting: Setting, text: str, view: View, other: View, mean: NDArray[np.float32]) -> Question:
    """The question `text` about a view in a setting; `other` is the wrong region, `mean` [K, D] the mean appearance."""
    token = _token(setting, view, other, mean)
    if setting is Setting.TEXT:
        text = f"{in_words(view)} {text}"
    if token is None:
        return Question(text, np.zeros((0, *mean.shape), np.float32), np.zeros((0, 5), np.float32))
    return Question(text, token.appearance[None], token.geometry[None])


def _token(setting: Setting, view: View, other: View, mean: NDArray[np.float32]) -> Token | None:
    if setting in WORSE:
        return view.worse[WORSE[setting]]
    match setting:
        case Setting.ORACLE:
            return view.oracle
        case Setting.PREDICTED:
            return view.predicted
        case Setting.WHOLE | Setting.WHOLE_TRAINED:
            return view.whole
        case Setting.WRONG:
            return other.oracle
        case Setting.GEOMETRY:
            return Token(mean, view.oracle.geometry)
    return None


def in_words(view: View) -> str:
    """The true box as a sentence, in percent of the frame's sides."""
    cx, cy, w, h, _ = (100 * float(number) for number in view.oracle.geometry)
    across, down = f"{cx - w / 2:.0f} to {cx + w / 2:.0f}", f"{cy - h / 2:.0f} to {cy + h / 2:.0f}"
    return f"The defect covers {across} % of the width from the left and {down} % of the height from the top."


def others(views: Sequence[View]) -> list[View]:
    """For each view another picture's, the next one that lies in another cell and is of another type, if there is one."""
    return [_other(views, index) for index in range(len(views))]


def _other(views: Sequence[View], index: int) -> View:
    own = views[index]
    following = [*views[index + 1 :], *views[:index]]
    apart = [one for one in following if one.fact.cell != own.fact.cell]
    strange = [one for one in apart if one.fact.defect_type != own.fact.defect_type]
    return next(iter(strange or apart or following or [own]))
