"""The Korean word table. Particles may follow a word, and a denial comes after what it denies."""

from itertools import product

from iad_unify.geometry import CELLS
from iad_unify.language.lexicon import UNITS, Lexicon, listed
from iad_unify.types import UNKNOWN

_ROWS = {
    0: ("위", "위쪽", "상단", "상부", "윗부분", "윗쪽", "상측"),
    2: ("아래", "아래쪽", "하단", "하부", "아랫부분", "하측"),
}
_COLUMNS = {0: ("왼쪽", "좌측", "왼편", "좌"), 2: ("오른쪽", "우측", "오른편", "우")}
#: Never alone: they mean something else then.
_SHORT = ("좌", "우")
_MIDDLES = ("가운데", "중앙", "중심", "한가운데", "정중앙", "중앙부", "중심부")
_PARTS = ("", " 모서리", " 구석", " 부분", " 영역", " 귀퉁이", " 코너")


def _cell(row: int, column: int) -> tuple[str, ...]:
    return (CELLS[3 * row + column],)


def _joined(first: str, second: str) -> set[str]:
    """Two words with and without a space between them, the first also with the particle of possession."""
    return {f"{first} {second}", f"{first}{second}", f"{first}의 {second}"}


def _cells() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = dict.fromkeys(_MIDDLES, ("center",))
    rows = [(word, _cell(row, 1), CELLS[3 * row : 3 * row + 3]) for row, words in _ROWS.items() for word in words]
    columns = [(word, _cell(1, column), CELLS[column::3]) for column, words in _COLUMNS.items() for word in words]
    for word, cell, wide in (side for side in (*rows, *columns) if side[0] not in _SHORT):
        found |= dict.fromkeys(
            (f"{word} 절반", f"{word} 반", f"{word} 가장자리", f"{word} 끝", f"{word} 3분의 1"), wide
        )
        found[word] = cell
        for middle in _MIDDLES:
            found |= dict.fromkeys(_joined(word, middle) | _joined(middle, word), cell)
            beyond = {f"{middle}보다 {word}", f"{middle}에서 {word}", f"{middle} 기준 {word}"}
            found |= dict.fromkeys(beyond, cell)
    for (row, down), (column, across) in product(_ROWS.items(), _COLUMNS.items()):
        for row_word, column_word in product(down, across):
            turned = set() if column_word in _SHORT else _joined(row_word, column_word)
            words = _joined(column_word, row_word) | turned
            found |= {word + part: _cell(row, column) for word in words for part in _PARTS}
            near = tuple(CELLS[3 * r + c] for r in sorted({row, 1}) for c in sorted({column, 1}))
            found |= {f"{word} 사분면": near for word in words}
    for whole, cells in (("상반부", CELLS[:3]), ("하반부", CELLS[6:]), ("좌반부", CELLS[::3]), ("우반부", CELLS[2::3])):
        found[whole] = tuple(cells)
    corners = ("top_left", "top_right", "bottom_left", "bottom_right")
    return found | dict.fromkeys(("한쪽 모서리", "한쪽 구석", "어느 모서리"), corners)


_TYPES: dict[str, tuple[str, ...]] = {
    "scratch": ("긁힘", "스크래치", "흠집", "긁힌 자국", "긁힌 흔적", "찰과"),
    "crack": ("균열", "크랙", "금", "갈라짐", "파열"),
    "hole": ("구멍", "홀", "핀홀", "기공", "천공"),
    "chip": ("깨짐", "칩핑", "이 빠짐", "이빠짐", "모서리 깨짐", "떨어져 나감"),
    "dent": ("찍힘", "눌림", "함몰", "덴트", "찌그러짐", "움푹 팬 곳"),
    "stain": ("얼룩", "번짐"),
    "contamination": ("이물질", "이물", "오염", "먼지", "입자", "오염물"),
    "discoloration": ("변색", "색 변화", "탈색", "색상 이상"),
    "fray": ("올풀림", "올 풀림", "해짐", "보풀", "실 풀림"),
    "missing_part": (
        *(
            "부품 누락",
            "누락 부품",
            "누락된 부품",
            "부품 빠짐",
            "빠진 부품",
            "결품",
            "부품이 없음",
            "부품이 누락",
            "부품이 빠져",
        ),
        *("누락",),
    ),
    UNKNOWN: (
        *("종류가 불분명한", "유형이 불분명한", "종류를 알 수 없는", "유형을 알 수 없는", "종류 불명", "유형 불명"),
        *(
            "종류가 불분명합니다",
            "유형이 불분명합니다",
            "종류는 불분명합니다",
            "종류가 확실하지 않은",
            "알 수 없는 종류",
            "미상",
        ),
        *("종류가 확실하지 않습니다", "종류가 불분명"),
    ),
}
_THINGS = ("결함", "불량", "이상", "하자", "문제", "손상", "영역", "부위", "자국", "이상 부위", "결점")
_NATIVE = ("한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉", "열", "열한", "열두")
_ALONE = ("하나", "둘", "셋", "넷", "다섯", "여섯", "일곱", "여덟", "아홉", "열", "열하나", "열둘")
_COUNTERS = ("개", "곳", "건", "군데", "가지")
_ENDED = ("습니다", "다", "음", "어요", "었습니다")
_SEEN = ("보이지", "발견되지", "검출되지", "확인되지", "존재하지", "관찰되지", "나타나지")

