"""A citation is found again in every language, and claims nothing of the event's own regions."""

import pytest

from iad_unify.language.citations import citations, cite, without
from iad_unify.language.claims import parse
from iad_unify.language.speech import LANGUAGES
from iad_unify.types import DEFECT_TYPES, UNKNOWN

EVENT = "3f0c12ab-0000-5000-8000-000000000000"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [*DEFECT_TYPES, UNKNOWN, "pin_hole", "type_2_of_3"])
def test_a_citation_is_found_and_taken_out(language: str, kind: str) -> None:
    said = cite(EVENT, kind, language)
    assert citations(f"Any words. {said}") == (said,)
    assert without(f"Any words. {said}") == "Any words."
    assert kind.replace("_", " ") in said
    assert not parse(said, language=language).says_anything


def test_other_texts_stay_as_they_are() -> None:
    for text in ("A scratch.", "It is like event 3, confirmed as a hole.", "«quoted»"):
        assert citations(text) == ()
        assert without(text) == text
