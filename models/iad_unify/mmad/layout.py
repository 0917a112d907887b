"""MMAD on disk: mmad.json beside the folders of pictures. It opens no picture and knows no model.

Layout: picture -> image_path, mask_path, similar_templates, random_templates, conversation[Question, Answer, Options,
type, annotation]; every path is relative to the folder. Source: arXiv 2410.09453 and its reference scripts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iad_unify.data.samples import DataError
from iad_unify.mmad.answers import LETTERS

NAME = "mmad.json"
#: Which good pictures a query is compared with: drawn at random once by the authors, or the most similar ones.
TEMPLATES = ("random", "similar")


@dataclass(frozen=True, slots=True)
class Asked:
    """One multiple-choice question; its options are lettered from A in the order of the file."""

    text: str
    options: Mapping[str, str]  # letter -> text
    correct: str
    kind: str

    def as_entry(self, number: int) -> dict[str, Any]:
        """The question as the answers file holds it; `number` counts from 1 within a picture."""
        return {"type": "text", "text": f"Question {number}: {self.text} \n{self.choices}\n", "options": self.options}

    @property
    def choices(self) -> str:
        """The options, a line each."""
        return "\n".join(f"{letter}. {text}" for letter, text in self.options.items())


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture with its questions."""

    image: str  # the key in mmad.json, relative to the folder
    templates: tuple[str, ...]  # good pictures of the same product, relative to the folder
    questions: tuple[Asked, ...]


def read(folder: Path, templates: str = TEMPLATES[0]) -> tuple[Picture, ...]:
    """The pictures that have questions, in the order of the file. Raises DataError with the entry that is damaged."""
    path = folder / NAME
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            path, f"cannot be read ({error.strerror}); name the folder that MMAD was unpacked in"
        ) from error
    except ValueError as error:
        raise DataError(path, f"is not JSON ({error})") from error
    if not isinstance(entries, Mapping):
        raise DataError(path, "is not a JSON object of pictures")
    pictures = []
    for image, entry in entries.items():
        try:
            asked = tuple(_asked(one) for one in entry.get("conversation", ()))
            pictures.append(Picture(str(image), tuple(map(str, entry.get(f"{templates}_templates", ()))), asked))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(path, f"the entry of {image} is damaged ({error!r})") from error
    return tuple(picture for picture in pictures if picture.questions)


def missing(folder: Path, pictures: tuple[Picture, ...]) -> tuple[Picture, ...]:
    """The pictures whose file is not there."""
    return tuple(one for one in pictures if not (folder / one.image).is_file())


def _asked(row: Mapping[str, Any]) -> Asked:
    options = dict(row["Options"])
    if not 2 <= len(options) <= len(LETTERS):
        raise ValueError(f"{len(options)} options")
    renamed = dict(zip(options, LETTERS, strict=False))
    return Asked(
        str(row["Question"]),
        {renamed[key]: str(text) for key, text in options.items()},
        renamed[row["Answer"]],
        str(row["type"]),
    )
