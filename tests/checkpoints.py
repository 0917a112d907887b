"""Checkpoints of the three models with random weights: right in every shape, wrong in every answer, made in seconds."""

from dataclasses import replace
from pathlib import Path


def write_expert(folder: Path, seed: int = 0) -> Path:
    """A region expert whose heads count as trained; it proposes regions nearly everywhere."""
    import torch

    from iad_unify.checkpoint import Card, write_card
    from iad_unify.region_expert import model as expert
    from iad_unify.region_expert.config import HEADS, ExpertConfig

    torch.manual_seed(seed)
    model = expert.create(ExpertConfig())
    config = replace(model.config, trained_heads=HEADS)
    expert.save(model, folder, config)
    write_card(
        folder,
        Card(
            "region_expert", "tiny", expert.parameters(model), (), 0, seed, 0.0, HEADS,
            default_threshold=0.5, proposal_threshold=0.3, type_slugs=config.type_slugs,
        ),
    )  # fmt: skip
    return folder


def write_explainer(folder: Path, seed: int = 0) -> Path:
    """An explainer that babbles."""
    from iad_unify.explainer.storage import write_random_checkpoint

    folder.mkdir(parents=True, exist_ok=True)
    return write_random_checkpoint(folder, seed=seed)


def write_editor(folder: Path, explainer: Path, seed: int = 0) -> Path:
    """An editor, for this explainer, that paints noise."""
    import torch

    from iad_unify.checkpoint import Card, model_version, read_config, write_card
    from iad_unify.defect_editor.config import EditorConfig
    from iad_unify.defect_editor.flow import FlowEditor
    from iad_unify.defect_editor.weights import TRAINED_HEAD, save

    torch.manual_seed(seed)
    hidden_size = int(read_config(explainer)["text_config"]["hidden_size"])
    config = EditorConfig(
        "small", crop=32, condition_size=16, block_channels=(8, 16, 16), attention_heads=2, norm_groups=4
    ).trained_with(hidden_size, model_version(explainer), "")
    model = FlowEditor(config)
    torch.nn.init.normal_(model.network.conv_out.weight, std=0.2)  # a fresh editor predicts no change
    folder.mkdir(parents=True, exist_ok=True)
    save(folder, config, {name: one.detach() for name, one in model.learned()})
    write_card(folder, Card("defect_editor", "small", 1, (), 0, seed, 0.0, (TRAINED_HEAD,)))
    return folder
