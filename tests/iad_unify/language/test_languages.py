"""The parser on sentences that people write in Korean, Chinese and German."""

import subprocess
import sys

import pytest

from iad_unify.language.claims import Mention, foreign, parse
from iad_unify.language.detection import LEXICONS, detect
from iad_unify.language.facts import SIZES
from iad_unify.types import DEFECT_TYPES, UNKNOWN


@pytest.mark.parametrize("language", LEXICONS)
def test_a_table_names_every_type_cell_and_size(language: str) -> None:
    lexicon = LEXICONS[language]
    assert set(lexicon.types.values()) == {*DEFECT_TYPES, UNKNOWN}
    assert len({cell for cell in lexicon.cells.values() if len(cell) == 1}) == 9
    assert set(lexicon.sizes.values()) == set(SIZES)
    assert set(lexicon.picks.values()) == {"strongest", "largest", "smallest"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("왼쪽 상단에 스크래치가 있습니다.", Mention(("scratch",), (("top_left",),))),
        ("균열은 오른쪽 아래 모서리에 있습니다.", Mention(("crack",), (("bottom_right",),))),
        ("중앙의 큰 얼룩", Mention(("stain",), (("center",),), "large")),
        ("얼룩은 크고 하단에 있습니다.", Mention(("stain",), (("bottom",),), "large")),
        ("중간 크기의 찍힘이 2개 있습니다.", Mention(("dent",), size="medium", count=2)),
        ("찍힘이 여러 개 있습니다.", Mention(("dent",), at_least=2)),
        ("구멍이나 깨짐입니다.", Mention(("hole", "chip"))),
        ("2번 영역은 변색입니다.", Mention(("discoloration",), region=2)),
        ("영역 2는 변색입니다.", Mention(("discoloration",), region=2)),
        ("두 번째 결함은 올풀림입니다.", Mention(("fray",), region=2)),
        ("부품이 누락되었습니다.", None),
        ("左上角有划痕。", Mention(("scratch",), (("top_left",),))),
        ("裂缝位于右下方。", Mention(("crack",), (("bottom_right",),))),
        ("中间有一块大面积污渍。", Mention(("stain",), (("center",),), "large")),
        ("两处中等大小的凹陷。", Mention(("dent",), size="medium", count=2)),
        ("是孔洞或缺口。", Mention(("hole", "chip"))),
        ("区域2是变色。", Mention(("discoloration",), region=2)),
        ("第二个区域是变色。", Mention(("discoloration",), region=2)),
        ("2号区域是变色。", Mention(("discoloration",), region=2)),
        ("Oben links ist ein Kratzer zu sehen.", Mention(("scratch",), (("top_left",),))),
        ("Der Riss liegt in der rechten unteren Ecke.", Mention(("crack",), (("bottom_right",),))),
        ("Ein grosser Fleck im Zentrum", Mention(("stain",), (("center",),), "large")),
        ("Zwei mittelgrosse Dellen.", Mention(("dent",), size="medium", count=2)),
        ("Loecher am oberen Rand.", Mention(("hole",), (("top_left", "top", "top_right"),), at_least=2)),
        ("Ein Loch oder eine Absplitterung.", Mention(("hole", "chip"))),
        ("Region 2 ist eine Verfärbung.", Mention(("discoloration",), region=2)),
        ("Der zweite Defekt ist eine Verfärbung.", Mention(("discoloration",), region=2)),
    ],
)
def test_a_sentence_is_one_mention(text: str, expected: Mention | None) -> None:
    mentions = parse(text).mentions
    if expected is None:
        assert parse(text).mentions
    else:
        assert mentions == (expected,)


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("왼쪽 위에 긁힘이 있고 가운데에 얼룩이 있습니다.", ("scratch", "top_left"), ("stain", "center")),
        ("왼쪽 위의 긁힘과 가운데의 얼룩", ("scratch", "top_left"), ("stain", "center")),
        ("左上角有一道划痕，中央有一块污渍。", ("scratch", "top_left"), ("stain", "center")),
        ("左上角的划痕和中央的污渍", ("scratch", "top_left"), ("stain", "center")),
        ("Ein Kratzer oben links und ein Fleck in der Mitte.", ("scratch", "top_left"), ("stain", "center")),
        ("Links oben liegt ein Kratzer. In der Mitte, ein Fleck.", ("scratch", "top_left"), ("stain", "center")),
    ],
)
def test_each_of_two_defects_keeps_its_place(text: str, first: tuple[str, str], second: tuple[str, str]) -> None:
    found = [(mention.defect_types, mention.cells) for mention in parse(text).mentions]
    assert found == [((slug,), ((cell,),)) for slug, cell in (first, second)]


