"""From a model's free reply to the letter of an option, by the benchmark's rule. It knows no question."""

import re
from collections.abc import Mapping
from difflib import get_close_matches

_LETTER = re.compile(r"\b([A-E])\b")


def letter_of(reply: str, options: Mapping[str, str]) -> str:
    """The last single capital A to E in the reply, else the letter of the option whose text is closest to it.

    An article is such a letter, too: "A scratch." answers A. Closeness is difflib's ratio without a floor, so that a
    reply always gets a letter unless there is no option; then the reply itself comes back, which is no valid answer.
    Source: `parse_answer` of the reference scripts (GPT4/gpt4v.py).
    """
    letters = _LETTER.findall(reply)
    if letters:
        return str(letters[-1])
    closest = get_close_matches(reply, list(options.values()), n=1, cutoff=0.0)
    return next((letter for letter, text in options.items() if [text] == closest), reply)
