"""Words are held against the regions: what is contradicted is asked once more and then replaced."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.line import BAD, Line, open_line

from iad_unify.language.speech import VOICES
from inspectd.explanations.narrator import Answer
from inspectd.records import DefectEvent, Explanation, ExplanationState, Origin
from inspectd.thresholds.store import Calibration
from inspectd.vision.explainer import Piece, Question

TRUE = "A large scratch at the top left."
FALSE = "A large hole at the bottom right."


def say(line: Line, monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[Question]:
    """The explainer says these, one after the other; returns the questions that it was asked."""
    asked: list[Question] = []

    async def answer(question: Question) -> AsyncIterator[Piece]:
        asked.append(question)
        text = answers[min(len(asked), len(answers)) - 1]
        for start in range(0, len(text), 7):
            yield Piece(text[start : start + 7], "explainer-1")

    monkeypatch.setattr(line.explainer, "answer", answer)
    return asked


async def test_a_true_sentence_is_the_models_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_line(tmp_path) as line:
        event, asked = await line.defect(1), say(line, monkeypatch, TRUE)
        explanation = await line.narrator.describe(event)
        assert explanation == Explanation(
            ExplanationState.READY, TRUE, Origin.MODEL_VERIFIED, 1, "explainer-1", "", (), "scratch", 0.9
        )
        assert asked[0].temperature == 0


async def test_a_contradicted_sentence_is_asked_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_line(tmp_path) as line:
        event, asked = await line.defect(1), say(line, monkeypatch, FALSE, TRUE)
        explanation = await line.narrator.describe(event)
        assert (explanation.text, explanation.origin, explanation.attempts) == (TRUE, Origin.MODEL_VERIFIED, 2)
        assert asked[1].temperature == 0
        assert TRUE in asked[1].choices
        assert FALSE not in asked[1].choices


async def test_a_contradicted_answer_to_a_question_is_asked_once_more_and_freely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        event, asked = await line.defect(1), say(line, monkeypatch, "It is a hole.", "It is a scratch.")
        answers = [
            found async for found in line.narrator.ask(event.event_id, "What is it?") if isinstance(found, Answer)
        ]
        assert answers[-1].explanation.text == "It is a scratch."
        assert asked[1].choices == ()
        assert asked[1].temperature > 0


async def test_both_drafts_have_the_time_that_was_given_for_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        event, asked = await line.defect(1), say(line, monkeypatch, FALSE, TRUE)
        begin = time.monotonic()
        await line.narrator.describe(event, 30.0)
        first, second = asked
        assert first.deadline is not None
        assert begin + 30 <= first.deadline <= time.monotonic() + 30
        assert second.deadline == first.deadline
        await line.narrator.describe(event)
        assert asked[-1].deadline is None


@pytest.mark.parametrize(
    "lie",
    [
        *(FALSE, "", "No defect was found.", "Two scratches at the top left.", "A small scratch."),
        *("A large gouge at the top left.", "A large scratch at the top left, plus rust."),  # nobody can check these
    ],
)
async def test_what_stays_contradicted_is_replaced_by_the_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    async with open_line(tmp_path) as line:
        event = await line.defect(1)
        say(line, monkeypatch, lie)
        explanation = await line.narrator.describe(event)
        assert (explanation.state, explanation.origin) == (ExplanationState.UNGROUNDED, Origin.TEMPLATE)
        assert explanation.contradictions
        assert explanation.text != lie
        assert "scratch" in explanation.text


@pytest.mark.parametrize(
    ("language", "true", "place"),
    [
        ("ko", "왼쪽 위에 큰 긁힘이 하나 있습니다.", "왼쪽 위"),
        ("zh", "左上角有一道较大的划痕。", "左上角"),
        ("de", "Ein großer Kratzer oben links.", "oben links"),
    ],
)
async def test_an_alert_is_in_the_language_that_is_set_and_in_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, true: str, place: str
) -> None:
    async with open_line(tmp_path, language) as line:
        event, asked = await line.defect(1), say(line, monkeypatch, true)
        explanation = await line.narrator.describe(event)
        assert (explanation.text, explanation.origin) == (true, Origin.MODEL_VERIFIED)
        assert asked[0].text == VOICES[language].question
        say(line, monkeypatch, TRUE)  # true, and not in the language
        explanation = await line.narrator.describe(event)
        assert explanation.origin is Origin.TEMPLATE
        assert place in explanation.text
        say(line, monkeypatch, f"{true} There is a crack.")
        assert (await line.narrator.describe(event)).origin is Origin.TEMPLATE


async def test_words_that_claim_nothing_are_no_alert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_line(tmp_path) as line:
        event = await line.defect(1)
        say(line, monkeypatch, "The weather is fine.")
        assert (await line.narrator.describe(event)).origin is Origin.TEMPLATE


async def test_a_question_in_another_language_is_answered_by_a_template_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        event = await line.defect(1)
        say(line, monkeypatch, "Ein kleines Loch.")
        _, answer = await ask(line, event, "Was ist zu sehen?")
        assert answer.explanation.text == "Ein großer Kratzer oben links."
        say(line, monkeypatch, "왼쪽 위에 긁힘이 있습니다.")
        _, answer = await ask(line, event, "무엇이 보입니까?")
        assert answer.explanation.origin is Origin.MODEL_VERIFIED


async def test_a_question_is_answered_from_cached_tokens_without_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        event, looks = await line.defect(1), line.expert.looks
        say(line, monkeypatch, "At the top left.")
        pieces, answer = await ask(line, event, "Where is it?")
        assert "".join(pieces) == "At the top left."
        assert answer.tokens_cached
        assert answer.explanation.origin is Origin.MODEL_VERIFIED
        assert line.expert.looks == looks


async def test_no_sentence_leaves_before_it_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_line(tmp_path) as line:
        event = await line.defect(1)
        say(line, monkeypatch, "At the top left. At the bottom right.")
        pieces, answer = await ask(line, event, "Where is it?")
        assert pieces == ["At the top left."]  # what follows is contradicted, and so is the second draft
        assert answer.explanation.origin is Origin.TEMPLATE
        say(line, monkeypatch, "At the bottom right.")
        pieces, answer = await ask(line, event, "Where is it?")
        assert pieces == []
        say(line, monkeypatch, "At the top left. It is a scratch")
        pieces, answer = await ask(line, event, "Where is it?")
        assert pieces == ["At the top left.", " It is a scratch"]


async def test_expired_tokens_are_computed_again_from_the_kept_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        event, looks = await line.defect(1, BAD), line.expert.looks
        line.narrator._sight._tokens._entries.clear()
        say(line, monkeypatch, "A scratch.")
        _, answer = await ask(line, event, "What is it?")
        assert not answer.tokens_cached
        assert line.expert.looks == looks + 1


async def ask(line: Line, event: DefectEvent, question: str) -> tuple[list[str], Answer]:
    said = [piece async for piece in line.narrator.ask(event.event_id, question)]
    assert isinstance(said[-1], Answer)
    return [piece for piece in said if isinstance(piece, str)], said[-1]


@pytest.mark.parametrize("wanted", [True, False])
async def test_what_the_template_looks_like_is_told_where_it_is_wanted_and_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    async with open_line(tmp_path, describe_reference=wanted) as line:
        line.expert.memories.add("0123456789ab")
        alone = await line.defect(1, camera="cam-2")
        calibration = Calibration("cam-1", line.expert.model, 0.5, 0.01, 100, datetime.now(UTC), "0123456789ab")
        await line.thresholds.put(calibration)
        event, asked = await line.defect(2), say(line, monkeypatch, TRUE)
        for one in (alone, event):
            await line.narrator.describe(one)
        without, compared = (question.tokens for question in asked)
        assert without.reference is None
        assert (compared.reference is not None) == wanted
        assert line.expert.described == 2 * wanted  # and the words about the event cost no further look
