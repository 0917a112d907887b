"""An event's regions in the terms that words use, and the check of words against them. Pure."""

from collections.abc import Sequence

from iad_unify.language.facts import Facts, fact_of_rle
from iad_unify.language.verify import check, template
from iad_unify.masks import Rle
from inspectd.records import Region


def facts_of(regions: Sequence[Region]) -> Facts:
    """Recomputed from the masks and the type probabilities, not from what the event says of itself."""
    return Facts(
        tuple(
            fact_of_rle(Rle(region.mask.width, region.mask.height, region.mask.counts), region.type_probabilities)
            for region in regions
        )
    )


def find_contradictions(text: str, facts: Facts, question: str) -> tuple[str, ...]:
    """What the regions contradict in an answer, in words; an empty answer contradicts everything."""
    if not text:
        return ("existence: says nothing, seen regions",)
    return tuple(str(contradiction) for contradiction in check(text, facts, question=question))


def template_sentence(facts: Facts) -> str:
    """The sentence that is said instead."""
    return template(facts)
