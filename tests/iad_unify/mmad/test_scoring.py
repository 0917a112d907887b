"""MMAD's figures on tables small enough to do by hand."""

import csv
import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from iad_unify.cli import app
from iad_unify.mmad.answers import Answer
from iad_unify.mmad.scoring import CHANCE, DETECTION, SUBTASKS, score
from iad_unify.mmad.table import HEADER


def answer(image: str, kind: str, correct: str, given: str) -> Answer:
    return Answer(image, kind, correct, given)


def detection(dataset: str, right_good: int, good: int, right_bad: int, bad: int) -> list[Answer]:
    """Detection answers: so many right of so many good pictures, then of abnormal ones."""
    found = [
        answer(f"{dataset}/p/test/good/{i}.png", DETECTION, "B", "B" if i < right_good else "A") for i in range(good)
    ]
    return found + [
        answer(f"{dataset}/p/test/hole/{i}.png", DETECTION, "A", "A" if i < right_bad else "B") for i in range(bad)
    ]


def others(dataset: str, right: int, of: int, kinds: tuple[str, ...] = SUBTASKS[1:]) -> list[Answer]:
    return [
        answer(f"{dataset}/p/test/hole/{i}.png", kind, "C", "C" if i < right else "D")
        for kind in kinds
        for i in range(of)
    ]


def test_detection_is_the_mean_of_both_sides_however_unequal() -> None:
    (row,) = score(detection("VisA", 9, 10, 1, 2)).rows
    assert row.accuracies[DETECTION] == pytest.approx((90 + 50) / 2)
    assert row.average == pytest.approx(70)


def test_a_model_that_always_says_the_same_is_at_chance_in_detection() -> None:
    assert score(detection("VisA", 0, 30, 5, 5)).rows[0].accuracies[DETECTION] == 50


def test_an_average_weighs_subtasks_alike_and_then_data_sets() -> None:
    answers = (
        detection("VisA", 1, 1, 1, 1) + others("VisA", 1, 4) + detection("LOCO", 0, 1, 1, 1) + others("LOCO", 0, 1)
    )
    scored = score(answers)
    first, second = scored.rows
    assert (first.name, second.name) == ("VisA", "LOCO")
    assert first.average == pytest.approx((100 + 6 * 25) / 7)
    assert second.average == pytest.approx(50 / 7)
    assert scored.average.accuracies[DETECTION] == 75
    assert scored.average.average == pytest.approx((first.average + second.average) / 2)


def test_structure_and_details_are_object_analysis() -> None:
    answers = [
        answer("VisA/a/x.png", "Object Structure", "A", "A"),
        answer("VisA/a/x.png", "Object Details", "A", "B"),
        answer("VisA/a/x.png", "Object Analysis", "A", "A"),
    ]
    assert score(answers).rows[0].accuracies == {"Object Analysis": pytest.approx(200 / 3)}


def test_guessing_gives_the_chance_of_the_paper() -> None:
    assert round((50 + 6 * 25) / 7, 2) == CHANCE


def test_a_subtask_that_only_another_data_set_has_is_zero_and_one_that_none_has_is_left_out() -> None:
    scored = score(others("VisA", 1, 1, SUBTASKS[1:2]) + others("LOCO", 1, 1, SUBTASKS[2:3]))
    assert scored.rows[0].accuracies == {"Defect Classification": 100, "Defect Localization": 0}
    assert scored.average.average == 50
    assert any("VisA has no Defect Localization" in note for note in scored.notes)


def test_one_sided_detection_counts_the_other_half_as_zero_and_says_so() -> None:
    scored = score(detection("VisA", 0, 0, 2, 2))
    assert scored.rows[0].accuracies[DETECTION] == 50
    assert any("only normal or only abnormal" in note for note in scored.notes)


