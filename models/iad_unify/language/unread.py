"""Words of a sentence that no table knows, so that nothing can be held against them. It knows no regions.

The parser passes over what it does not know, which is right for an answer to any question. An alert says nothing but type,
place, size and number: in it "a gouge", "in the northeast" or "plus rust" would be claims that nobody has checked.
"""

import re
from collections.abc import Iterator
from functools import cache

from iad_unify.language.citations import without
from iad_unify.language.claims import LEXICONS
from iad_unify.language.lexicon import Lexicon

#: Words that claim nothing of a defect: articles, forms of "to be", verbs of seeing, what is looked at.
_PLAIN: dict[str, str] = {
    "en": "a an the this that it its there here i we is are was were be been has have had as so of in on at to from by for near "
    "within inside which located lies lying sits situated found seen detected observed visible present shows show "
    "showing contains appears part image picture frame surface type size shape number total unlike reference differs different",
    "de": "der die das den dem des dies diese dieser dieses diesem es er sie ich wir sich hier dort ein eine einen einem einer "
    "eines ist sind war waren wird wurde wurden hat haben als in im am an auf bei zu vom von zur zum nahe gibt liegt liegen "
    "befindet befinden zeigt zeigen sitzt gefunden entdeckt erkannt festgestellt sichtbar vorhanden sehen gesehen "
    "teil teils bauteil bauteils bild bildes bereich oberfläche art typ größe form nummer insgesamt gesamt",
    "ko": "있습니다 있다 있음 있어요 있는 발견되었습니다 발견되었다 발견됨 발견된 확인되었습니다 검출되었습니다 관찰됩니다 보입니다 "
    "보인다 위치합니다 위치해 위치한 나타납니다 중 총 모두 그 이 것 것은 것이 부품 부품에 부품에는 부품에서 부품의 제품 제품에 제품에는 "
    "표면 표면에 표면의 이미지 이미지에 이미지에는 사진에 크기 크기는 크기가 크기의 위치 위치는 "
    "종류 종류는 유형은 모양은 모양이 번호는 에 에서 의 이 가 은 는 도 로 을 를",
    "zh": "的 了 着 在 于 为 有 是 共 共有 总共 位于 处于 发现 检测到 检测出 出现 存在 呈 呈现 显示 可见 见 看到 其 该 此 这 这个 这里 "
    "部件 零件 产品 工件 图像 图片 画面 表面 表面上 上有 类型 类型为 尺寸 尺寸为 "
    "位置 位置为 形状 形状为 编号 面积 数量为 个 处 条 道 块 片 件 里 内 我们",
}
#: What a place may be called right after it was told: "the upper left corner". Alone it would be a place that nobody read.
_AFTER_PLACE: dict[str, str] = {
    "en": "corner corners side part area edge section zone portion end",
    "de": "ecke seite rand randes kante bereich teil",
    "ko": "부분 부분에 부분의 쪽에 쪽의 모서리 모서리에 모서리의 구석 구석에 영역 영역에 부근에 근처에",
    "zh": "处 角 方 侧 部 边 附近 区域 位置 方向",
}
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def unread(text: str, language: str, *, echo: str = "") -> tuple[str, ...]:
    """The words, without repeats, that neither a table of the language nor its plain words know; numbers of measures too.

    A sentence that cites a confirmed event is left out, and so are words that `echo` has as well. Raises KeyError for a
    language that has no table.
    """
    lexicon = LEXICONS[language]
    plain, after_place = _PLAIN[language], _AFTER_PLACE[language]
    known, known_after_place = frozenset(plain.split()), frozenset(after_place.split())
    known |= frozenset(_WORD.findall(lexicon.normalised(echo)))
    found: list[str] = []
    for said, kind in _between(lexicon.normalised(without(text)), lexicon):
        if kind == "measure":
            found.append(said.strip())
        elif lexicon.spaced:
            words = _WORD.findall(said)
            if words and kind == "cell" and words[0] in known_after_place:
                words = words[1:]
            found += [word for word in words if word not in known]
        else:
            joined = f"{plain} {after_place}" if kind == "cell" else plain
            found += [rest for word in _WORD.findall(said) if word not in known and (rest := _unspaced(word, joined))]
    return tuple(dict.fromkeys(found))


def _between(text: str, lexicon: Lexicon) -> Iterator[tuple[str, str]]:
    """What stands between the phrases of the tables, each with the kind of the phrase before it; and each measure."""
    end, kind = 0, ""
    for match in lexicon.pattern.finditer(text):
        yield text[end : match.start()], kind
        end = match.end()
        if match["measure"]:
            yield match["measure"], "measure"
        kind = lexicon.meanings[match["phrase"]][0] if match["phrase"] and not match["ending"] else ""
    yield text[end:], kind


def _unspaced(run: str, words: str) -> str:
    """What is left of a run of characters without the words that it is made of; empty when it is made of them alone."""
    return "" if _made_of(words).fullmatch(run) else run


@cache
def _made_of(words: str) -> re.Pattern[str]:
    longest_first = sorted(words.split(), key=len, reverse=True)
    return re.compile(f"(?:{'|'.join(map(re.escape, longest_first))})+")
