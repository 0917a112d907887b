"""Answers to MMAD's questions as a JSON list that grows by a line an answer. It judges none of them.

The entries are those of the benchmark's own scripts: image, question, question_type, correct_answer, gpt_answer.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iad_unify.data.samples import DataError

#: The letters that an answer may be.
LETTERS = ("A", "B", "C", "D", "E")


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and what was answered; letters as they were written, valid or not."""

    image: str  # path below the benchmark's folder, its first part is the data set
    question_type: str
    correct_answer: str
    gpt_answer: str
    question: Any = None

    @property
    def dataset(self) -> str:
        """The first part of the picture's path."""
        return self.image.split("/")[0]

    @property
    def valid(self) -> bool:
        """Whether both letters are letters of an option."""
        return self.correct_answer in LETTERS and self.gpt_answer in LETTERS

    @property
    def right(self) -> bool:
        """Whether a valid answer is the correct one."""
        return self.valid and self.correct_answer == self.gpt_answer

    def as_entry(self) -> dict[str, Any]:
        """The entry of the file."""
        return {
            "image": self.image,
            "question": self.question,
            "question_type": self.question_type,
            "correct_answer": self.correct_answer,
            "gpt_answer": self.gpt_answer,
        }


def read(path: Path) -> tuple[Answer, ...]:
    """The answers of a file: a JSON list, or one JSON object a line. Raises DataError."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(path, f"cannot be read ({error})") from error
    try:
        rows = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines() if line]
    except ValueError as error:
        raise DataError(path, f"is not a JSON list ({error})") from error
    return _answers(path, rows)


def _answers(path: Path, rows: Sequence[Any]) -> tuple[Answer, ...]:
    found = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise DataError(path, f"entry {number} is not a JSON object")
        try:
            found.append(_answer(row))
        except KeyError as error:
            raise DataError(path, f"entry {number} lacks {error}") from error
    return tuple(found)


def _answer(row: Mapping[str, Any]) -> Answer:
    texts = [row[name] for name in ("image", "question_type", "correct_answer", "gpt_answer")]
    image, kind, correct, given = (text if isinstance(text, str) else "" for text in texts)
    return Answer(image, kind, correct, given, row.get("question"))


class AnswerFile:
    """A file of answers that is a whole JSON list after every `append`.

    Opening one that exists goes on with it. What a crash left of a last line is cut off. Raises DataError for a file
    that holds something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers: list[Answer] = list(_recovered(path)) if path.exists() else []
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".part")
        draft.write_bytes(b"[" + b",".join(b"\n" + _line(one) for one in self.answers) + _END)
        draft.replace(path)
        self._end = path.stat().st_size - len(_END)

    def append(self, answers: Iterable[Answer]) -> None:
        """Add answers and write them through to the system."""
        added = list(answers)
        lines = b"".join((b",\n" if index or self.answers else b"\n") + _line(one) for index, one in enumerate(added))
        with self.path.open("r+b", buffering=0) as file:
            file.seek(self._end)
            file.write(lines + _END)
        self._end += len(lines)
        self.answers += added


_END = b"\n]\n"


def _line(answer: Answer) -> bytes:
    return json.dumps(answer.as_entry(), ensure_ascii=False).encode()


def _recovered(path: Path) -> tuple[Answer, ...]:
    try:
        return read(path)
    except DataError:
        text = path.read_bytes().decode("utf-8", "replace")
    if not text.startswith("["):
        raise DataError(path, "is not a file of answers; name another one")
    rows = []
    for line in text[1:].splitlines():
        try:
            rows.append(json.loads(line.rstrip().removesuffix(",")))
        except ValueError:
            if line.strip() not in ("", "]"):
                break
    return _answers(path, rows)
