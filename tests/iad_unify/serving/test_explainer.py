"""The explainer as a service: the catalog's tensors in, streamed text and hidden states out."""

import json
import shutil

import numpy as np
import pytest
import torch

from iad_unify.catalog import APPEARANCE_ROWS, EXPLAINER
from iad_unify.checkpoint import CheckpointError, UntrainedHead, model_version
from iad_unify.explainer.crop import AREAS_PX, FIELD
from iad_unify.explainer.storage import load, save, write_random_checkpoint
from iad_unify.serving import questions
from iad_unify.serving.explainer import MAX_BATCH, ExplainerService
from iad_unify.serving.questions import parse


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_random_checkpoint(tmp_path_factory.mktemp("explainer"))


@pytest.fixture(scope="module")
def service(checkpoint):
    return ExplainerService(checkpoint)


def request(regions=1, text="Where is it?", temperature=0.0, seed=0, tokens=6):
    random = np.random.default_rng(regions)
    return {
        "QUESTION": np.array([text.encode()], dtype=object),
        "APPEARANCE": random.normal(size=(regions, APPEARANCE_ROWS, 64)).astype(np.float16),
        "GEOMETRY": random.uniform(0.1, 0.5, size=(regions, 5)).astype(np.float32),
        "TEMPERATURE": np.array([temperature], np.float32),
        "SEED": np.array([seed], np.int64),
        "MAX_TOKENS": np.array([tokens], np.int32),
        "PRIORITY": np.array([2], np.int32),
    }


def run(service, requests, cancelled=lambda index: False):
    messages = [[] for _ in requests]
    service.generate(requests, lambda index, text, final: messages[index].append((text, final)), cancelled)
    return messages


def test_it_reads_exactly_the_tensors_of_the_catalog(service):
    optional = {"CHOICES", "REFERENCE_APPEARANCE", "DEADLINE", "CONFIRMED", "CROP"}
    assert {*request(), *optional} == {tensor.name for tensor in EXPLAINER.inputs}
    (messages,) = run(service, [request()])
    assert messages[-1][1]


def test_more_requests_than_a_batch_are_all_answered_once(service):
    messages = run(service, [request(index % 3, tokens=2) for index in range(MAX_BATCH + 3)])
    assert [sum(final for _, final in row) for row in messages] == [1] * (MAX_BATCH + 3)


def test_requests_that_join_are_answered_as_alone(service):
    first, later = (
        [request(1, tokens=20), request(2, tokens=4)],
        [request(3, tokens=9), request(0), request(4, tokens=2)],
    )
    calls = iter([[], [later[0]], [], [later[1], later[2]]])
    messages = [[] for _ in range(5)]
    service.generate(
        first,
        lambda index, text, final: messages[index].append((text, final)),
        join=lambda: next(calls, []),
    )
    assert messages == [run(service, [one])[0] for one in (*first, *later)]


def test_a_request_that_is_cancelled_when_it_joins_gets_only_its_end(service):
    calls, messages = iter([[request(2)]]), [[], []]
    service.generate(
        [request(tokens=20)],
        lambda index, text, final: messages[index].append((text, final)),
        lambda index: index == 1,
        lambda: next(calls, []),
    )
    assert messages[1] == [("", True)]
    assert messages[0][-1][1]


def test_a_sampled_answer_repeats_with_its_seed(service):
    def sampled(seed):
        return run(service, [request(temperature=1.0, seed=seed)])[0]

    assert sampled(5) == sampled(5) != sampled(6)


def test_an_answer_with_choices_is_one_of_them(service):
    choices = np.array([b"A scratch.", "가".encode()], dtype=object)
    held, free = run(service, [request(tokens=1) | {"CHOICES": choices}, request()])
    assert "".join(text for text, _ in held) in ("A scratch.", "가")
    assert free == run(service, [request()])[0]


def test_references_are_ignored_by_a_model_that_was_not_made_for_them(service):
    compared = request(2) | {"REFERENCE_APPEARANCE": np.ones((2, APPEARANCE_ROWS, 64), np.float16)}
    assert run(service, [compared]) == run(service, [request(2)])


def test_references_are_read_by_a_model_that_was_made_for_them(checkpoint, tmp_path):
    torch.manual_seed(0)
    model, tokenizer = load(checkpoint)
    model.take_references()
    save(tmp_path, model, tokenizer, torch.float32)
    shutil.copy(checkpoint / "card.json", tmp_path)
    shutil.copy(checkpoint / "MODEL_CARD.md", tmp_path)
    service = ExplainerService(tmp_path)
    rows = np.ones((2, APPEARANCE_ROWS, 64), np.float16)
    question, _ = parse(request(2) | {"REFERENCE_APPEARANCE": rows}, (APPEARANCE_ROWS, 64))
    assert np.array_equal(question.reference, rows)
    nothing = request(2) | {"REFERENCE_APPEARANCE": rows[:0]}
    assert parse(nothing, (APPEARANCE_ROWS, 64))[0].reference is None
    compared = request(2) | {"REFERENCE_APPEARANCE": rows}
    together = run(service, [compared, request(2), nothing])
    assert together[1] == together[2] == run(service, [request(2)])[0]
    assert together[0] == run(service, [compared])[0]


def test_confirmed_neighbours_change_no_answer_of_a_model_that_was_trained_without(service):
    confirmed = np.array([b"scratch", b""], dtype=object)
    assert run(service, [request(2) | {"CONFIRMED": confirmed}]) == run(service, [request(2)])


