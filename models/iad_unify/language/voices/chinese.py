"""Chinese sentences about defects, simplified characters: each noun has its measure word."""

from collections.abc import Mapping

from iad_unify.language.voices.voice import Said, placed
from iad_unify.types import UNKNOWN

#: Slug -> measure word, noun.
_NOUNS: dict[str, tuple[str, str]] = {
    "scratch": ("道", "划痕"),
    "crack": ("条", "裂纹"),
    "hole": ("个", "孔洞"),
    "chip": ("处", "崩边"),
    "dent": ("处", "凹痕"),
    "stain": ("块", "污渍"),
    "contamination": ("处", "异物"),
    "discoloration": ("处", "变色"),
    "fray": ("处", "散边"),
    "missing_part": ("处", "缺件"),
    UNKNOWN: ("处", "缺陷"),
}
_SIZES = {"small": "较小的", "medium": "中等大小的", "large": "较大的"}


class Chinese:
    """See `voice.Voice`."""

    language = "zh"
    places: Mapping[str, tuple[str, ...]] = {
        "top_left": ("左上角", "左上方", "左上部"),
        "top": ("上方中央", "上部中间", "上方"),
        "top_right": ("右上角", "右上方", "右上部"),
        "left": ("左侧中央", "左侧中间", "左侧"),
        "center": ("中央", "正中央", "中间"),
        "right": ("右侧中央", "右侧中间", "右侧"),
        "bottom_left": ("左下角", "左下方", "左下部"),
        "bottom": ("下方中央", "下部中间", "下方"),
        "bottom_right": ("右下角", "右下方", "右下部"),
    }
    nothing: tuple[str, ...] = ("未发现缺陷。", "没有缺陷。", "该部件没有发现缺陷。")
    question = "请用一句话描述缺陷的类型、位置、大小和数量。"

    def single(self, defect: Said) -> tuple[str, ...]:
        """See `voice.Voice`."""
        place, one = placed(self, defect), self._noun(defect)
        return f"{place}有一{one}。", f"{place}发现1{one}。", f"发现一{one}，位于{place}。"

    def pair(self, first: Said, second: Said) -> tuple[str, ...]:
        """See `voice.Voice`."""
        both = "，".join(f"{placed(self, defect)}有一{self._noun(defect)}" for defect in (first, second))
        return f"共有2处缺陷：{both}。", f"发现两处缺陷：{both}。"

    def several(self, count: int, strongest: Said) -> tuple[str, ...]:
        """See `voice.Voice`."""
        rest = f"最严重的是{placed(self, strongest)}的一{self._noun(strongest)}"
        return f"共有{count}处缺陷，{rest}。", f"发现{count}处缺陷，其中{rest}。"

    def alike(self, count: int, strongest: Said) -> tuple[str, ...]:
        """See `voice.Voice`."""
        many = f"{count}{self._noun(strongest)}"
        return (
            f"共有{many}，最严重的位于{placed(self, strongest)}。",
            f"发现{many}，其中最严重的在{placed(self, strongest)}。",
        )

    def _noun(self, defect: Said) -> str:
        """Measure word, what is said of the noun, and the noun; the number goes before it."""
        measure, noun = _NOUNS[defect.defect_type]
        unclear = "类型不明的" if defect.defect_type == UNKNOWN else ""
        return f"{measure}{unclear}{_SIZES[defect.size]}{noun}"
