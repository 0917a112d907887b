"""True answers in several wordings, made from facts; short, and such that `verify` finds nothing wrong with them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from iad_unify.language.facts import Facts, RegionFact
from iad_unify.language.wording import PLACES, article, noun, number, sized
from iad_unify.types import UNKNOWN

#: Longest alert sentence in words.
MOST_WORDS = 22

NOTHING = ("No defect was found.", "There is no defect.", "The part shows no defects.")
REFUSALS = ("That cannot be told from the regions.", "I cannot tell that from the regions.")


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def place(region: RegionFact, rng: np.random.Generator) -> str:
    """Where the region's first cell is, such as `in the top left`."""
    return _pick(rng, PLACES[region.cell][:3])


def phrase(region: RegionFact, rng: np.random.Generator) -> str:
    """Size, type and place, such as `small scratch in the top left`."""
    return f"{sized(region.defect_type, region.size)} {place(region, rng)}"


def description(facts: Facts, rng: np.random.Generator) -> str:
    """One sentence with type, location, size and count, at most `MOST_WORDS` words. The facts have a region."""
    regions = facts.regions
    if len(regions) == 1:
        one = phrase(regions[0], rng)
        return _pick(rng, (f"One {one}.", f"There is one {one}.", f"{article(one).capitalize()}."))
    if len(regions) == 2 and _distinct(regions):
        first, second = (article(phrase(region, rng)) for region in regions)
        sentence = _pick(rng, (f"Two defects: {first} and {second}.", f"There are two defects: {first} and {second}."))
        if len(sentence.split()) <= MOST_WORDS:
            return sentence
    alike = _alike(facts, rng)
    if alike and rng.random() < 0.5:
        return alike
    strongest = article(phrase(regions[0], rng))
    opening = _pick(rng, (f"{number(len(regions)).capitalize()} defects", f"There are {number(len(regions))} defects"))
    return f"{opening}; the strongest is {strongest}."


def _distinct(regions: tuple[RegionFact, ...]) -> bool:
    """Whether naming each by its own type counts right: types of one sentence must not stand for each other."""
    named = [region.defect_type for region in regions]
    return UNKNOWN not in named and all(first != second for first, second in pairwise(sorted(named)))


def _alike(facts: Facts, rng: np.random.Generator) -> str:
    """`Three small scratches; the strongest is at the top left.`, when all are surely of one type and size."""
    first = facts.regions[0]
    same = all(region.likely == first.likely[:1] and region.size == first.size for region in facts.regions)
    if not same or first.defect_type == UNKNOWN:
        return ""
    total = number(len(facts.regions)).capitalize()
    return f"{total} {first.size} {noun(first.defect_type, len(facts.regions))}; the strongest is {place(first, rng)}."


def of_type(region: RegionFact, rng: np.random.Generator) -> str:
    """The type; unclear ones are said to be unclear."""
    if region.defect_type == UNKNOWN:
        return _pick(rng, ("A defect of unclear type.", "The type is unclear."))
    one = article(noun(region.defect_type))
    return _pick(rng, (f"{one.capitalize()}.", f"It is {one}.", f"{noun(region.defect_type).capitalize()}."))


def of_location(region: RegionFact, rng: np.random.Generator) -> str:
    """The first cell."""
    where = place(region, rng)
    return _pick(rng, (f"It lies {where}.", f"It is {where}.", f"{where.capitalize()}."))


def of_size(region: RegionFact, rng: np.random.Generator) -> str:
    """The size class."""
    return _pick(rng, (f"It is {region.size}.", f"{region.size.capitalize()}.", f"The size is {region.size}."))


def of_count(count: int, rng: np.random.Generator) -> str:
    """The number of defects."""
    if count == 0:
        return _pick(rng, NOTHING)
    verb, word = ("is", "defect") if count == 1 else ("are", "defects")
    said = number(count)
    return _pick(rng, (f"There {verb} {said} {word}.", f"{said.capitalize()}.", f"{said.capitalize()} {word}."))


def yes(region: RegionFact, rng: np.random.Generator) -> str:
    """That the type which was asked about is there, and where."""
    one = article(f"{noun(region.defect_type)} {place(region, rng)}")
    return _pick(rng, (f"Yes, {one}.", f"Yes, there is {one}."))


def no(defect_type: str, rng: np.random.Generator) -> str:
    """That the type which was asked about is not there."""
    return _pick(rng, (f"No, there is no {noun(defect_type)}.", f"No {noun(defect_type)} is visible."))
