"""The folded stem answers as the trained one, at the borders too, and leaves the trained network alone."""

import pytest
import torch
from tests.iad_unify.region_expert.export.test_norms import agree, lively, pictures

from iad_unify.region_expert.export import stem


@pytest.mark.parametrize("side", [64, 192])
def test_a_folded_stem_answers_as_the_trained_one(side: int) -> None:
    expert = lively(size=side)
    picture = expert.normalised(pictures(side))
    folded = stem.with_folded_stem(expert)
    with torch.inference_mode():
        first = torch.nn.Sequential(expert.detail.stem[0], expert.detail.stem[1][0])  # type: ignore[index]
        agree(folded.detail.stem[0](picture), first(picture))


def test_the_network_around_it_is_as_before() -> None:
    expert = lively(size=64, template=True)
    squares, before = pictures(64), {name: value.clone() for name, value in expert.state_dict().items()}
    with torch.inference_mode():
        ours, theirs = expert(squares, squares.flip(0)), stem.with_folded_stem(expert)(squares, squares.flip(0))
    agree(theirs.logits, ours.logits)
    agree(theirs.features, ours.features)
    assert all(torch.equal(value, before[name]) for name, value in expert.state_dict().items())
