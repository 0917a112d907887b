"""The official figures of MMAD from a list of answers: accuracy per data set and subtask. Pure Python.

Source: `caculate_accuracy_mmad` of the reference scripts (helper/summary.py). An invalid answer counts as wrong here; the
reference leaves it out, and the answer after it as well, because it shortens the list that it walks over. `compat`
does the same.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from iad_unify.mmad.answers import Answer

DETECTION = "Anomaly Detection"
#: The seven subtasks in the order of the table.
SUBTASKS = (
    DETECTION,
    "Defect Classification",
    "Defect Localization",
    "Defect Description",
    "Defect Analysis",
    "Object Classification",
    "Object Analysis",
)
#: Two kinds of questions that the table has under one name.
MERGED = {"Object Structure": "Object Analysis", "Object Details": "Object Analysis"}
#: The folder of pictures without a defect.
NORMAL = "good"
#: Mean accuracy of guessing, percent: one of two options in detection, one of four elsewhere.
CHANCE = 28.57


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; percent."""

    name: str
    accuracies: Mapping[str, float]  # by subtask; one that no data set has is missing
    average: float


@dataclass(frozen=True, slots=True)
class Scored:
    """The table, and what a reader of it should know."""

    rows: tuple[Row, ...]  # one per data set in the order of the answers
    average: Row  # the mean of the rows
    counted: int
    notes: tuple[str, ...] = ()


def score(answers: Sequence[Answer], *, compat: bool = False) -> Scored:
    """Score answers. Raises ValueError when there is none.

    Detection is the mean of the accuracies on normal and on abnormal pictures. A data set's average is the mean of its
    subtasks; the last row is the mean of the data sets. As in the reference, a subtask that some data set has and
    another lacks is 0 in the other, so is the half of detection without a picture, and one that none has is left out.
    `compat` also takes a picture for normal when "good" is anywhere in its path, and averages kinds of questions that
    are none of the seven.
    """
    if not answers:
        raise ValueError("there is no answer to score")
    kept = list(_as_the_reference_reads(answers) if compat else answers)
    kinds = [kind for kind in dict.fromkeys(kind_of(one) for one in answers) if compat or kind in SUBTASKS]
    datasets = list(dict.fromkeys(one.dataset for one in answers))
    tally = _Tally(kept, compat)
    rows = tuple(_row(name, {kind: tally.accuracy(name, kind) for kind in kinds}) for name in datasets)
    means = {kind: _mean([row.accuracies[kind] for row in rows]) for kind in kinds}
    average = Row("Average", means, _mean([row.average for row in rows]))
    return Scored(rows, average, len(kept), tuple(_notes(answers, kept, datasets, kinds, tally)))


def kind_of(answer: Answer) -> str:
    """The column that a question counts in."""
    return MERGED.get(answer.question_type, answer.question_type)


def _as_the_reference_reads(answers: Iterable[Answer]) -> Iterable[Answer]:
    skip = False
    for one in answers:
        if skip:
            skip = False
        elif one.valid:
            yield one
        else:
            skip = True


class _Tally:
    """Right and all answers by data set, subtask and, in detection, whether the picture is normal."""

    def __init__(self, answers: Iterable[Answer], compat: bool) -> None:
        self.total: Counter[tuple[str, str, bool]] = Counter()
        self.right: Counter[tuple[str, str, bool]] = Counter()
        for one in answers:
            normal = NORMAL in (one.image if compat else one.image.split("/")[:-1])
            key = (one.dataset, kind_of(one), normal and kind_of(one) == DETECTION)
            self.total[key] += 1
            self.right[key] += one.right

    def accuracy(self, dataset: str, kind: str) -> float:
        """Percent."""
        sides = (True, False) if kind == DETECTION else (False,)
        return 100 * _mean([self._share((dataset, kind, side)) for side in sides])

    def _share(self, key: tuple[str, str, bool]) -> float:
        return self.right[key] / self.total[key] if self.total[key] else 0.0


def _row(name: str, accuracies: Mapping[str, float]) -> Row:
    return Row(name, accuracies, _mean(list(accuracies.values())))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _notes(
    answers: Sequence[Answer], kept: Sequence[Answer], datasets: Sequence[str], kinds: Sequence[str], tally: _Tally
) -> Iterable[str]:
    invalid = sum(not one.valid for one in answers)
    if len(kept) < len(answers):
        yield f"{len(answers) - len(kept)} answers left out as in the reference: invalid ones and the one after each"
    elif invalid:
        yield f"{invalid} invalid answers counted as wrong"
    other = Counter(kind_of(one) for one in answers if kind_of(one) not in SUBTASKS)
    for kind, count in other.items():
        yield f"{count} answers of kind {kind!r}, none of the seven subtasks: {'averaged' if kind in kinds else 'left out'}"
    for name in datasets:
        lacking = [kind for kind in kinds if not any(tally.total[name, kind, side] for side in (True, False))]
        if lacking:
            yield f"{name} has no {', '.join(lacking)}: 0, as in the reference"
        elif DETECTION in kinds and not all(tally.total[name, DETECTION, side] for side in (True, False)):
            yield f"{name} has only normal or only abnormal pictures: the other half of its detection is 0"
