"""The file of a camera's reference: written whole, read back, refused with the mend when it is not what it should be."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save as to_bytes

from iad_unify.region_expert import reference
from iad_unify.region_expert.reference import CalibrateAgain, Facts, Tensors

KIND = reference.Kind("paper_copy", "paper")


def written(folder: Path) -> Path:
    path = folder / "copy"
    reference.write_whole(path, reference.packed(KIND, {"sheets": 3}, {"dots": torch.arange(4)}))
    return path


def test_what_was_written_is_read_and_nothing_else_is_left(tmp_path: Path) -> None:
    data = reference.packed(KIND, {"sheets": 3}, {"dots": torch.arange(4)})
    name = reference.write_whole(tmp_path / "copy", data)
    assert name == reference.identity((tmp_path / "copy").read_bytes())
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    facts, tensors = reference.read(tmp_path / "copy", KIND, lambda facts, tensors: (facts, tensors))
    assert facts == {"sheets": 3}
    assert tensors["dots"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("damage", ["missing", "text", "cut", "without facts", "another kind"])
def test_a_damaged_file_is_refused_with_the_mend(tmp_path: Path, damage: str) -> None:
    path = written(tmp_path)
    if damage == "missing":
        path.unlink()
    elif damage == "text":
        path.write_text("hello")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-8])
    elif damage == "without facts":
        path.write_bytes(to_bytes({"dots": torch.zeros(2)}))
    else:
        path.write_bytes(
            reference.packed(KIND._replace(format="carbon_copy"), {"sheets": 3}, {"dots": torch.arange(4)})
        )
    with pytest.raises(CalibrateAgain, match=r"copy: not a paper copy .*; calibrate again with good parts"):
        reference.read(path, KIND, lambda facts, tensors: facts)


def test_what_its_maker_refuses_is_refused_with_the_mend(tmp_path: Path) -> None:
    def made(facts: Facts, tensors: Tensors) -> Facts:
        raise ValueError("too few dots")

    with pytest.raises(CalibrateAgain, match=r"not a paper copy \(too few dots\); calibrate again"):
        reference.read(written(tmp_path), KIND, made)


def test_a_reference_of_another_model_is_refused_with_the_mend(tmp_path: Path) -> None:
    reference.check_version(tmp_path, KIND, "abc", "abc")
    with pytest.raises(CalibrateAgain, match=r"a paper copy of model abc, and def is loaded; calibrate again"):
        reference.check_version(tmp_path, KIND, "abc", "def")


def test_one_odd_picture_among_the_good_ones_moves_the_scale_little() -> None:
    usual = np.linspace(1.0, 2.0, 41)
    centre, spread = reference.scale(usual)
    odd_centre, odd_spread = reference.scale(np.append(usual, 50.0))
    assert abs(odd_centre - centre) < 0.1
    assert abs(odd_spread - spread) < 0.05
    assert reference.scale(np.full(5, 2.0))[1] > 0
