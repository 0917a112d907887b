"""The shipped tiny models sit a tiny MMAD made of drawings."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from iad_unify import resources
from iad_unify.checkpoint import UntrainedHead
from iad_unify.cli import app
from iad_unify.data.samples import DataError
from iad_unify.explainer.storage import write_random_checkpoint
from iad_unify.mmad import layout, running
from iad_unify.mmad.answers import LETTERS, read
from iad_unify.mmad.order import Order, spread
from iad_unify.procedural import draw

QUESTIONS = (
    ("Anomaly Detection", "Is there any defect in the object?", {"A": "Yes.", "B": "No."}),
    (
        "Defect Classification",
        "What is the type of the defect?",
        {"A": "Scratch.", "B": "Hole.", "C": "Dent.", "D": "Stain."},
    ),
    ("Defect Localization", "Where is the defect?", {"A": "Top left.", "B": "Center.", "C": "Right.", "D": "Bottom."}),
    ("Object Details", "What is the color of the object?", {"A": "Grey.", "B": "Red.", "C": "Green.", "D": "Blue."}),
)


@pytest.fixture(scope="module")
def mmad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two data sets of drawn tiles and gaskets, ten pictures in all, in MMAD's layout."""
    folder = tmp_path_factory.mktemp("mmad")
    rng = np.random.default_rng(5)
    entries: dict[str, object] = {}
    for dataset, product in (("DS-MVTec", "metal_tile"), ("VisA", "gasket")):
        template = f"{dataset}/{product}/train/good/0.png"
        write(folder / template, draw(product, rng, defect_types=[]).image)
        for index in range(5):
            kind = "good" if index % 2 else "hole"
            drawing = draw(product, rng, defect_types=[] if kind == "good" else ["hole"])
            name = f"{dataset}/{product}/test/{kind}/{index}.png"
            write(folder / name, drawing.image)
            asked = QUESTIONS if kind == "hole" else (QUESTIONS[0], QUESTIONS[3])
            entries[name] = {
                "image_path": name,
                "mask_path": None if kind == "good" else name.replace("test", "masks"),
                "similar_templates": [template],
                "random_templates": [template],
                "conversation": [
                    {"Question": text, "Answer": "B" if kind == "good" else "A", "Options": options, "type": kind_of}
                    | {"annotation": True}
                    for kind_of, text, options in asked
                ],
            }
    (folder / "mmad.json").write_text(json.dumps(entries))
    return folder


def write(path: Path, rgb: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb[:, :, ::-1])


def order(mmad: Path, answers: Path) -> Order:
    return Order(mmad, answers, resources.weights("explainer"), resources.weights("region_expert"))


def ignore(done: int) -> None:
    return None


def test_the_layout_is_read_with_its_options_lettered(mmad) -> None:
    pictures = layout.read(mmad)
    assert len(pictures) == 10
    assert pictures[0].templates == ("DS-MVTec/metal_tile/train/good/0.png",)
    asked = pictures[0].questions[1]
    assert (asked.correct, asked.kind, asked.options["D"]) == ("A", "Defect Classification", "Stain.")
    assert asked.as_entry(2)["text"] == "Question 2: What is the type of the defect? \n" + asked.choices + "\n"


def test_options_are_lettered_anew_whatever_their_keys_are(tmp_path) -> None:
    row = {"Question": "?", "Answer": "D", "Options": {"B": "one", "D": "two"}, "type": "Defect Analysis"}
    (tmp_path / "mmad.json").write_text(json.dumps({"VisA/a.png": {"conversation": [row]}}))
    (picture,) = layout.read(tmp_path)
    assert picture.questions[0].options == {"A": "one", "B": "two"}
    assert picture.questions[0].correct == "B"
    row["Answer"] = "C"
    (tmp_path / "mmad.json").write_text(json.dumps({"VisA/a.png": {"conversation": [row]}}))
    with pytest.raises(DataError, match=r"the entry of VisA/a\.png is damaged"):
        layout.read(tmp_path)


def test_the_shipped_models_answer_everything_and_are_scored(mmad, tmp_path) -> None:
    answers, table = tmp_path / "answers.json", tmp_path / "table.csv"
    words = ["evaluate", "mmad", "--data", str(mmad), "--answers", str(answers), "--out", str(table)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    given = read(answers)
    assert len(given) == 2 * (3 * 4 + 2 * 2)
    assert all(one.gpt_answer in LETTERS for one in given)
    assert [one.image for one in given] == sorted(
        (one.image for one in given), key=list(json.loads((mmad / "mmad.json").read_text())).index
    )
    assert [line.split(",")[0] for line in table.read_text().splitlines()] == ["dataset", "DS-MVTec", "VisA", "Average"]
    assert "guessing gives 28.57" in result.output


def test_an_interrupted_run_loses_nothing_and_answers_nothing_twice(mmad, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(running, "CHUNK", 2)
    pictures = layout.read(mmad)[:6]
    mine = order(mmad, tmp_path / "answers.json")

    def stop(done: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        running.run(mine, pictures, stop)
    before = read(mine.answers)
    assert {one.image for one in before} == {one.image for one in pictures[:4]}
    text = mine.answers.read_text().splitlines()
    mine.answers.write_text("\n".join(text[:-2]))  # a crash in the middle of a picture
    done: list[int] = []
    running.run(mine, pictures, done.append)
    assert done == [3, 5, 6]
    after = read(mine.answers)
    assert len(after) == sum(len(one.questions) for one in pictures)
    assert {(one.image, str(one.question)) for one in before} <= {(one.image, str(one.question)) for one in after}


def test_answers_of_another_model_are_not_gone_on_with(mmad, tmp_path) -> None:
    mine = order(mmad, tmp_path / "answers.json")
    running.run(mine, layout.read(mmad)[:1], ignore)
    with pytest.raises(DataError, match="was begun by"):
        running.run(replace(mine, templates="similar"), layout.read(mmad)[:1], ignore)


def test_an_untrained_explainer_does_not_answer(mmad, tmp_path) -> None:
    folder = write_random_checkpoint(tmp_path / "random", trained=False)
    with pytest.raises(UntrainedHead):
        running.run(replace(order(mmad, tmp_path / "a.json"), checkpoint=folder), layout.read(mmad)[:1], ignore)


def test_an_incomplete_copy_is_refused_unless_that_is_allowed(mmad, tmp_path) -> None:
    entries = json.loads((mmad / "mmad.json").read_text())
    name = next(iter(entries))
    (tmp_path / "mmad.json").write_text(json.dumps(entries))
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes((mmad / name).read_bytes())
    words = ["evaluate", "mmad", "--data", str(tmp_path), "--answers", str(tmp_path / "answers.json")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "8 more of 10 pictures" in result.output
    result = CliRunner().invoke(app, [*words, "--missing-ok"])
    assert result.exit_code == 0, result.output
    assert {one.image for one in read(tmp_path / "answers.json")} == {name}


def test_some_pictures_are_chosen_evenly(mmad) -> None:
    pictures = layout.read(mmad)
    assert spread(pictures, 2) == (pictures[0], pictures[5])
    assert spread(pictures, 0) == spread(pictures, 99) == pictures


def test_a_run_and_a_score_exclude_each_other(tmp_path) -> None:
    for words in ([], ["--data", "x"], ["--data", "x", "--answers", "y", "--score", "z"]):
        assert CliRunner().invoke(app, ["evaluate", "mmad", *words]).exit_code == 2
