"""What was confirmed speaks in later words: it is cited, votes on the type, and widens what may be said."""

from pathlib import Path

import pytest
from tests.inspectd.confirmed.test_keeper import decide
from tests.inspectd.explanations.test_narrator import TRUE, ask, say
from tests.line import BAD, Line, open_line, picture

from iad_unify.language.citations import citations
from inspectd.records import DefectEvent, ExplanationState, Origin, ReviewState

DARK = picture((40, 30, 60, 12, 5))  # the same place and shape, another look


async def confirm(line: Line, defect_type: str, *numbers: int, data: bytes = BAD) -> list[DefectEvent]:
    events = [await line.defect(number, data) for number in numbers]
    return [await decide(line, event, ReviewState.CONFIRMED, defect_type) for event in events]


async def test_a_confirmed_event_is_cited_after_the_models_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        (known,) = await confirm(line, "scratch", 1)
        event, _ = await line.defect(2), say(line, monkeypatch, TRUE)
        explanation = await line.narrator.describe(event)
        assert explanation.text == f"{TRUE} Like event {known.event_id[:8]}, confirmed as «scratch»."
        assert (explanation.state, explanation.origin) == (ExplanationState.READY, Origin.MODEL_VERIFIED)
        (neighbour,) = explanation.neighbours
        assert (neighbour.region, neighbour.event_id, neighbour.defect_type) == (1, known.event_id, "scratch")
        assert neighbour.similarity == pytest.approx(1, abs=1e-3)
        assert explanation.type_confidence == pytest.approx(0.75 * 0.9 + 0.25)


async def test_an_event_is_not_its_own_witness_and_unlike_ones_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        (known,) = await confirm(line, "hole", 1)
        say(line, monkeypatch, TRUE)
        for event in (known, await line.defect(2, DARK)):
            explanation = await line.narrator.describe(event)
            assert (explanation.text, explanation.neighbours) == (TRUE, ())


async def test_neighbours_outvote_the_model_and_the_template_names_their_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        known = await confirm(line, "hole", 1, 2, 3)
        event, asked = await line.defect(4), say(line, monkeypatch, TRUE)
        explanation = await line.narrator.describe(event)
        assert (explanation.origin, len(asked)) == (Origin.TEMPLATE, 2)
        assert explanation.text.startswith("A large hole in the top left. Like event ")
        assert explanation.defect_type == "hole"
        assert explanation.contradictions[0].startswith("memory:")
        assert {one.event_id for one in explanation.neighbours} == {event.event_id for event in known}


async def test_the_type_of_a_cited_neighbour_may_be_said_and_that_of_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        await confirm(line, "hole", 1, 2, 3)
        event = await line.defect(4)
        for said, origin in (("A large hole at the top left.", Origin.MODEL_VERIFIED), ("A stain.", Origin.TEMPLATE)):
            say(line, monkeypatch, said)
            assert (await line.narrator.describe(event)).origin is origin
        _, answer = await ask(line, event, "What is it?")
        assert answer.explanation.origin is Origin.TEMPLATE


async def test_a_type_without_a_noun_is_named_by_the_citation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for language, start in (("en", "A large defect of unclear type"), ("de", "Ein großer Defekt unklarer Art")):
        folder = tmp_path / language
        folder.mkdir()
        async with open_line(folder, language) as line:
            await confirm(line, "pin_hole", 1, 2)
            event, _ = await line.defect(3), say(line, monkeypatch, "Nonsense.")
            explanation = await line.narrator.describe(event)
            assert explanation.text.startswith(start)
            assert citations(explanation.text)[0].endswith("«pin hole».")
            assert explanation.defect_type == "pin_hole"


async def test_an_answer_about_something_else_cites_nobody_and_a_citation_is_streamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        await confirm(line, "scratch", 1)
        event, _ = await line.defect(2), say(line, monkeypatch, "At the top left.")
        pieces, answer = await ask(line, event, "Where is it?")
        assert "".join(pieces) == answer.explanation.text == "At the top left."
        say(line, monkeypatch, "A scratch.")
        pieces, answer = await ask(line, event, "What is it?")
        assert "".join(pieces) == answer.explanation.text
        assert citations(answer.explanation.text)


async def test_a_model_that_cites_an_event_by_itself_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        event, _ = await line.defect(1), say(line, monkeypatch, f"{TRUE} Like event 0a1b2c3d, confirmed as «scratch».")
        assert (await line.narrator.describe(event)).origin is Origin.TEMPLATE


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "unclear type"), ("de", "unklarer Art"), ("ko", "종류가 불분명한"), ("zh", "类型不明的")],
)
async def test_below_the_least_confidence_the_words_name_no_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, words: str
) -> None:
    async with open_line(tmp_path, language, least_type_confidence=0.95) as line:
        event, _ = await line.defect(1), say(line, monkeypatch, TRUE)
        explanation = await line.narrator.describe(event)
        assert words in explanation.text
        assert (explanation.defect_type, explanation.type_confidence) == ("unknown", 0.9)
        assert explanation.contradictions
        say(line, monkeypatch, explanation.text)  # and what is said instead holds
        assert (await line.narrator.describe(event)).origin is Origin.MODEL_VERIFIED


async def test_the_explainer_is_told_what_regions_like_these_were_confirmed_as(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_line(tmp_path) as line:
        asked = say(line, monkeypatch, TRUE)
        await line.narrator.describe(await line.defect(1))
        assert asked[-1].confirmed == ("",)
        await confirm(line, "pin_hole", 2)
        event = await line.defect(3, picture((40, 30, 60, 12, 250), (200, 150, 60, 12, 10)))
        await line.narrator.describe(event)
        assert asked[-1].confirmed == ("unknown", "")  # it has no word for a pin-hole; the citation names it
        await ask(line, event, "What is it?")
        assert asked[-1].confirmed == ("unknown", "")
