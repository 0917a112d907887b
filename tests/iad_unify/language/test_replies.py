"""What a bare yes or no says, what a question takes for granted, and what is counted without being named."""

import pytest

from iad_unify.language.facts import Facts, RegionFact
from iad_unify.language.verify import check

SCRATCH = RegionFact((("scratch", 1.0),), (1.0,) + (0.0,) * 8, 0.0005)
HOLE = RegionFact((("hole", 1.0),), (0.0,) * 8 + (1.0,), 0.0005)
FACTS = {"nothing": Facts(()), "scratch": Facts((SCRATCH,)), "both": Facts((SCRATCH, HOLE))}

#: What is there, a question, and which of yes and no is true of it.
QUESTIONS = [
    ("scratch", "Is the part defect free?", False),
    ("nothing", "Is the part defect free?", True),
    ("scratch", "Is the part OK?", False),
    ("scratch", "Is everything fine?", False),
    ("scratch", "Ist das Teil in Ordnung?", False),
    ("scratch", "이 부품은 정상입니까?", False),
    ("scratch", "这个零件合格吗？", False),
    ("scratch", "Is there a defect?", True),
    ("both", "Is there a defect?", True),
    ("nothing", "Is there a defect?", False),
    ("scratch", "Are there several defects?", False),
    ("both", "Are there several defects?", True),
    ("scratch", "Is there more than one defect?", False),
    ("scratch", "Are there at least two defects?", False),
    ("scratch", "Is there a second defect?", False),
    ("both", "Is there another defect?", True),
    ("both", "Is there anything else?", True),
    ("scratch", "Gibt es mehr als einen Fehler?", False),
    ("scratch", "Gibt es mehrere Fehler?", False),
    ("scratch", "Gibt es noch einen Fehler?", False),
    ("scratch", "결함이 여러 개 있습니까?", False),
    ("both", "다른 결함이 있습니까?", True),
    ("scratch", "有多个缺陷吗？", False),
    ("both", "还有其他缺陷吗？", True),
    ("scratch", "Are there two defects?", False),
    ("both", "Are there two defects?", True),
    ("scratch", "Are there scratches?", True),
    ("scratch", "Are there several scratches?", False),
]
REPLIES = {"en": ("Yes.", "No."), "de": ("Ja.", "Nein."), "ko": ("네.", "아니요."), "zh": ("是。", "不是。")}


def replies(question: str) -> tuple[str, str]:
    """Yes and no in the question's language."""
    if any("\uac00" <= letter <= "\ud7a3" for letter in question):
        return REPLIES["ko"]
    if any("\u4e00" <= letter <= "\u9fff" for letter in question):
        return REPLIES["zh"]
    return REPLIES["de" if question.startswith(("Ist ", "Gibt ")) else "en"]


@pytest.mark.parametrize(("there", "question", "so"), QUESTIONS)
def test_the_true_reply_stands_and_the_false_one_is_contradicted(there: str, question: str, so: bool) -> None:
    yes, no = replies(question)
    true, false = (yes, no) if so else (no, yes)
    assert check(true, FACTS[there], question=question) == ()
    assert check(false, FACTS[there], question=question)


@pytest.mark.parametrize(
    ("question", "there", "absent", "answer"),
    [
        ("Where is the {}?", "scratch", "dent", "It is in the top left."),
        ("Wo ist {}?", "der Kratzer", "die Delle", "Oben links."),
        ("{}은 어디에 있습니까?", "긁힘", "찍힘", "왼쪽 위에 있습니다."),
        ("{}在哪里？", "划痕", "凹陷", "在左上角。"),
    ],
)
def test_what_a_question_takes_for_granted_must_be_there(question: str, there: str, absent: str, answer: str) -> None:
    assert check(answer, FACTS["scratch"], question=question.format(there)) == ()
    assert {found.kind for found in check(answer, FACTS["scratch"], question=question.format(absent))} == {"type"}


ANOTHER = [
    "A small scratch in the top left and another.",
    "A small scratch in the top left and one more.",
    "A small scratch in the top left and other defects.",
    "Ein kleiner Kratzer oben links und ein weiterer.",
    "Ein kleiner Kratzer oben links und ein weiterer Defekt.",
    "왼쪽 위에 작은 긁힘이 있습니다. 다른 결함도 있습니다.",
    "左上角有一处小划痕，另外还有其他缺陷。",
]


@pytest.mark.parametrize("text", ANOTHER)
def test_another_without_a_name_is_one_more(text: str) -> None:
    assert "count" in {found.kind for found in check(text, FACTS["scratch"])}
    assert check(text, FACTS["both"]) == ()


@pytest.mark.parametrize(
    "text", ["A scratch in the top left. Nothing else.", "A scratch and no other defect.", "Nothing else is visible."]
)
def test_no_other_is_none_more(text: str) -> None:
    assert check(text, FACTS["scratch"]) == ()


@pytest.mark.parametrize(
    "text", ["A scratch or a dent.", "Ein Kratzer oder eine Delle.", "긁힘 또는 찍힘이 있습니다.", "有划痕或凹陷。"]
)
def test_each_alternative_must_be_likely(text: str) -> None:
    assert {found.kind for found in check(text, FACTS["scratch"])} == {"type"}
    unsure = RegionFact((("scratch", 0.6), ("dent", 0.4)), SCRATCH.shares, SCRATCH.area_share)
    assert check(text, Facts((unsure,))) == ()


@pytest.mark.parametrize("text", ["It is not flawless.", "Nicht in Ordnung.", "不合格。"])
def test_what_is_not_flawless_has_a_defect(text: str) -> None:
    assert check(text, FACTS["scratch"]) == ()
    assert {found.kind for found in check(text, FACTS["nothing"])} == {"existence"}
