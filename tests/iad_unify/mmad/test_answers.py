"""The answers file is whole after every answer, and survives what cuts it short."""

import json

import pytest

from iad_unify.data.samples import DataError
from iad_unify.mmad.answers import Answer, AnswerFile, read
from iad_unify.mmad.choices import letter_of

ONE, TWO, THREE = (Answer(f"VisA/{n}.png", "Anomaly Detection", "A", "B", {"text": "Größe\n?"}) for n in range(3))
OPTIONS = {"A": "Yes, it is scratched.", "B": "No.", "C": "A hole in the top left.", "D": "Stained in the center."}


def test_the_file_is_a_json_list_after_every_answer(tmp_path) -> None:
    file = AnswerFile(tmp_path / "new" / "answers.json")
    assert json.loads(file.path.read_text()) == []
    file.append([ONE])
    assert json.loads(file.path.read_text()) == [ONE.as_entry()]
    file.append([TWO, THREE])
    file.append([])
    assert read(file.path) == (ONE, TWO, THREE)


def test_a_file_is_gone_on_with_in_any_layout(tmp_path) -> None:
    path = tmp_path / "answers.json"
    path.write_text(json.dumps([ONE.as_entry()], indent=4))
    AnswerFile(path).append([TWO])
    assert read(path) == (ONE, TWO)


@pytest.mark.parametrize("cut", [1, 3, 20, 60])
def test_what_a_crash_left_of_the_last_line_is_cut_off(tmp_path, cut: int) -> None:
    file = AnswerFile(tmp_path / "answers.json")
    file.append([ONE, TWO])
    file.path.write_bytes(file.path.read_bytes()[:-cut])
    again = AnswerFile(file.path)
    assert again.answers[0] == ONE
    again.append([THREE])
    assert read(file.path)[-1] == THREE


def test_a_file_of_something_else_is_left_alone(tmp_path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("precious")
    with pytest.raises(DataError, match="not a file of answers"):
        AnswerFile(path)
    assert path.read_text() == "precious"


def test_one_object_a_line_is_read_too(tmp_path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text("\n".join(json.dumps(one.as_entry()) for one in (ONE, TWO)))
    assert read(path) == (ONE, TWO)


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("B", "B"),
        ("Answer: D.", "D"),
        ("Not A but B", "B"),
        ("E", "E"),
        ("A hole.", "A"),
        ("stained center", "D"),
        ("no", "B"),
        ("YES IT IS SCRATCHED", "A"),  # no letter stands alone in it
    ],
)
def test_a_reply_becomes_a_letter_by_the_benchmarks_rule(reply: str, letter: str) -> None:
    assert letter_of(reply, OPTIONS) == letter


def test_without_options_a_reply_without_a_letter_stays_itself() -> None:
    assert letter_of("perhaps", {}) == "perhaps"