SCRATCH = Mention(("scratch",))
DENIED = Mention(("scratch",), denied=True)
NOT_IN_THE_CENTER = Mention(("scratch",), (("center",),), denied=True)
NOT_LARGE = Mention(("scratch",), size="large", denied=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("긁힘이 없습니다.", (DENIED,)),
        ("긁힘은 보이지 않습니다.", (DENIED,)),
        ("긁힘과 균열은 없습니다.", (DENIED, Mention(("crack",), denied=True))),
        ("긁힘이 아니라 균열입니다.", (DENIED, Mention(("crack",)))),
        ("긁힘은 가운데에 있지 않습니다.", (SCRATCH, NOT_IN_THE_CENTER)),
        ("긁힘은 크지 않습니다.", (SCRATCH, NOT_LARGE)),
        ("2번 영역은 긁힘이 아닙니다.", (Mention(("scratch",), region=2, denied=True),)),
        ("얼룩이 있고 긁힘은 없습니다.", (Mention(("stain",)), DENIED)),
        ("没有划痕。", (DENIED,)),
        ("未发现划痕或裂纹。", (DENIED, Mention(("crack",), denied=True))),
        ("划痕不存在。", (DENIED,)),
        ("不是划痕，而是裂纹。", (DENIED, Mention(("crack",)))),
        ("划痕不在中央。", (SCRATCH, NOT_IN_THE_CENTER)),
        ("划痕不大。", (SCRATCH, NOT_LARGE)),
        ("Es ist kein Kratzer.", (DENIED,)),
        ("Weder ein Kratzer noch ein Riss.", (DENIED, Mention(("crack",), denied=True))),
        ("Ein Kratzer ist nicht zu sehen.", (DENIED,)),
        ("Kein Kratzer, sondern ein Riss.", (DENIED, Mention(("crack",)))),
        ("Der Kratzer liegt nicht in der Mitte.", (SCRATCH, NOT_IN_THE_CENTER)),
        ("Der Kratzer ist nicht groß.", (SCRATCH, NOT_LARGE)),
        ("A scratch is not visible.", (DENIED,)),
        ("Region 2 is not a scratch.", (Mention(region=2), Mention(("scratch",), region=2, denied=True))),
    ],
)
def test_a_denial_reaches_as_far_as_its_language_says(text: str, expected: tuple[Mention, ...]) -> None:
    mentions = parse(text).mentions
    assert tuple(one for one in mentions if one != Mention(region=2)) == tuple(
        one for one in expected if one != Mention(region=2)
    )


@pytest.mark.parametrize(
    "text",
    [
        *("결함이 없습니다.", "결함 없음", "이상이 발견되지 않았습니다.", "정상입니다."),
        *("没有缺陷。", "无缺陷", "未发现异常。", "产品完好。", "一切正常。"),
        *(
            "Kein Defekt gefunden.",
            "Es gibt keine Fehler.",
            "Das Teil ist fehlerfrei.",
            "Defekte sind nicht vorhanden.",
        ),
    ],
)
def test_no_defect_is_said_in_many_ways(text: str) -> None:
    claims = parse(text)
    assert claims.none
    assert claims.mentions == ()


@pytest.mark.parametrize(
    "text",
    [
        "가운데에 긁힘이 있습니다. 다른 결함은 없습니다.",
        "가운데에 긁힘이 있습니다. 결함이 더 없습니다.",
        "中央有划痕。没有其他缺陷。",
        "Ein Kratzer in der Mitte. Keine weiteren Defekte.",
        "Keine weiteren Defekte außer einem Kratzer in der Mitte.",
        "No further defects apart from a scratch in the center.",
    ],
)
def test_no_other_defect_denies_nothing_that_was_named(text: str) -> None:
    claims = parse(text)
    assert not claims.none
    assert claims.mentions == (Mention(("scratch",), (("center",),)),)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        *(
            ("결함이 3개 있습니다.", 3),
            ("세 개의 결함", 3),
            ("결함이 하나 있습니다.", 1),
            ("긁힘 두 개", 2),
            ("2개입니다.", 2),
        ),
        *(("5mm 길이의 균열", None), ("결함 없음", 0), ("둘입니다.", 2)),
        *(("共有三处缺陷。", 3), ("缺陷共3处", 3), ("发现一处缺陷。", 1), ("两道划痕", 2), ("2个。", 2)),
        *(("一道5毫米长的划痕", None), ("没有缺陷", 0)),
        *(("Es sind drei Defekte.", 3), ("Anzahl der Defekte: 4", 4), ("Zwei.", 2), ("Ein Defekt wurde gefunden.", 1)),
        *(("Ein 5 mm langer Riss", None), ("genau ein Kratzer", 1), ("Keine Defekte.", 0)),
    ],
)
def test_counts_in_words_digits_and_with_counters(text: str, count: int | None) -> None:
    assert parse(text).count == count