def test_a_request_cancelled_before_the_start_gets_only_its_end(service):
    messages = run(service, [request(), request()], lambda index: index == 0)
    assert messages[0] == [("", True)]
    assert len(messages[1]) > 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"APPEARANCE": np.zeros((1, APPEARANCE_ROWS, 32), np.float16)}, r"APPEARANCE has shape \[1, 3, 32\]"),
        (
            {"REFERENCE_APPEARANCE": np.zeros((2, APPEARANCE_ROWS, 64), np.float16)},
            r"REFERENCE_APPEARANCE has shape \[2, ",
        ),
        ({"GEOMETRY": np.zeros((2, 5), np.float32)}, r"GEOMETRY has shape \[2, 5\] for 1 regions"),
        ({"GEOMETRY": np.full((1, 5), np.nan, np.float32)}, "must be finite"),
        ({"TEMPERATURE": np.array([-1.0], np.float32)}, "TEMPERATURE is -1.0"),
        ({"QUESTION": np.array([], dtype=object)}, "QUESTION has 0 values"),
        ({"CHOICES": np.array([b"a"] * 65, dtype=object)}, "CHOICES takes up to 64 texts"),
        ({"CONFIRMED": np.array([b"a", b"b"], dtype=object)}, "CONFIRMED takes one text .* each of 1 regions"),
        ({"CONFIRMED": np.array([b"a" * 257], dtype=object)}, "of up to 256 bytes"),
        ({"DEADLINE": np.array([0], np.int32)}, r"DEADLINE is \[0\]"),
        ({"CHOICES": np.array([b""], dtype=object)}, "of 1 to 1024 bytes"),
        ({"CROP": np.zeros((8, 8), np.uint8)}, r"CROP has shape \[8, 8\] of uint8"),
        ({"CROP": np.zeros((8, 8, 3), np.float32)}, "of float32"),
        ({"CROP": np.zeros((0, 8, 3), np.uint8)}, "sides of 1 to 2048"),
        ({"CROP": np.zeros((8, 2049, 3), np.uint8)}, "sides of 1 to 2048"),
    ],
)
def test_a_bad_tensor_is_named_and_nothing_is_emitted(service, change, message):
    emitted = []
    with pytest.raises(ValueError, match=message):
        service.generate([request(), request() | change], lambda *m: emitted.append(m))
    assert emitted == []
    with pytest.raises(ValueError, match=message):
        service.check(request() | change)


@pytest.fixture(scope="module")
def seeing(checkpoint, tmp_path_factory):
    """The same weights, said to be trained with crops."""
    folder = tmp_path_factory.mktemp("seeing") / "explainer"
    shutil.copytree(checkpoint, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {FIELD: list(AREAS_PX["tiny"])}))
    return ExplainerService(folder)


def logits_of(service, requests):
    """Of the first new token."""
    asked = [parse(one, (APPEARANCE_ROWS, 64))[0] for one in requests]
    with torch.no_grad():
        return service._model(**service._writer.batch(asked).arguments()).logits[:, -1]


def test_a_crop_is_shown_to_a_model_that_was_trained_with_crops(seeing):
    dark, light = (request() | {"CROP": np.full((90, 120, 3), tone, np.uint8)} for tone in (0, 250))
    plain, *shown = logits_of(seeing, [request(), dark, light])
    assert not any(torch.allclose(one, plain, atol=1e-4) for one in shown)
    assert not torch.allclose(*shown, atol=1e-4)
    messages = run(seeing, [request(), dark, request(3), light])
    assert [row[-1][1] for row in messages] == [True] * 4
    assert messages[1] == run(seeing, [dark])[0]


def test_a_crop_is_ignored_with_a_word_by_a_model_that_was_not(service, caplog):
    shown = request() | {"CROP": np.zeros((90, 120, 3), np.uint8)}
    assert torch.equal(logits_of(service, [shown]), logits_of(service, [request()]))
    questions._warn.cache_clear()
    for _ in range(2):
        assert run(service, [shown]) == run(service, [request()])
    assert caplog.messages == ["CROP is ignored: the explainer was not trained with crops"]


def test_hidden_states_do_not_depend_on_padding(service):
    short, long = request(1), request(4, "How large is the largest one?")
    together, mask = service.hidden_states(
        ["Where is it?", "How large is the largest one?"],
        [short["APPEARANCE"], long["APPEARANCE"]],
        [short["GEOMETRY"], long["GEOMETRY"]],
    )
    alone, _ = service.hidden_states(["Where is it?"], [short["APPEARANCE"]], [short["GEOMETRY"]])
    assert together.dtype == torch.float32
    assert together.shape == (2, mask.shape[1], service.hidden_size)
    torch.testing.assert_close(together[:1][mask[:1]], alone[0], atol=2e-4, rtol=2e-4)


def test_hidden_states_can_enter_a_graph_that_trains(service):
    empty = np.zeros((0, APPEARANCE_ROWS, 64), np.float16), np.zeros((0, 5), np.float32)
    hidden, _ = service.hidden_states(["a scratch"], [empty[0]], [empty[1]])
    weight = torch.ones(service.hidden_size, requires_grad=True)
    (hidden * weight).sum().backward()
    assert weight.grad is not None


def test_an_untrained_projection_refuses_to_serve(tmp_path):
    with pytest.raises(UntrainedHead, match=r"region_projection was never trained.*iad-unify train explainer"):
        ExplainerService(write_random_checkpoint(tmp_path, trained=False))


def test_a_folder_without_a_card_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"card.json cannot be read"):
        ExplainerService(tmp_path)


def test_the_version_is_the_folders(service, checkpoint):
    assert service.model_version == model_version(checkpoint) == service.card.model_version
