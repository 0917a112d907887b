"""Korean sentences about defects: particles follow the last sound of the word before them."""

from collections.abc import Mapping

from iad_unify.language.voices.voice import Said, placed
from iad_unify.types import UNKNOWN

_NOUNS: dict[str, str] = {
    "scratch": "긁힘",
    "crack": "균열",
    "hole": "구멍",
    "chip": "깨짐",
    "dent": "찍힘",
    "stain": "얼룩",
    "contamination": "이물질",
    "discoloration": "변색",
    "fray": "올풀림",
    "missing_part": "부품 누락",
    UNKNOWN: "결함",
}
_SIZES = {"small": "작은", "medium": "중간 크기의", "large": "큰"}
#: The first and the last syllable block of Unicode; every 28 of them end in the same vowel.
_FIRST, _LAST, _FINALS = 0xAC00, 0xD7A3, 28


def particle(word: str, closed: str, open_: str) -> str:
    """The word with the particle for one that ends in a consonant (`closed`) or in a vowel (`open_`)."""
    code = ord(word[-1])
    ends_in_consonant = _FIRST <= code <= _LAST and (code - _FIRST) % _FINALS != 0
    return word + (closed if ends_in_consonant else open_)


class Korean:
    """See `voice.Voice`."""

    language = "ko"
    places: Mapping[str, tuple[str, ...]] = {
        "top_left": ("왼쪽 위", "왼쪽 상단", "좌측 상단"),
        "top": ("위쪽 가운데", "상단 중앙", "위쪽"),
        "top_right": ("오른쪽 위", "오른쪽 상단", "우측 상단"),
        "left": ("왼쪽 가운데", "좌측 중앙", "왼쪽"),
        "center": ("가운데", "중앙", "한가운데"),
        "right": ("오른쪽 가운데", "우측 중앙", "오른쪽"),
        "bottom_left": ("왼쪽 아래", "왼쪽 하단", "좌측 하단"),
        "bottom": ("아래쪽 가운데", "하단 중앙", "아래쪽"),
        "bottom_right": ("오른쪽 아래", "오른쪽 하단", "우측 하단"),
    }
    nothing: tuple[str, ...] = ("결함이 발견되지 않았습니다.", "결함이 없습니다.", "부품에 결함이 보이지 않습니다.")
    question = "결함의 종류, 위치, 크기, 개수를 한 문장으로 설명하세요."

    def single(self, defect: Said) -> tuple[str, ...]:
        """See `voice.Voice`."""
        place, one = placed(self, defect), self._noun(defect)
        return (
            f"{place}에 {particle(one, '이', '가')} 하나 있습니다.",
            f"{place}에 {one} 1개가 있습니다.",
            f"{place}에서 {one} 하나가 발견되었습니다.",
        )

    def pair(self, first: Said, second: Said) -> tuple[str, ...]:
        """See `voice.Voice`."""
        one, other = (f"{placed(self, defect)}의 {self._noun(defect)}" for defect in (first, second))
        both = f"{particle(one, '과', '와')} {other}"
        return f"결함이 2개 있습니다: {both}.", f"결함 두 개가 발견되었습니다: {both}."

    def several(self, count: int, strongest: Said) -> tuple[str, ...]:
        """See `voice.Voice`."""
        one = f"{placed(self, strongest)}의 {self._noun(strongest)}"
        rest = f"가장 심한 것은 {one}입니다"
        return f"결함이 {count}개 있으며, {rest}.", f"결함 {count}개 중 {rest}."

    def alike(self, count: int, strongest: Said) -> tuple[str, ...]:
        """See `voice.Voice`."""
        many = particle(self._noun(strongest), "이", "가")
        return (f"{many} {count}개 있으며, 가장 심한 것은 {placed(self, strongest)}에 있습니다.",)

    def _noun(self, defect: Said) -> str:
        unclear = "종류가 불분명한 " if defect.defect_type == UNKNOWN else ""
        return f"{unclear}{_SIZES[defect.size]} {_NOUNS[defect.defect_type]}"
