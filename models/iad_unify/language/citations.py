"""Sentences that cite a confirmed event: how they are said in each language, and how they are found in a text.

Whether the event is there and is alike is not known here.
"""

import re

from iad_unify.types import spoken

#: So much of an event's id is said.
SHOWN = 8
#: Language -> the sentence.
_SENTENCES = {
    "en": "Like event {event}, confirmed as {kind}.",
    "ko": "이벤트 {event}와 비슷하며, {kind}(으)로 확인되었습니다.",
    "zh": "与事件 {event} 相似，该事件已确认为 {kind}。",
    "de": "Wie Ereignis {event}, bestätigt als {kind}.",
}
_KIND = r"«[a-z0-9_ ]{1,64}»"
_PATTERN = re.compile(
    "|".join(
        re.escape(sentence).replace(r"\{event\}", r"[0-9a-f-]{1,8}").replace(r"\{kind\}", _KIND)
        for sentence in _SENTENCES.values()
    )
)


def cite(event_id: str, defect_type: str, language: str) -> str:
    """The sentence; the type is a label in guillemets, the same in every language. Raises KeyError for another language."""
    return _SENTENCES[language].format(event=event_id[:SHOWN], kind=f"«{spoken(defect_type)}»")


def citations(text: str) -> tuple[str, ...]:
    """The citing sentences of a text, as they stand there."""
    return tuple(_PATTERN.findall(text))


def without(text: str) -> str:
    """The text without them: what it claims of this event's own regions."""
    return _PATTERN.sub("", text).strip() if "«" in text else text
