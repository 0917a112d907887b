"""English sentences about defects."""

from collections.abc import Mapping

from iad_unify.language.voices.voice import Said, placed
from iad_unify.language.wording import PLACES, article, noun, number, sized


class English:
    """See `voice.Voice`."""

    language = "en"
    places: Mapping[str, tuple[str, ...]] = {cell: ways[:3] for cell, ways in PLACES.items()}
    nothing: tuple[str, ...] = ("No defect was found.", "There is no defect.", "The part shows no defects.")
    question = "Describe the defects in one sentence: type, location, size and count."

    def single(self, defect: Said) -> tuple[str, ...]:
        """See `voice.Voice`."""
        one = self._phrase(defect)
        return f"{article(one).capitalize()}.", f"One {one}.", f"There is one {one}."

    def pair(self, first: Said, second: Said) -> tuple[str, ...]:
        """See `voice.Voice`."""
        both = f"{article(self._phrase(first))} and {article(self._phrase(second))}"
        return f"Two defects: {both}.", f"There are two defects: {both}."

    def several(self, count: int, strongest: Said) -> tuple[str, ...]:
        """See `voice.Voice`."""
        rest = f"the strongest is {article(self._phrase(strongest))}"
        return f"{number(count).capitalize()} defects; {rest}.", f"There are {number(count)} defects; {rest}."

    def alike(self, count: int, strongest: Said) -> tuple[str, ...]:
        """See `voice.Voice`."""
        many = f"{number(count).capitalize()} {strongest.size} {noun(strongest.defect_type, count)}"
        return (f"{many}; the strongest is {placed(self, strongest)}.",)

    def _phrase(self, defect: Said) -> str:
        return f"{sized(defect.defect_type, defect.size)} {placed(self, defect)}"
