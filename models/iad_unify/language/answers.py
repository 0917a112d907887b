"""True English answers in several wordings, made from facts; short, and such that `verify` finds nothing wrong with them.

Descriptions, which come in every language, are `speech`'s.
"""

import numpy as np

from iad_unify.language.facts import Facts, RegionFact
from iad_unify.language.speech import pick, template
from iad_unify.language.voices.english import English
from iad_unify.language.wording import PLACES, article, noun, number, sized
from iad_unify.types import UNKNOWN

#: Longest alert sentence in words.
MOST_WORDS = 22

NOTHING = English.nothing
SAME = ("It does not differ from the reference.", "No difference to the reference.", "It looks like the reference.")
REFUSALS = ("That cannot be told from the regions.", "I cannot tell that from the regions.")


def place(region: RegionFact, rng: np.random.Generator) -> str:
    """Where the region's first cell is, such as `in the top left`."""
    return pick(rng, PLACES[region.cell][:3])


def phrase(region: RegionFact, rng: np.random.Generator) -> str:
    """Size, type and place, such as `small scratch in the top left`."""
    return f"{sized(region.defect_type, region.size)} {place(region, rng)}"


def of_region(number: int, region: RegionFact, rng: np.random.Generator) -> str:
    """All of one region: its number, type, size and place."""
    one = article(phrase(region, rng))
    return pick(rng, (f"Region {number} is {one}.", f"{one.capitalize()}.", f"It is {one}."))


def of_number(number: int, rng: np.random.Generator) -> str:
    """Which region it is."""
    return pick(rng, (f"Region {number}.", f"It is region {number}.", f"Region number {number}."))


def compared(facts: Facts, rng: np.random.Generator) -> str:
    """What differs from a good part: the regions, or nothing."""
    if not facts.regions:
        return pick(rng, SAME)
    told = template(facts)
    return pick(rng, (f"Unlike the reference: {told[:1].lower()}{told[1:]}", f"It differs. {told}"))


def verdict(facts: Facts, rng: np.random.Generator) -> str:
    """Whether the part is good, and what is wrong with it."""
    told = template(facts)
    if not facts.regions:
        return f"Yes. {told}"
    return pick(rng, (f"No. {told}", f"No, {told[:1].lower()}{told[1:]}"))


def nowhere(defect_type: str, rng: np.random.Generator) -> str:
    """That what a question takes for granted is not there."""
    word = noun(defect_type)
    return pick(rng, (f"There is no {word}, so that cannot be told.", f"I cannot tell: there is no {word}."))


def of_type(region: RegionFact, rng: np.random.Generator) -> str:
    """The type; unclear ones are said to be unclear."""
    if region.defect_type == UNKNOWN:
        return pick(rng, ("A defect of unclear type.", "The type is unclear."))
    one = article(noun(region.defect_type))
    return pick(rng, (f"{one.capitalize()}.", f"It is {one}.", f"{noun(region.defect_type).capitalize()}."))


def of_location(region: RegionFact, rng: np.random.Generator) -> str:
    """The first cell."""
    where = place(region, rng)
    return pick(rng, (f"It lies {where}.", f"It is {where}.", f"{where.capitalize()}."))


def of_size(region: RegionFact, rng: np.random.Generator) -> str:
    """The size class."""
    return pick(rng, (f"It is {region.size}.", f"{region.size.capitalize()}.", f"The size is {region.size}."))


def of_shape(region: RegionFact, rng: np.random.Generator) -> str:
    """The shape; the region's was measured."""
    shape = region.shapes[0]
    return pick(rng, (f"It is {shape}.", f"{shape.capitalize()}.", f"The shape is {shape}."))


def of_count(count: int, rng: np.random.Generator) -> str:
    """The number of defects."""
    if count == 0:
        return pick(rng, NOTHING)
    verb, word = ("is", "defect") if count == 1 else ("are", "defects")
    said = number(count)
    return pick(rng, (f"There {verb} {said} {word}.", f"{said.capitalize()}.", f"{said.capitalize()} {word}."))


def yes(region: RegionFact, rng: np.random.Generator) -> str:
    """That the type which was asked about is there, and where."""
    one = article(f"{noun(region.defect_type)} {place(region, rng)}")
    return pick(rng, (f"Yes, {one}.", f"Yes, there is {one}."))


def no(defect_type: str, rng: np.random.Generator) -> str:
    """That the type which was asked about is not there."""
    return pick(rng, (f"No, there is no {noun(defect_type)}.", f"No {noun(defect_type)} is visible."))