@pytest.mark.parametrize(
    ("text", "least"),
    [("결함이 2개 이상 있습니다.", 2), ("至少三处缺陷。", 3), ("两处以上缺陷", 2), ("Mindestens drei Defekte.", 3)],
)
def test_at_least_so_many(text: str, least: int) -> None:
    assert parse(text).at_least == least


@pytest.mark.parametrize(
    "text", ["알 수 없습니다.", "无法判断。", "Das lässt sich aus den Regionen nicht sagen.", "I cannot tell."]
)
def test_a_refusal_is_one(text: str) -> None:
    claims = parse(text)
    assert claims.refused
    assert not claims.asserted


@pytest.mark.parametrize(
    ("question", "yes", "no"),
    [
        ("긁힘이 있습니까?", "네.", "아니요."),
        ("有划痕吗？", "有。", "没有。"),
        ("有划痕吗？", "是的。", "不是。"),
        ("Gibt es einen Kratzer?", "Ja.", "Nein."),
    ],
)
def test_yes_and_no_take_their_meaning_from_the_question(question: str, yes: str, no: str) -> None:
    assert parse(yes, question=question).mentions == (SCRATCH,)
    assert parse(no, question=question).mentions == (DENIED,)


@pytest.mark.parametrize(
    "text",
    ["这是其中的大部分。", "大约左右对称。", "이상적인 부품 위", "Recht gut, im Bereich der Norm.", "图中没有文字。"],
)
def test_words_that_only_look_like_a_claim_make_no_mention(text: str) -> None:
    assert parse(text).asserted == ()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ein Kratzer.", "de"),
        ("A scratch.", "en"),
        ("긁힘", "ko"),
        ("划痕", "zh"),
        ("2", "en"),
        ("", "en"),
        ("Größe: klein", "de"),
        ("Kratzer", "de"),
    ],
)
def test_a_language_is_told_by_script_and_words(text: str, language: str) -> None:
    assert detect(text) == language


def test_an_answer_that_does_not_tell_is_in_the_questions_language() -> None:
    assert parse("2.", question="결함이 몇 개 있습니까?").count == 2
    assert parse("Links.", question="Wo liegt der Kratzer?").cell == "left"


@pytest.mark.parametrize(
    ("text", "language", "other"),
    [
        ("A scratch in the top left. 가운데에 균열이 있습니다.", "en", "ko"),
        ("A scratch in the top left, 中央有裂纹。", "en", "zh"),
        ("A scratch in the top left. In der Mitte liegt ein Riss.", "en", "de"),
        ("Ein Kratzer oben links. There is a crack in the center.", "de", "en"),
        ("왼쪽 위에 긁힘이 있습니다. crack in the center", "ko", "en"),
        ("左上角有划痕 crack in the center", "zh", "en"),
        ("左上角有划痕。가운데에 균열이 있습니다.", "zh", "ko"),
        ("A scratch in the top left.", "en", None),
        ("왼쪽 위에 5 mm 긁힘이 있습니다 (OK).", "ko", None),
        ("Region 2: ein Kratzer, links.", "de", None),
    ],
)
def test_a_claim_in_another_language_does_not_pass_unread(text: str, language: str, other: str | None) -> None:
    assert foreign(text, language) == other


def test_any_text_is_read_without_an_error_in_any_language() -> None:
    for language in LEXICONS:
        for text in (
            "",
            "???",
            "no no",
            "没有没有",
            "없습니다 없습니다",
            "weder noch",
            "第",
            "하나 하나",
            "nicht, nicht.",
            "1 2 3",
        ):
            parse(text, language=language)


def test_the_parser_imports_no_torch() -> None:
    code = "import sys, iad_unify.language.verify, iad_unify.language.speech; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
