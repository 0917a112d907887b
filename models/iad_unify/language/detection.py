"""Which of the languages a text is in, by its script and its words. It knows no grammar."""

import re
from functools import cache

from iad_unify.language.chinese import CHINESE
from iad_unify.language.english import ENGLISH
from iad_unify.language.german import GERMAN
from iad_unify.language.korean import KOREAN
from iad_unify.language.lexicon import Lexicon

#: The languages that can be read, by their ISO 639-1 code.
LEXICONS: dict[str, Lexicon] = {lexicon.language: lexicon for lexicon in (ENGLISH, KOREAN, CHINESE, GERMAN)}
#: When nothing tells.
DEFAULT = ENGLISH.language

_HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_HANGUL_WORD = re.compile(rf"{_HANGUL.pattern}+")
_HAN_WORD = re.compile(rf"{_HAN.pattern}+")
_LATIN_WORD = re.compile(r"[A-Za-zÄÖÜäöüß]+")
_WORD = re.compile(r"[a-zäöüß']+")
#: Short words of the two languages in Latin script.
_SHORT = {
    "en": "a an the is are was of to at on there and it this that what which how where with i you does do has "
    "why see me tell say please describe be been",
    "de": "der die das den dem des ist sind im am und es ein eine einen liegt gibt auf zu wo wie was welche ich sich "
    "du sie wir siehst sehe nicht diesem dieses dieser warum wurde hier bitte nenne beschreibe auch noch",
}


def detect(text: str) -> str:
    """The language's code; `DEFAULT` when the text holds no word of any."""
    hangul, han = len(_HANGUL.findall(text)), len(_HAN.findall(text))
    if hangul or han:
        return "ko" if hangul >= han else "zh"
    votes = votes_of(text)
    return "de" if votes["de"] > votes["en"] else "en"


def tells(text: str) -> bool:
    """Whether the text holds anything that is of one language and not of the others."""
    votes = votes_of(text)
    return bool(_HANGUL.search(text) or _HAN.search(text)) or votes["de"] != votes["en"]


def votes_of(text: str) -> dict[str, int]:
    """How many words of the text only English has, and only German."""
    words = _WORD.findall(text.lower())
    return {language: sum(word in _own_words(language) for word in words) for language in _SHORT}


def in_scripts(text: str) -> list[str]:
    """What of the text is written in each script, its words one after the other; scripts without a letter are left out."""
    runs = ("".join(f"{found} " for found in script.findall(text)) for script in (_HANGUL_WORD, _HAN_WORD, _LATIN_WORD))
    return [run.strip() for run in runs if run]


@cache
def _own_words(language: str) -> frozenset[str]:
    other = "de" if language == "en" else "en"
    umlauts = frozenset(word for word in _words(language) if set(word) & set("äöüß"))
    return (_words(language) - _words(other)) | umlauts


@cache
def _words(language: str) -> frozenset[str]:
    return frozenset(_WORD.findall(" ".join(LEXICONS[language].meanings))) | frozenset(_SHORT[language].split())
