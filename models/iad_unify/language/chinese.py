"""The Chinese word table, simplified characters. Words have no spaces between them: the longest phrase wins."""

from itertools import product

from iad_unify.geometry import CELLS
from iad_unify.language.lexicon import UNITS, Lexicon, listed
from iad_unify.types import UNKNOWN

_ROWS = {"上": 0, "下": 2}
_COLUMNS = {"左": 0, "右": 2}
_MIDDLES = ("中央", "中间", "中心", "中部", "正中", "正中央", "正中间", "居中")
#: What may follow a direction.
_SIDES = ("方", "侧", "边", "部", "端", "面", "方位置")
_CORNERS = ("", "角", "方", "侧", "部", "边", "角落", "角处", "角区域", "部位")


def _cell(row: int, column: int) -> tuple[str, ...]:
    return (CELLS[3 * row + column],)


def _side(direction: str) -> set[str]:
    """The middle of a side: 左侧, 左侧中央, 中央左侧, 左中."""
    words = {direction + end for end in _SIDES} | {"最" + direction + end for end in _SIDES}
    words |= {"顶部", "顶端"} if direction == "上" else {"底部", "底端"} if direction == "下" else set()
    found = words | {f"{direction}中", f"中{direction}", f"{direction}中部", f"中{direction}部", f"偏{direction}"}
    found |= {f"中{direction}方", f"中{direction}侧", f"{direction}中侧", f"中央偏{direction}", f"中间偏{direction}"}
    for middle, of in product(_MIDDLES, ("", "的")):
        found |= {f"{word}{of}{middle}" for word in words} | {f"{middle}{of}{word}" for word in words}
        found.add(f"{direction}{middle}")
    return found


def _cells() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = dict.fromkeys(_MIDDLES, ("center",))
    half = ("半部", "半边", "半部分", "半侧", "半区")
    for word, row in _ROWS.items():
        found |= dict.fromkeys(_side(word), _cell(row, 1))
        wide = (*(word + end for end in half), f"{word}边缘", f"{word}三分之一", f"{word}排", f"{word}部区域")
        found |= dict.fromkeys(wide, tuple(CELLS[3 * row : 3 * row + 3]))
    for word, column in _COLUMNS.items():
        found |= dict.fromkeys(_side(word), _cell(1, column))
        wide = (*(word + end for end in half), f"{word}边缘", f"{word}三分之一", f"{word}列", f"{word}侧边缘")
        found |= dict.fromkeys(wide, tuple(CELLS[column::3]))
    for (row_word, row), (column_word, column) in product(_ROWS.items(), _COLUMNS.items()):
        corners = {column_word + row_word + end for end in _CORNERS} | {
            row_word + column_word + end for end in _CORNERS
        }
        corners |= {
            f"{a}{x}{of}{b}{y}"
            for x in _SIDES
            for y in _SIDES
            for of in ("", "的")
            for a, b in ((row_word, column_word), (column_word, row_word))
        }
        found |= dict.fromkeys(corners, _cell(row, column))
        near = tuple(CELLS[3 * r + c] for r in sorted({row, 1}) for c in sorted({column, 1}))
        found |= dict.fromkeys((f"{column_word}{row_word}四分之一", f"{column_word}{row_word}象限"), near)
    corners_of_all = ("top_left", "top_right", "bottom_left", "bottom_right")
    return found | dict.fromkeys(("一个角落", "某个角落", "一角"), corners_of_all)


_TYPES: dict[str, tuple[str, ...]] = {
    "scratch": ("划痕", "刮痕", "划伤", "擦伤", "刮伤", "擦痕"),
    "crack": ("裂纹", "裂缝", "裂痕", "开裂", "断裂", "破裂"),
    "hole": ("孔洞", "小孔", "针孔", "气孔", "破洞", "砂眼", "穿孔", "洞"),
    "chip": ("崩边", "崩缺", "缺口", "崩角", "掉块", "缺角", "破边"),
    "dent": ("凹痕", "凹陷", "压痕", "凹坑", "碰伤", "压伤"),
    "stain": ("污渍", "污迹", "污点", "污斑", "斑点", "脏污"),
    "contamination": ("异物", "污染", "杂质", "颗粒", "灰尘", "纤维", "污染物", "外来物"),
    "discoloration": ("变色", "褪色", "色差", "颜色异常", "发黄"),
    "fray": ("散边", "脱线", "起毛", "毛边", "磨损边", "脱丝", "松线"),
    "missing_part": (
        "缺件",
        "漏件",
        "部件缺失",
        "零件缺失",
        "缺少部件",
        "缺少零件",
        "元件缺失",
        "缺失部件",
        "缺料",
        "缺失",
    ),
    UNKNOWN: (
        *(
            "类型不明",
            "类型未知",
            "类型不清",
            "类型不清楚",
            "类型不确定",
            "种类不明",
            "类型无法确定",
            "类别不明",
            "未知类型",
        ),
        *("不明类型", "类型尚不明确", "类型不明确"),
    ),
}
_DIGITS = ("零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二")
_COUNTERS = ("个", "处", "条", "道", "块", "片", "件", "只", "项", "颗", "根")

