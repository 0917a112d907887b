"""Memories of good parts and golden templates: built into a folder, found by their id, held a few at a time, and refused with the mend."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.checkpoints import write_expert

from iad_unify.checkpoint import model_version
from iad_unify.geometry import Letterbox
from iad_unify.region_expert import model as expert
from iad_unify.region_expert.export.network import export
from iad_unify.region_expert.export.runtimes import ONNXRUNTIME
from iad_unify.region_expert.inspection import inspect
from iad_unify.region_expert.reference import CalibrateAgain
from iad_unify.region_expert.template import align
from iad_unify.serving.references import References, ReferenceService
from iad_unify.serving.region_expert import RegionExpertService

Tensors = dict[str, NDArray[np.generic]]
BOX = Letterbox.fit(100, 200, 256)
WHOLE = Letterbox.fit(256, 256, 256)


def square(seed: int, *, spot: bool = False, letterbox: Letterbox = BOX, shade: int = 140) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    rgb = rng.normal(shade, 6, (letterbox.height, letterbox.width, 3)).clip(0, 255).astype(np.uint8)
    if spot:
        rgb[90:110, 40:60] = 20
    return letterbox.apply(rgb)


def good_parts(first: int, letterbox: Letterbox = BOX, shade: int = 140) -> Tensors:
    squares = [square(seed, letterbox=letterbox, shade=shade) for seed in range(first, first + 6)]
    return {"IMAGE": np.stack(squares), "LETTERBOX": np.tile(letterbox.as_array(), (6, 1))}


def asked(*frames: tuple[NDArray[np.uint8], Letterbox, str]) -> Tensors:
    return {
        "IMAGE": np.stack([frame[0] for frame in frames]),
        "LETTERBOX": np.stack([frame[1].as_array() for frame in frames]),
        "PROPOSAL": np.zeros((len(frames), 2), np.float32),
        "REFERENCE": np.array([[frame[2].encode()] for frame in frames], dtype=object),
    }


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An expert that by itself is undecided: an untrained head that leans towards good would hide what a memory says."""
    folder = write_expert(tmp_path_factory.mktemp("expert"))
    model = expert.load(folder)
    with torch.no_grad():
        model.decoder.anomaly.bias.zero_()
    expert.save(model, folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state") / "references"


@pytest.fixture(scope="module")
def names(checkpoint: Path, folder: Path) -> tuple[str, str]:
    """Two memories of parts that look different."""
    builder = ReferenceService(checkpoint, folder)
    built = [builder.build(good_parts(0)), builder.build(good_parts(50, WHOLE, shade=60))]
    first, second = (bytes(one["REFERENCE"][0]).decode() for one in built)
    assert first != second
    assert sorted(path.stem for path in folder.iterdir()) == sorted((first, second))
    return first, second


@pytest.fixture(scope="module")
def service(checkpoint: Path, folder: Path) -> RegionExpertService:
    return RegionExpertService(checkpoint, references=folder)


def test_what_was_never_seen_scores_higher_with_the_memory_and_good_parts_do_not(
    service: RegionExpertService, names: tuple[str, str]
) -> None:
    good, bad = square(100), square(101, spot=True)
    scores = service.infer(asked(*((one, BOX, name) for one in (good, bad) for name in ("", names[0]))))["IMAGE_SCORE"]
    good_alone, good_compared, bad_alone, bad_compared = scores[:, 0].tolist()
    assert bad_compared > bad_alone
    assert good_compared < good_alone


def test_frames_of_different_memories_and_of_none_are_one_batch(
    service: RegionExpertService, names: tuple[str, str]
) -> None:
    frames = [
        (square(100, spot=True), BOX, names[0]),
        (square(101, letterbox=WHOLE, shade=60), WHOLE, names[1]),
        (square(102), BOX, ""),
    ]
    together = service.infer(asked(*frames))
    for row, frame in enumerate(frames):
        alone = service.infer(asked(frame))
        assert together["IMAGE_SCORE"][row] == pytest.approx(alone["IMAGE_SCORE"][0], abs=1e-4)
    crossed = service.infer(asked(*((square, box, names[0]) for square, box, _ in frames)))["IMAGE_SCORE"]
    assert crossed[1] > together["IMAGE_SCORE"][1] + 0.1


def test_a_request_without_the_optional_tensor_is_one_without_a_memory(service: RegionExpertService) -> None:
    batch = asked((square(100), BOX, ""))
    empty = service.infer(batch)
    del batch["REFERENCE"]
    np.testing.assert_array_equal(service.infer(batch)["IMAGE_SCORE"], empty["IMAGE_SCORE"])


@pytest.mark.parametrize(
    "name",
    ["0" * 11, "../../secrets", "G" * 12, "0123456789ab.safetensors", "0123456789ab+", "+".join(["0123456789ab"] * 3)],
)
def test_what_is_no_id_opens_no_file(service: RegionExpertService, name: str) -> None:
    with pytest.raises(ValueError, match="REFERENCE is 12 hexadecimal digits"):
        service.infer(asked((square(100), BOX, name)))


def test_a_tensor_of_another_shape_is_refused(service: RegionExpertService) -> None:
    batch = asked((square(100), BOX, ""))
    with pytest.raises(ValueError, match=r"REFERENCE is \[B, 1\]"):
        service.infer(batch | {"REFERENCE": batch["REFERENCE"][:, 0]})


def test_a_memory_that_is_not_there_is_refused_with_the_mend(service: RegionExpertService) -> None:
    with pytest.raises(CalibrateAgain, match=r"0123456789ab.*calibrate again with good parts"):
        service.infer(asked((square(100), BOX, "0123456789ab")))


def test_an_expert_without_a_folder_refuses_every_memory(checkpoint: Path, names: tuple[str, str]) -> None:
    with pytest.raises(CalibrateAgain, match=r"no folder of references"):
        RegionExpertService(checkpoint).infer(asked((square(100), BOX, names[0])))


def test_a_memory_of_another_model_is_refused(folder: Path, names: tuple[str, str], tmp_path: Path) -> None:
    other = RegionExpertService(write_expert(tmp_path, seed=1), references=folder)
    with pytest.raises(CalibrateAgain, match=rf"a normal memory of model .*, and {other.model_version} is loaded"):
        other.infer(asked((square(100), BOX, names[0])))


def test_frames_of_larger_squares_are_compared_with_their_own_memory_and_no_other(
    checkpoint: Path, folder: Path, service: RegionExpertService, names: tuple[str, str]
) -> None:
    large = Letterbox.fit(100, 200, 320)
    name = bytes(ReferenceService(checkpoint, folder).build(good_parts(0, large))["REFERENCE"][0]).decode()
    frames = [(square(seed, spot=seed == 101, letterbox=large), large, name) for seed in (100, 101)]
    good, bad = service.infer(asked(*frames))["IMAGE_SCORE"][:, 0].tolist()
    assert bad > good + 0.1
    with pytest.raises(CalibrateAgain, match=r"squares of 320 pixels, and this frame is one of 256; calibrate again"):
        service.infer(asked((square(100), BOX, name)))
    with pytest.raises(CalibrateAgain, match="squares of 256 pixels"):
        service.infer(asked((square(100, letterbox=large), large, names[0])))


def test_a_file_under_another_name_is_refused(
    checkpoint: Path, folder: Path, names: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "0123456789ab.safetensors").write_bytes((folder / f"{names[0]}.safetensors").read_bytes())
    service = RegionExpertService(checkpoint, references=tmp_path)
    with pytest.raises(CalibrateAgain, match="not the one that its name says"):
        service.infer(asked((square(100), BOX, "0123456789ab")))


def test_the_memories_used_last_are_held(checkpoint: Path, folder: Path, names: tuple[str, str]) -> None:
    torch.manual_seed(0)
    held = References(folder, expert.load(checkpoint), model_version(checkpoint), most_held=2)
    third = bytes(ReferenceService(checkpoint, folder).build(good_parts(200))["REFERENCE"][0]).decode()

    def look(name: str) -> None:
        assert held.named([name], square(100)[None], [BOX]).memories.keys() == {0}

    for name in (names[0], names[1], names[0], third):
        look(name)
    assert list(held._held) == [names[0], third]
    path = folder / f"{names[0]}.safetensors"
    moved = path.rename(folder / "elsewhere")
    look(names[0])  # held, so the file is not read again
    look(names[1])
    look(third)
    with pytest.raises(CalibrateAgain):
        look(names[0])
    moved.rename(path)
    look(names[0])
    none = held.named(["", ""], np.stack([square(1)] * 2), [BOX] * 2)
    assert (none.memories, none.goldens, none.templates) == ({}, {}, [None] * 2)
    assert none.compare(torch.empty(0)) == [None] * 2
    assert not none.compares
    assert held.named([names[0], ""], np.stack([square(1)] * 2), [BOX] * 2).compares
    path_of_third = folder / f"{third}.safetensors"
    path_of_third.unlink()


def with_template(first: int = 0, *, memory: bool = False) -> Tensors:
    golden = square(first + 50)
    return good_parts(first) | {
        "MEMORY": np.array([memory]), "TEMPLATE": golden[None], "TEMPLATE_LETTERBOX": BOX.as_array()[None]
    }  # fmt: skip


def built(checkpoint: Path, folder: Path, tensors: Tensors) -> str:
    return bytes(ReferenceService(checkpoint, folder).build(tensors)["REFERENCE"][0]).decode()


def test_a_template_finds_what_is_not_on_it_and_a_memory_beside_it_is_the_same_memory(
    checkpoint: Path, folder: Path, service: RegionExpertService, names: tuple[str, str]
) -> None:
    template, both = (built(checkpoint, folder, with_template(memory=memory)) for memory in (False, True))
    assert both == f"{names[0]}+{template}"
    frames = [
        (square(seed, spot=spot), BOX, name) for name in (template, both) for seed, spot in ((100, False), (101, True))
    ]
    scores = service.infer(asked(*frames))["IMAGE_SCORE"][:, 0]
    assert scores[1] > scores[0] + 0.1
    assert scores[3] > scores[2] + 0.1
    alone = [float(service.infer(asked(frame))["IMAGE_SCORE"][0, 0]) for frame in frames]
    np.testing.assert_allclose(scores, alone, atol=1e-4)
    assert alone[0] != alone[2]  # the good frame is judged by one, and by both


def test_an_export_compares_as_torch_does_by_the_patches_that_it_gives(
    checkpoint: Path, folder: Path, service: RegionExpertService, tmp_path: Path
) -> None:
    """Alone, in a batch, and in tiles of a larger square."""
    exported = tmp_path / "onnx"
    export(checkpoint, ONNXRUNTIME, exported)
    quick = RegionExpertService(checkpoint, runtime=ONNXRUNTIME, exported=exported, references=folder)
    both = built(checkpoint, folder, with_template(memory=True))
    large = Letterbox.fit(100, 200, 512)
    tiled = built(checkpoint, folder, good_parts(0, large))
    for frames in (
        [(square(100, spot=True), BOX, name) for name in (both, "", both.split("+")[0])],
        [(square(101, spot=True, letterbox=large), large, tiled)],
    ):
        found, expected = (one.infer(asked(*frames)) for one in (quick, service))
        np.testing.assert_allclose(found["IMAGE_SCORE"], expected["IMAGE_SCORE"], atol=2e-3)
        np.testing.assert_array_equal(found["COUNT"], expected["COUNT"])


def test_a_template_of_frames_of_another_size_and_two_of_one_kind_are_refused(
    checkpoint: Path, folder: Path, service: RegionExpertService, names: tuple[str, str]
) -> None:
    template = built(checkpoint, folder, with_template())
    with pytest.raises(CalibrateAgain, match=r"a template of 100x200 in 256 pixels, and this frame is 256x256"):
        service.infer(asked((square(1, letterbox=WHOLE), WHOLE, template)))
    for name in ("+".join(names), f"{template}+{template}"):
        with pytest.raises(ValueError, match="two of one kind"):
            service.infer(asked((square(1), BOX, name)))


def test_nothing_and_pictures_of_another_size_than_the_template_are_not_built(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither a memory nor a template"):
        built(checkpoint, tmp_path, good_parts(0) | {"MEMORY": np.array([False])})
    with pytest.raises(ValueError, match="a template of another size"):
        built(checkpoint, tmp_path, with_template() | good_parts(0, WHOLE))
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def comparing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An expert with a branch for templates."""
    folder = write_expert(tmp_path_factory.mktemp("comparing"))
    torch.manual_seed(0)
    model = expert.load(folder)
    config = replace(model.config, template=True)
    expert.save(expert.RegionExpert(config), folder, config)
    return folder


def test_an_expert_with_a_branch_for_templates_is_given_the_aligned_template(comparing: Path, tmp_path: Path) -> None:
    name = built(comparing, tmp_path, with_template())
    service = RegionExpertService(comparing, references=tmp_path)
    frames = [(square(100 + row), BOX, given) for row, given in enumerate((name, "", name))]
    together = service.infer(asked(*frames))
    for row, frame in enumerate(frames):
        alone = service.infer(asked(frame))
        assert together["IMAGE_SCORE"][row] == pytest.approx(alone["IMAGE_SCORE"][0], abs=1e-4)
    held = References(tmp_path, expert.load(comparing), model_version(comparing))
    assert not held.named([name], frames[0][0][None], [BOX]).compares  # the expert does, so no patches are asked for
    template = align(square(50), frames[0][0])
    seen = inspect(service.model, frames[0][0][None], [BOX], [0.3], [0.0], template[None])[0]
    assert together["IMAGE_SCORE"][0, 0] == pytest.approx(seen.score, abs=1e-5)
    blind = inspect(service.model, frames[0][0][None], [BOX], [0.3], [0.0])[0]
    assert blind.score != pytest.approx(seen.score, abs=1e-5)


def test_what_runs_a_network_without_templates_asks_for_another_calibration(comparing: Path, tmp_path: Path) -> None:
    name = built(comparing, tmp_path, with_template())
    model = expert.load(comparing)
    references = References(tmp_path, model, model_version(comparing), takes_templates=False)
    with pytest.raises(CalibrateAgain, match="takes no template"):
        references.named([name], square(1)[None], [BOX])


def described(*frames: tuple[NDArray[np.uint8], Letterbox, str], wanted: tuple[int, ...]) -> Tensors:
    """With a proposal threshold that gives every frame a region."""
    proposal = np.tile(np.array([[1e-6, 0]], np.float32), (len(frames), 1))
    return asked(*frames) | {"PROPOSAL": proposal, "DESCRIBE_REFERENCE": np.array(wanted, np.int32)[:, None]}


@pytest.mark.parametrize("branch", [False, True])
def test_the_template_s_rows_come_where_there_is_one_and_they_are_asked_for(
    branch: bool, checkpoint: Path, comparing: Path, tmp_path: Path
) -> None:
    folder = comparing if branch else checkpoint
    name = built(folder, tmp_path, with_template())
    service = RegionExpertService(folder, references=tmp_path)
    frame = square(100, spot=True)
    frames = [(frame, BOX, name), (frame, BOX, name), (frame, BOX, "")]
    answer = service.infer(described(*frames, wanted=(1, 0, 1)))
    rows, count = answer["REFERENCE_APPEARANCE"], int(answer["COUNT"][0, 0])
    assert rows.dtype == np.float16
    assert rows.shape == answer["APPEARANCE"].shape
    assert count
    assert rows[0, :count].any(axis=(1, 2)).all()
    assert not rows[0, count:].any()
    assert not rows[1:].any()
    assert not np.allclose(rows[0, :count], answer["APPEARANCE"][0, :count], atol=1e-2)
    alone = service.infer(described(frames[0], wanted=(1,)))["REFERENCE_APPEARANCE"]
    np.testing.assert_allclose(alone[0].astype(np.float32), rows[0].astype(np.float32), atol=2e-3)
    assert not service.infer(asked(frames[0]))["REFERENCE_APPEARANCE"].any()


@pytest.mark.parametrize("branch", [False, True])
def test_where_a_frame_is_its_template_their_rows_are_equal(
    branch: bool, checkpoint: Path, comparing: Path, tmp_path: Path
) -> None:
    folder = comparing if branch else checkpoint
    name = built(folder, tmp_path, with_template())
    service = RegionExpertService(folder, references=tmp_path)
    answer = service.infer(described((square(50), BOX, name), wanted=(1,)))
    assert answer["COUNT"][0, 0]
    both = (answer[name].astype(np.float32) for name in ("APPEARANCE", "REFERENCE_APPEARANCE"))
    np.testing.assert_allclose(*both, atol=2e-3)


@pytest.mark.parametrize("branch", [False, True])
def test_without_a_template_the_good_part_most_like_the_frame_stands_in(
    branch: bool, checkpoint: Path, comparing: Path, tmp_path: Path
) -> None:
    folder = comparing if branch else checkpoint
    name = built(folder, tmp_path, good_parts(0))
    service = RegionExpertService(folder, references=tmp_path)
    whole = square(1, letterbox=WHOLE)
    frames = [(square(3), BOX, name), (square(100, spot=True), BOX, name), (whole, WHOLE, name)]
    answer = service.infer(described(*frames, wanted=(1, 1, 1)))
    assert (answer["COUNT"] > 0).all()
    itself, other, of_another_size = answer["REFERENCE_APPEARANCE"].astype(np.float32)
    np.testing.assert_allclose(itself, answer["APPEARANCE"][0].astype(np.float32), atol=2e-3)
    assert other.any()
    assert not np.allclose(other, answer["APPEARANCE"][1].astype(np.float32), atol=1e-2)
    assert not of_another_size.any()


def test_another_shape_of_what_is_wanted_is_refused(service: RegionExpertService) -> None:
    with pytest.raises(ValueError, match=r"DESCRIBE_REFERENCE is \[B, 1\]"):
        service.infer(asked((square(1), BOX, "")) | {"DESCRIBE_REFERENCE": np.ones(1, np.int32)})
