"""What may be said to people: it can be read, claims something that holds or refuses, and is in their language."""

import pytest

from iad_unify.language.facts import Facts, RegionFact
from inspectd.explanations.grounding import find_contradictions, told_language

FACTS = Facts((RegionFact((("scratch", 1.0),), (1.0,) + (0.0,) * 8, 0.0005),))


def found(question: str, answer: str) -> tuple[str, ...]:
    return find_contradictions(answer, FACTS, question, told_language(question))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is it?", "A small scratch in the top left."),
        ("Is it a scratch?", "Yes."),
        ("Is there a dent?", "No, there is no dent."),
        ("What shape does it have?", "That cannot be told from the regions."),
        ("What caused the wear?", "I cannot tell what caused the wear."),
        ("Wo liegt der Kratzer?", "Oben links."),
        ("이 결함은 무엇입니까?", "왼쪽 위에 작은 긁힘이 있습니다."),
        ("?", "Oben links liegt ein Kratzer."),  # the question tells no language
    ],
)
def test_what_holds_or_is_refused_stands(question: str, answer: str) -> None:
    assert found(question, answer) == ()


@pytest.mark.parametrize(
    ("question", "answer", "why"),
    [
        ("What is it?", "asdf qwer.", "claims nothing"),
        ("What is it?", "Rust.", "claims nothing"),
        ("What is it?", "A scratch and rust in the top left.", "says rust"),
        ("What is it?", "A gouge in the northeast, 5 mm long.", "nothing"),
        ("Is the part OK?", "Everything is OK.", "existence"),
        ("Where is the dent?", "It is in the top left.", "type: says dent"),
        ("Wo liegt der Kratzer?", "It is in the top left.", "language: says en"),
        ("긁힘의 깊이는 얼마입니까?", "左上角有一处小划痕。", "language: says zh"),
        ("Is it a scratch?", "", "says nothing"),
    ],
)
def test_what_nobody_could_check_does_not(question: str, answer: str, why: str) -> None:
    assert any(why in one for one in found(question, answer)), found(question, answer)


def test_an_alert_may_not_refuse() -> None:
    refusal = "That cannot be told from the regions."
    assert find_contradictions(refusal, FACTS, "What is wrong?", "en", alert=True)
    assert not find_contradictions(refusal, FACTS, "What is wrong?", "en")
