"""What an alert says beyond the tables is found; every sentence of the voices and of the corpus is read to its last word."""

from collections.abc import Callable

import numpy as np
import pytest

from iad_unify.geometry import CELLS
from iad_unify.language.citations import cite
from iad_unify.language.facts import SIZES, Facts
from iad_unify.language.speech import VOICES, description, template
from iad_unify.language.unread import unread
from iad_unify.language.voices.voice import Said
from iad_unify.types import DEFECT_TYPES, UNKNOWN

RandomFacts = Callable[[np.random.Generator], Facts]


@pytest.mark.parametrize("language", VOICES)
def test_every_sentence_that_is_taught_or_put_in_its_place_is_read(language: str, random_facts: RandomFacts) -> None:
    rng = np.random.default_rng(0)
    for _ in range(400):
        facts = random_facts(rng)
        for sentence in (template(facts, language), description(facts, rng, language)):
            assert unread(sentence, language) == (), sentence


@pytest.mark.parametrize("language", VOICES)
def test_every_type_size_cell_and_number_of_every_voice_is_read(language: str) -> None:
    voice, sentences = VOICES[language], [*VOICES[language].nothing]
    for index, slug in enumerate((*DEFECT_TYPES, UNKNOWN)):
        for place, cell in enumerate(CELLS):
            defect, other = (
                Said(slug, SIZES[place % 3], cell, index % 3),
                Said("crack", SIZES[index % 3], cell, place % 3),
            )
            sentences += [*voice.single(defect), *voice.pair(defect, other), *voice.several(2 + index, defect)]
            sentences += voice.alike(2 + place, defect) if slug != UNKNOWN else ()
    assert {sentence: beyond for sentence in sentences if (beyond := unread(sentence, language))} == {}


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en", "A gouge in the top left.", ("gouge",)),
        ("en", "A burn mark in the top left.", ("burn",)),
        ("en", "A medium scratch in the northeast.", ("northeast",)),
        ("en", "A long gigantic scratch in the top left.", ("long", "gigantic")),
        ("en", "A scratch of considerable size in the top left.", ("considerable",)),
        ("en", "A medium scratch in the top left, plus rust.", ("rust",)),
        ("en", "A medium scratch in the corner.", ("corner",)),
        ("en", "A scratch of 12 mm in the top left.", ("12 mm",)),
        ("de", "Eine Furche oben links.", ("furche",)),
        ("de", "Ein mittelgroßer Kratzer im Nordosten.", ("nordosten",)),
        ("de", "Ein Kratzer von beträchtlicher Größe oben links.", ("beträchtlicher",)),
        ("de", "Ein Kratzer oben links, dazu Rost.", ("rost",)),
        ("ko", "북동쪽에 중간 크기의 긁힘이 있습니다.", ("북동쪽에",)),
        ("ko", "왼쪽 위에 긴 긁힘이 하나 있습니다.", ("긴",)),
        ("ko", "왼쪽 위에 긁힘과 녹이 있습니다.", ("녹이",)),
        ("zh", "左上角有一道凿痕。", ("凿痕",)),
        ("zh", "东北方有一道中等大小的划痕。", ("东北方",)),
        ("zh", "左上角有一道划痕，还有锈。", ("锈",)),
    ],
)
def test_words_of_no_table_are_named(language: str, text: str, words: tuple[str, ...]) -> None:
    assert unread(text, language) == words


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "The part shows a small, round hole near the upper-left corner and two cracks on the right."),
        ("de", "In der linken oberen Ecke ist ein kleiner Kratzer zu sehen."),
        ("ko", "부품의 왼쪽 위에서 작은 긁힘이 발견되었습니다."),
        ("zh", "在部件的左上角检测到一道较小的划痕。"),
    ],
)
def test_words_of_other_wordings_that_claim_nothing_more_are_read(language: str, text: str) -> None:
    assert unread(text, language) == ()


def test_what_is_cited_of_another_event_is_no_word_of_this_one() -> None:
    assert unread(f"A scratch. {cite('0f3a9c1e', 'solder bridge', 'en')}", "en") == ()