INVALID = [
    answer("VisA/p/test/hole/0.png", SUBTASKS[1], "A", "I cannot tell"),
    answer("VisA/p/test/hole/1.png", SUBTASKS[1], "A", "A"),
    answer("VisA/p/test/hole/2.png", SUBTASKS[1], "A", "A"),
    answer("VisA/p/test/hole/3.png", SUBTASKS[1], "A", "B"),
]


def test_an_invalid_answer_is_wrong() -> None:
    scored = score(INVALID)
    assert scored.rows[0].accuracies[SUBTASKS[1]] == 50
    assert scored.notes == ("1 invalid answers counted as wrong",)
    assert not answer("VisA/x", SUBTASKS[1], "", "").right


def test_compat_leaves_out_the_invalid_answer_and_the_one_after_it() -> None:
    scored = score(INVALID, compat=True)
    assert scored.counted == 2
    assert scored.rows[0].accuracies[SUBTASKS[1]] == 50
    again = score([INVALID[0], INVALID[0], INVALID[1], INVALID[3]], compat=True)  # the second one is skipped, not met
    assert again.counted == 2
    assert score([*INVALID[1:], INVALID[0]], compat=True).counted == 3


def test_without_an_invalid_answer_compat_changes_nothing() -> None:
    answers = detection("VisA", 3, 4, 1, 3) + others("VisA", 1, 3) + others("LOCO", 2, 3)
    assert score(answers, compat=True) == score(answers)


def test_a_picture_is_normal_by_its_folder_and_in_compat_by_any_good_in_its_path() -> None:
    answers = [
        answer("VisA/goodies/test/hole/0.png", DETECTION, "A", "B"),
        answer("VisA/goodies/test/good/0.png", DETECTION, "B", "B"),
    ]
    assert score(answers).rows[0].accuracies[DETECTION] == 50
    assert score(answers, compat=True).rows[0].accuracies[DETECTION] == 25
    assert score([answer("VisA/p/hole/good.png", DETECTION, "A", "A")]).rows[0].accuracies[DETECTION] == 50


def test_kinds_that_are_none_of_the_seven_are_named() -> None:
    answers = [answer("VisA/a", "Riddle", "A", "A"), answer("VisA/a", SUBTASKS[1], "A", "B")]
    assert score(answers).rows[0].average == 0
    assert score(answers, compat=True).rows[0].average == 50
    assert "'Riddle'" in score(answers).notes[0]


def test_the_command_writes_one_row_per_data_set_and_the_average(tmp_path) -> None:
    answers = detection("VisA", 1, 1, 0, 1) + others("LOCO", 1, 2, SUBTASKS[1:2])
    path = tmp_path / "answers.json"
    path.write_text(json.dumps([one.as_entry() for one in answers]))
    result = CliRunner().invoke(app, ["evaluate", "mmad", "--score", str(path), "--out", str(tmp_path / "t.csv")])
    assert result.exit_code == 0, result.output
    rows = list(csv.reader((tmp_path / "t.csv").read_text().splitlines()))
    assert rows[0] == ["dataset", *SUBTASKS, "Average"] == list(HEADER)
    assert [row[0] for row in rows[1:]] == ["VisA", "LOCO", "Average"]
    assert rows[1][1:] == ["50.000000", "0.000000", "", "", "", "", "", "25.000000"]
    assert rows[3][1:3] == ["25.000000", "25.000000"]
    assert float(rows[3][-1]) == 25


@pytest.mark.parametrize(
    ("text", "said"),
    [("{}", "entry 1 lacks"), ("[1]", "entry 1 is not a JSON object"), ("[", "not a JSON list"), ("[]", "no answer")],
)
def test_a_file_that_holds_no_answers_is_one_line_and_exit_code_2(tmp_path, text: str, said: str) -> None:
    path = tmp_path / "answers.json"
    path.write_text(text)
    result = CliRunner().invoke(app, ["evaluate", "mmad", "--score", str(path)])
    assert result.exit_code == 2
    assert said in result.output


def test_scoring_imports_no_torch() -> None:
    code = "import sys, iad_unify.mmad.table, iad_unify.mmad.command; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
