"""What the heads learn from: the probe reads types from the close look alone, and teaches it to hold them."""

import numpy as np
import torch

from iad_unify.region_expert.config import ExpertConfig
from iad_unify.region_expert.model import RegionExpert, create
from iad_unify.region_expert.training.losses import probe_of, region_losses
from iad_unify.region_expert.training.sampling import ProceduralSource, make_batch
from iad_unify.types import DEFECT_TYPES


def expert(template: bool = False) -> RegionExpert:
    torch.manual_seed(0)
    return create(ExpertConfig(name="tiny", size=256, type_slugs=DEFECT_TYPES, template=template))


def test_the_probe_adds_to_the_type_loss_and_reaches_the_close_look_alone():
    model = expert().eval()  # without dropout, what the type head adds is the same in both and cancels
    probe = probe_of(model)
    batch = make_batch(ProceduralSource(256, DEFECT_TYPES, pool=4), 4, np.random.default_rng(0), 256)
    output = model(batch.pictures)
    alone = region_losses(model, output, batch, np.random.default_rng(1))
    both = region_losses(model, output, batch, np.random.default_rng(1), probe)
    assert both.accuracy >= 0  # there are regions
    assert both.kind > alone.kind
    (both.kind - alone.kind).backward()
    reached = {
        name.split(".")[0]
        for name, value in model.named_parameters()
        if value.grad is not None and float(value.grad.abs().max()) > 1e-6
    }
    assert reached == {"close_look"}
    assert float(probe.weight.grad.abs().sum()) > 0


def test_an_expert_that_compares_with_templates_has_no_probe():
    assert probe_of(expert(template=True)) is None
