"""Expert and neighbours vote: more neighbours weigh more, nearer ones most, and what is not clear is not named."""

import numpy as np
import pytest

from inspectd.confirmed.embedding import embed
from inspectd.confirmed.store import Found
from inspectd.confirmed.vote import Vote, shares, together, trust, vote

EXPERT = {"scratch": 0.6, "crack": 0.4}


def near(defect_type: str, similarity: float = 0.99, event: str = "e", expert_type: str = "stain") -> Found:
    return Found(event, 1, defect_type, similarity, expert_type)


def test_without_neighbours_the_expert_speaks_alone() -> None:
    assert vote(EXPERT, ()) == Vote("scratch", 0.6)
    assert vote(EXPERT, ()).cited is None


def test_the_expert_is_trusted_as_far_as_it_was_right_about_the_neighbours() -> None:
    right, wrong = near("crack", expert_type="crack"), near("crack")
    assert [trust(some) for some in ([], [right], [wrong])] == [0.5, 0.75, 0.25]
    assert trust([wrong] * 4) == pytest.approx(0.1)
    assert trust([right] * 4) == pytest.approx(0.9)
    assert together(EXPERT, [wrong]) == pytest.approx({"scratch": 0.15, "crack": 0.85})
    assert together(EXPERT, [right]) == pytest.approx({"scratch": 0.45, "crack": 0.55})


def test_a_type_that_the_expert_does_not_know_can_win() -> None:
    decided = vote(EXPERT, [near("pin_hole", event="a"), near("pin_hole", 0.98, "b")])
    assert decided.defect_type == "pin_hole"
    assert decided.confidence == pytest.approx(5 / 6)
    assert decided.cited is not None
    assert decided.cited.event_id == "a"
    assert sum(together(EXPERT, decided.neighbours).values()) == pytest.approx(1)


def test_the_nearest_weigh_most() -> None:
    weighed = shares([near("crack", 0.99), near("hole", 0.93), near("hole", 0.93)])
    assert weighed["crack"] > 0.85
    assert sum(weighed.values()) == pytest.approx(1)


def test_for_what_is_not_clear_nobody_is_cited_and_what_is_not_sure_enough_is_unknown() -> None:
    unclear = vote({"a": 0.3, "b": 0.3, "c": 0.4}, [near("d"), near("e"), near("f")])
    assert (unclear.clear, unclear.cited) == (False, None)
    assert vote({"a": 0.3, "b": 0.3, "c": 0.4}, ()).defect_type == "c"
    assert vote(EXPERT, (), least_confidence=0.61) == Vote("unknown", 0.6)
    assert vote(EXPERT, (), least_confidence=0.6).defect_type == "scratch"


def test_an_embedding_has_length_one_and_counts_its_rows_alike() -> None:
    appearance = np.zeros((3, 2, 4), np.float16)
    appearance[0, 0, 0], appearance[0, 1, 1] = 100, 0.5  # rows of very different length
    appearance[1, 0, 0], appearance[1, 1, 2] = 1, 1  # one row alike, one not
    vectors = embed(appearance)
    assert np.linalg.norm(vectors, axis=1).tolist() == pytest.approx([1, 1, 0])
    assert vectors[0] @ vectors[1] == pytest.approx(0.5)
    seen_closely = np.concatenate([appearance, np.ones((3, 1, 4), np.float16)], axis=1)
    assert (embed(seen_closely) == vectors).all()
    assert embed(np.zeros((0, 2, 4), np.float16)).shape == (0, 8)