KOREAN = Lexicon(
    language="ko",
    types={phrase: slug for slug, phrases in _TYPES.items() for phrase in phrases},
    plural_types={f"{phrase}들": slug for slug, phrases in _TYPES.items() for phrase in phrases if slug != UNKNOWN},
    things=frozenset(_THINGS),
    plural_things=frozenset(f"{thing}들" for thing in _THINGS),
    cells=_cells(),
    sizes={
        **dict.fromkeys(
            listed("작은 | 작습니다 | 작다 | 작고 | 작으며 | 작지 | 작음 | 소형 | 미세한 | 조그만 | 작아요"),
            "small",
        ),
        **dict.fromkeys(
            listed("중간 크기 | 중간크기 | 보통 크기 | 중형 | 중간 정도 | 크기는 중간 | 크기가 중간 | 크기: 중간"),
            "medium",
        ),
        **dict.fromkeys(listed("큰 | 큽니다 | 크다 | 크고 | 크며 | 크지 | 큼 | 대형 | 커다란 | 넓은 | 커요"), "large"),
    },
    numbers={},
    counts={word: number for number, word in enumerate(_ALONE, start=1)},
    shapes={
        **dict.fromkeys(("길쭉한", "길쭉합니다", "가늘고 긴", "선형", "선 모양"), "elongated"),
        **dict.fromkeys(("둥근", "둥급니다", "원형", "뭉친", "점 모양"), "compact"),
        **dict.fromkeys(("불규칙한", "불규칙합니다", "불규칙"), "irregular"),
    },
    ordinals={f"{word} 번째": rank for rank, word in enumerate(("첫", *_NATIVE[1:8]), start=1)}
    | {"첫째": 1, "둘째": 2, "셋째": 3, "넷째": 4},
    picks={
        **dict.fromkeys(
            ("가장 심한 것", "가장 심한", "가장 강한", "가장 강한 것", "제일 심한", "가장 뚜렷한"), "strongest"
        ),
        **dict.fromkeys(("가장 큰", "가장 큰 것", "제일 큰", "최대"), "largest"),
        **dict.fromkeys(("가장 작은", "가장 작은 것", "제일 작은", "최소 크기"), "smallest"),
    },
    several=listed("여러 | 여러 개 | 다수 | 다수의 | 몇몇 | 많은 | 여럿 | 여러 곳"),
    at_least=frozenset({"적어도", "최소", "최소한"}),
    quantities=listed("개수 | 갯수 | 수량 | 몇 개 | 총수"),
    another=listed("다른 | 그 외 | 그 밖의 | 추가 | 추가적인 | 또 다른 | 더 | 나머지 | 또"),
    negations=frozenset({"아니요", "아니오", "아뇨"}),
    affirmations=listed("네 | 예 | 맞습니다 | 그렇습니다"),
    nothing=listed("정상입니다 | 정상 | 양품 | 양호 | 양호합니다 | 무결함 | 문제없습니다"),
    refusals=listed(
        "알 수 없습니다 | 알 수 없다 | 알 수 없음 | 판단할 수 없습니다 | 판단할 수 없다 | 답할 수 없습니다 | "
        "말할 수 없습니다 | 확인할 수 없습니다 | 모릅니다 | 모르겠습니다 | 알 수가 없습니다 | "
        "구별할 수 없습니다 | 판단이 불가능합니다"
    ),
    alternatives=listed("또는 | 혹은 | 아마 | 아마도 | 이거나"),
    joints=listed(
        "있고 | 있으며 | 있는데 | 있지만 | 그리고 | 하지만 | 그러나 | 발견되었고 | 발견되었으며 | 보이고 | "
        "보이며 | 및 또한 | 있습니다만 | 옆"
    ),
    noun_joints=frozenset({"및", "하고"}),
    ignored=listed(
        "부품 위 | 표면 위 | 제품 위 | 중간에 | 이상적 | 영역에서 | 결함률 | 문제가 되는 | 더 이상 | 부위별"
    ),
    absences=frozenset(
        {f"없{end}" for end in (*_ENDED, "고", "으며", "는", "지만")}
        | {f"{seen} 않{end}" for seen in _SEEN for end in (*_ENDED, "고", "으며", "는", "았습니다", "았음")}
        | {f"안 {seen}" for seen in ("보입니다", "보임", "보인다")}
    ),
    late_negations=frozenset(
        {f"아니{end}" for end in ("라", "고", "며", "다", "에요", "지만")}
        | {"아닙니다", "아닌", "아님"}
        | {f"않{end}" for end in (*_ENDED, "고", "으며", "은", "는", "지만")}
    ),
    numerals={word: number for number, word in enumerate(_NATIVE, start=1)} | {"스무": 20},
    counters=frozenset(_COUNTERS),
    least_counters=frozenset(f"{counter}{gap}이상" for counter in _COUNTERS for gap in ("", " ")),
    rank_counters=frozenset({"번", "번째", "번 째"}),
    units=(*UNITS, "퍼센트", "밀리미터", "센티미터", "픽셀", "도"),
    endings=dict.fromkeys(("은", "는", "에는", "에서는"), "topic")
    | dict.fromkeys(("과", "와", "이랑", "랑"), "noun_joint")
    | dict.fromkeys(("이며", "이고", "며", "고", "인데", "이지만"), "joint")
    | dict.fromkeys(("이나", "나", "이거나", "거나", "이든", "든"), "alternative")
    | dict.fromkeys(
        listed(
            "이 | 가 | 을 | 를 | 의 | 에 | 에서 | 도 | 로 | 으로 | 만 | 에도 | 에만 | 인 | 입니다 | 이다 | 임 | "
            "이에요 | 예요 | 이었습니다 | 였습니다 | 이라고 | 으로는 | 로는 | 이라는 | 부터 | 까지 | 입니까 | "
            "의 것 | 되었습니다 | 되었음 | 됩니다 | 된 | 됨 | 되어 | 되었고"
        ),
        "",
    ),
    verb_last=True,
)
