"""The sentences that a second draft is held to: all true, unlike, and in one language."""

import numpy as np
import pytest

from iad_unify.language.facts import CELLS, Facts, RegionFact
from iad_unify.language.speech import LANGUAGES, alternatives, template
from iad_unify.language.verify import check
from iad_unify.types import DEFECT_TYPES, UNKNOWN


def some_facts(seed: int) -> Facts:
    """One to four regions of one to three likely types each, some of them unclear."""
    rng, regions = np.random.default_rng(seed), []
    for _ in range(int(rng.integers(1, 5))):
        slugs = rng.permutation(DEFECT_TYPES)[: int(rng.integers(1, 4))].tolist()
        types = tuple((slug, 0.9 / len(slugs)) for slug in slugs) + (((UNKNOWN, 0.1),) if rng.random() < 0.3 else ())
        shares = np.zeros(len(CELLS))
        shares[int(rng.integers(len(CELLS)))] = 1.0
        regions.append(RegionFact(types, tuple(shares.tolist()), float(rng.choice([0.001, 0.01, 0.2]))))
    return Facts(tuple(regions))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_is_true_and_the_likely_types_all_come(language: str) -> None:
    for seed in range(40):
        facts = some_facts(seed)
        found = alternatives(facts, language)
        assert 2 <= len(found) <= 24
        assert len(set(found)) == len(found)
        for text in found:
            assert check(text, facts, language=language) == (), text
        for slug in facts.regions[0].likely:
            surely = Facts((RegionFact(((slug, 1.0),), facts.regions[0].shares, facts.regions[0].area_share),) * 1)
            one = Facts((facts.regions[0],))
            fitting = [text for text in alternatives(one, language) if not check(text, surely, language=language)]
            assert fitting, slug


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_a_region_there_is_no_defect_to_speak_of(language: str) -> None:
    assert template(Facts(), language) in alternatives(Facts(), language)


def test_a_type_without_a_noun_is_left_out() -> None:
    shares = (1.0,) + (0.0,) * 8
    region = RegionFact((("blowhole", 0.6), ("scratch", 0.3)), shares, 0.01)
    assert all("scratch" in text for text in alternatives(Facts((region,))))
    assert alternatives(Facts((RegionFact((("blowhole", 1.0),), shares, 0.01),))) == ()
