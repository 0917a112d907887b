"""Every sentence of every voice is read back as the facts that it was made from, in its own language."""

from itertools import product

import pytest

from iad_unify.geometry import CELLS
from iad_unify.language.claims import parse
from iad_unify.language.detection import detect
from iad_unify.language.facts import SIZES
from iad_unify.language.speech import VOICES
from iad_unify.language.voices.korean import particle
from iad_unify.language.voices.voice import Said, Voice
from iad_unify.types import DEFECT_TYPES, UNKNOWN

EVERYTHING = [Said(*one) for one in product((*DEFECT_TYPES, UNKNOWN), SIZES, CELLS, range(3))]
#: 297 defects fit every type, size, cell and wording; a part of them at a time keeps the tests short.
SOME = EVERYTHING[::5]

voices = pytest.mark.parametrize("voice", VOICES.values(), ids=list(VOICES))


@voices
def test_a_single_defect_is_read_back_with_its_type_place_and_size(voice: Voice) -> None:
    for defect in EVERYTHING:
        for sentence in voice.single(defect):
            claims = parse(sentence, language=voice.language)
            assert (claims.defect_type, claims.cell, claims.size) == (defect.defect_type, defect.cell, defect.size)
            assert len(claims.mentions) == 1, sentence
            assert claims.count in (1, None), sentence
            assert not claims.none, sentence


@voices
def test_a_sentence_tells_its_language(voice: Voice) -> None:
    for defect in SOME:
        for sentence in (*voice.single(defect), *voice.several(4, defect)):
            assert detect(sentence) == voice.language, sentence
    assert all(detect(sentence) == voice.language for sentence in (*voice.nothing, voice.question))


@voices
@pytest.mark.parametrize("count", [2, 3, 8, 12, 16])
def test_several_are_read_back_with_their_number_and_the_strongest(voice: Voice, count: int) -> None:
    for defect in SOME:
        for sentence in voice.several(count, defect):
            claims = parse(sentence, language=voice.language)
            (strongest,) = claims.mentions
            assert claims.counts == (count,), sentence
            assert strongest.pick == "strongest", sentence
            assert strongest.defect_types == (defect.defect_type,), sentence
            assert (strongest.cells, strongest.size) == (((defect.cell,),), defect.size), sentence


@voices
@pytest.mark.parametrize("count", [2, 5, 11, 15])
def test_alike_ones_are_read_back_with_number_type_size_and_where_the_strongest_is(voice: Voice, count: int) -> None:
    for defect in (one for one in SOME if one.defect_type != UNKNOWN):
        for sentence in voice.alike(count, defect):
            all_of_them, strongest = parse(sentence, language=voice.language).mentions
            assert (all_of_them.defect_types, all_of_them.count) == ((defect.defect_type,), count), sentence
            assert all_of_them.size == defect.size, sentence
            assert (strongest.pick, strongest.cells) == ("strongest", ((defect.cell,),)), sentence


@voices
def test_two_are_read_back_each_with_its_own(voice: Voice) -> None:
    for first, second in zip(SOME, reversed(SOME), strict=True):
        if UNKNOWN in (first.defect_type, second.defect_type) or first.defect_type == second.defect_type:
            continue
        for sentence in voice.pair(first, second):
            claims = parse(sentence, language=voice.language)
            assert claims.counts == (2,), sentence
            found = [(one.defect_types, one.cells, one.size) for one in claims.mentions]
            assert found == [((one.defect_type,), ((one.cell,),), one.size) for one in (first, second)], sentence


@voices
def test_no_defect_is_read_back_as_none(voice: Voice) -> None:
    for sentence in voice.nothing:
        claims = parse(sentence, language=voice.language)
        assert claims.none, sentence
        assert not claims.mentions, sentence


@voices
def test_places_are_named_in_three_ways_that_are_all_different(voice: Voice) -> None:
    named = [place for cell in CELLS for place in voice.places[cell]]
    assert len(named) == len(set(named)) == 27


@voices
def test_the_question_claims_nothing(voice: Voice) -> None:
    assert not parse(voice.question, language=voice.language).asserted


def said(defect_type: str, size: str = "small", cell: str = "top_left") -> Said:
    return Said(defect_type, size, cell)


@pytest.mark.parametrize(
    ("defect", "sentences"),
    [
        (
            said("scratch"),
            (
                "Ein kleiner Kratzer oben links.",
                "Oben links befindet sich ein kleiner Kratzer.",
                "Es gibt einen kleinen Kratzer oben links.",
            ),
        ),
        (
            said("dent", "medium", "center"),
            (
                "Eine mittelgroße Delle in der Mitte.",
                "In der Mitte befindet sich eine mittelgroße Delle.",
                "Es gibt eine mittelgroße Delle in der Mitte.",
            ),
        ),
        (
            said("missing_part", "large"),
            (
                "Ein großes fehlendes Teil oben links.",
                "Oben links befindet sich ein großes fehlendes Teil.",
                "Es gibt ein großes fehlendes Teil oben links.",
            ),
        ),
    ],
)
def test_german_adjectives_agree_in_gender_and_case(defect: Said, sentences: tuple[str, ...]) -> None:
    assert VOICES["de"].single(defect) == sentences


def test_german_articles_and_plurals_agree_when_all_are_alike() -> None:
    alike = [VOICES["de"].alike(3, said(slug))[0] for slug in ("stain", "hole", "chip", "missing_part")]
    assert alike == [
        "Drei kleine Flecken; der stärkste liegt oben links.",
        "Drei kleine Löcher; das stärkste liegt oben links.",
        "Drei kleine Absplitterungen; die stärkste liegt oben links.",
        "Drei kleine fehlende Teile; das stärkste liegt oben links.",
    ]


def test_korean_particles_follow_the_last_sound() -> None:
    assert particle("긁힘", "이", "가") == "긁힘이"
    assert particle("크기", "이", "가") == "크기가"
    assert particle("얼룩", "과", "와") == "얼룩과"
    assert VOICES["ko"].pair(said("stain"), said("hole", "large", "center"))[0] == (
        "결함이 2개 있습니다: 왼쪽 위의 작은 얼룩과 가운데의 큰 구멍."
    )


def test_chinese_nouns_have_their_measure_words() -> None:
    singles = [VOICES["zh"].single(said(slug))[0] for slug in ("scratch", "crack", "hole", "stain", "chip")]
    assert singles == [
        "左上角有一道较小的划痕。",
        "左上角有一条较小的裂纹。",
        "左上角有一个较小的孔洞。",
        "左上角有一块较小的污渍。",
        "左上角有一处较小的崩边。",
    ]
    assert VOICES["zh"].pair(said("scratch"), said("stain", "large", "center"))[1].startswith("发现两处缺陷：")