CHINESE = Lexicon(
    language="zh",
    types={phrase: slug for slug, phrases in _TYPES.items() for phrase in phrases},
    plural_types={},
    things=listed("缺陷 | 异常 | 瑕疵 | 损伤 | 区域 | 不良 | 痕迹 | 毛病 | 故障 | 缺点 | 问题"),
    plural_things=frozenset(),
    cells=_cells(),
    sizes={
        **dict.fromkeys(listed("小 | 较小 | 很小 | 微小 | 细小 | 小型 | 轻微 | 极小 | 小面积 | 偏小"), "small"),
        **dict.fromkeys(listed("中等 | 中型 | 中等大小 | 适中 | 中等尺寸 | 中等面积 | 大小中等 | 不大不小"), "medium"),
        **dict.fromkeys(listed("大 | 较大 | 很大 | 巨大 | 大型 | 大面积 | 大块 | 极大 | 偏大 | 大片"), "large"),
    },
    numbers={},
    counts={"零": 0, "唯一": 1, "仅有一": 1, "只有一": 1, "一对": 2},
    shapes={
        **dict.fromkeys(("细长", "长条形", "条状", "狭长", "线状"), "elongated"),
        **dict.fromkeys(("紧凑", "圆形", "近圆形", "块状", "点状"), "compact"),
        **dict.fromkeys(("不规则", "不规则形状", "锯齿状", "分叉"), "irregular"),
    },
    ordinals={f"第{word}{end}": rank for rank, word in enumerate(_DIGITS[1:9], start=1) for end in ("", "个", "处")}
    | {f"第{rank}{end}": rank for rank in range(1, 17) for end in ("", "个", "处")},
    picks={
        **dict.fromkeys(("最严重", "最强", "最明显", "最突出", "最显著"), "strongest"),
        **dict.fromkeys(("最大",), "largest"),
        **dict.fromkeys(("最小",), "smallest"),
    },
    several=listed(
        "多个 | 多处 | 多条 | 多道 | 多块 | 若干 | 几个 | 几处 | 几条 | 几道 | 一些 | 数个 | 数处 | 许多 | 很多 | 不少"
    ),
    at_least=listed("至少 | 最少 | 不少于 | 以上 | 或更多"),
    quantities=listed("数量 | 个数 | 总数 | 多少 | 任何"),
    another=listed(
        "其他 | 其它 | 别的 | 另外 | 另一个 | 另一处 | 另一道 | 另一条 | 另一块 | 另有 | 更多 | 其余 | 还有"
    ),
    negations=listed(
        "没有 | 没 | 未 | 无 | 不 | 不是 | 不在 | 并非 | 并不 | 并不是 | 非 | 未见 | 未发现 | 没有发现 | "
        "没发现 | 并没有 | 并未 | 不属于 | 看不到 | 看不见 | 没看到 | 不含 | 否 | 未检测到 | 未检出 | 而非 | "
        "不存在 | 没有检测到 | 并不在"
    ),
    affirmations=listed("是 | 是的 | 对 | 有 | 有的 | 存在 | 没错"),
    nothing=listed(
        "完好 | 无瑕 | 正常 | 良品 | 合格 | 没有问题 | 一切正常 | 完好无损 | 无损 | 没有异常 | 无异常 | 无缺陷"
    ),
    refusals=listed(
        "无法判断 | 无法确定 | 无法得知 | 无法看出 | 无法回答 | 不能判断 | 不能确定 | 不知道 | 无从得知 | "
        "看不出 | 说不准 | 无法说明 | 无法辨别 | 不能回答 | 无法知道"
    ),
    alternatives=listed("或 | 或者 | 可能 | 也许 | 还是 | 或是"),
    joints=listed("并且 | 而且 | 但 | 但是 | 而 | 以及 | 同时 | 旁边 | 且 | 并"),
    noun_joints=listed("和 | 与 | 及 | 跟"),
    ignored=listed(
        "大小 | 大约 | 大概 | 大致 | 大部分 | 大多 | 不仅 | 不仅仅 | 不同 | 不过 | 无疑 | 毫无疑问 | 其中 | "
        "扩大 | 放大 | 非常 | 较为 | 小心 | 大于 | 小于 | 不超过 | 不大于 | 不足 | 未来 | 无论 | 左右 | "
        "上下 | 对比 | 对于 | 对应 | 相对 | 部分 | 图中 | 中的 | 并排 | 也无 | 而言 | 之一 | 不良率 | 无关 | "
        "大家 | 大量生产 | 正常生产 | 对面 | 是否 | 有没有"
    ),
    absences=listed("不存在 | 没有出现 | 未出现 | 看不到 | 看不见 | 未见 | 未发现 | 不可见"),
    numerals={word: number for number, word in enumerate(_DIGITS)} | {"两": 2},
    articles=frozenset({"一"}),
    counters=frozenset(_COUNTERS),
    least_counters=frozenset(f"{counter}以上" for counter in _COUNTERS),
    rank_counters=frozenset({"号", "号的"}),
    units=(*UNITS, "像素", "毫米", "厘米", "微米", "度", "百分比"),
    spaced=False,
)
