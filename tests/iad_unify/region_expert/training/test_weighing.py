"""How much the look counts is taken from held-out boards: little where it misleads, and no more than is needed."""

import numpy as np
import pytest
import torch

from iad_unify.geometry import Letterbox
from iad_unify.region_expert.config import ExpertConfig
from iad_unify.region_expert.model import RegionExpert
from iad_unify.region_expert.squares import Labelled
from iad_unify.region_expert.training import weighing
from iad_unify.region_expert.training.validation import Held

SIDE = 128


def boards(count: int = 6) -> list[Held]:
    """Light ground with a dark track that has a gap (type 0) and a bite (type 1)."""
    held: list[Held] = []
    for number in range(count):
        template = np.full((SIDE, SIDE, 3), 220, np.uint8)
        template[50:66] = 30
        picture, labels, boxes = template.copy(), np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint8)
        for index, (rows, left) in enumerate(((slice(50, 66), 20 + number), (slice(50, 58), 80 + number)), start=1):
            picture[rows, left : left + 8] = 220
            labels[rows, left : left + 8], boxes[40:76, left - 8 : left + 16] = index, index
        content = np.ones((SIDE, SIDE), bool)
        held.append((Labelled(picture, labels, content, None, template, boxes), Letterbox.fit(SIDE, SIDE, SIDE)))
    return held


@pytest.fixture
def expert() -> RegionExpert:
    """One whose connections tell a gap from a bite: what is split off in the dark is one."""
    torch.manual_seed(0)
    types = ("open", "mousebite")
    made = RegionExpert(ExpertConfig(widths=(8, 16, 16, 16), size=SIDE, type_slugs=types, template=True)).eval()
    connected = made.type_head.connected
    assert connected is not None
    with torch.no_grad():
        for value in connected.parameters():
            value.zero_()
        connected[0].weight[0, 4] = connected[2].weight[0, 0] = 10.0
        connected[2].bias.copy_(torch.tensor([0.0, 3.0, -9.0]))
    return made


def _look(expert: RegionExpert, *logits: float) -> None:
    last = expert.type_head.layers[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor(logits))


def test_a_look_that_misleads_counts_less(expert: RegionExpert) -> None:
    _look(expert, 20.0, 0.0, 0.0)
    share = weighing.weigh(expert, boards())
    assert 0 <= share <= 0.1
    heard = weighing.hear(expert, boards())
    assert heard is not None
    torch.testing.assert_close(heard.look[0], torch.tensor([20.0 * share, 0.0, 0.0]))
    assert ((heard.look + heard.connected).argmax(1) == heard.kinds).all()


def test_a_look_that_is_needed_counts(expert: RegionExpert) -> None:
    """Here the connections say `mousebite` too loudly, and only the look puts that right."""
    assert expert.type_head.connected is not None
    with torch.no_grad():
        expert.type_head.connected[2].bias[1] += 100.0
    _look(expert, 200.0, 0.0, 0.0)
    heard = weighing.hear(expert, boards())
    assert heard is not None
    gaps = heard.connected[heard.kinds == 0]
    needed = float((gaps[:, 1] - gaps[:, 0]).max()) / 200.0
    share = weighing.weigh(expert, boards())
    assert needed <= share == min(one for one in weighing.SHARES if one >= needed)


def test_without_templates_nothing_is_weighed() -> None:
    plain = RegionExpert(ExpertConfig(widths=(8, 16, 16, 16), size=SIDE)).eval()
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    assert weighing.weigh(plain, boards()) == 1.0
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())
    assert weighing.hear(plain, []) is None
