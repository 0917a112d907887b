"""The explainer on disk: save, load, start from a full-size Qwen3.5, and a small random checkpoint.

Training state is not kept here; a checkpoint folder is what serving and evaluation read.
"""

import copy
import logging
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerBase, Qwen3_5Config
from transformers.utils.logging import disable_progress_bar

from iad_unify.catalog import APPEARANCE_ROWS
from iad_unify.checkpoint import CONFIG, TENSORS, Card, CheckpointError, UntrainedHead, read_card, write_card
from iad_unify.explainer.config import region_fields, tiny_config, with_regions
from iad_unify.explainer.model import RegionQwen
from iad_unify.explainer.tokenizer import train_tokenizer, with_region_token

ROLE = "explainer"
#: The head that a bare language model lacks; the card lists it once it was trained.
PROJECTION_HEAD = "region_projection"
TRAIN_COMMAND = "iad-unify train explainer --data procedural --expert EXPERT --out FOLDER"


def save(folder: Path, model: RegionQwen, tokenizer: PreTrainedTokenizerBase, dtype: torch.dtype) -> None:
    """Write config.json, model.safetensors (in `dtype`) and the tokenizer's files; the card is written apart."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = copy.deepcopy(model).to(dtype) if model.dtype != dtype else model
    _quiet()
    stored.save_pretrained(folder, max_shard_size="100GB")
    (folder / TENSORS).chmod(0o644)  # safetensors writes it for the owner only; a package is read by others
    tokenizer.save_pretrained(folder)


def load(
    folder: Path, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> tuple[RegionQwen, PreTrainedTokenizerBase]:
    """Model (in evaluation mode) and tokenizer of a checkpoint folder; CheckpointError names what is missing."""
    for name in (CONFIG, TENSORS, "tokenizer.json"):
        if not (folder / name).is_file():
            raise CheckpointError(folder, f"train one with `{TRAIN_COMMAND}`", f"{name} is missing")
    _quiet()
    try:
        config = Qwen3_5Config.from_pretrained(folder)
        if not hasattr(config, "region_token_id"):
            raise CheckpointError(
                folder, "name it as --base of `iad-unify train explainer --config full`", "no region tokens"
            )
        model = RegionQwen.from_pretrained(folder, config=config, dtype=dtype).to(device).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(folder, f"train one with `{TRAIN_COMMAND}`", f"cannot be loaded ({error})") from error
    return model, tokenizer


def trained_card(folder: Path) -> Card:
    """The card of a checkpoint that may serve.

    Raises CheckpointError for another role's and UntrainedHead for one whose region projection was never trained.
    """
    card = read_card(folder)
    if card.role != ROLE:
        raise CheckpointError(folder, f"name a checkpoint of the {ROLE}", f"is a {card.role}")
    if PROJECTION_HEAD not in card.trained_heads:
        raise UntrainedHead(folder, PROJECTION_HEAD, TRAIN_COMMAND)
    return card


def from_base(
    base: str, token_dim: int, rows: int = APPEARANCE_ROWS, dtype: torch.dtype = torch.bfloat16
) -> tuple[RegionQwen, PreTrainedTokenizerBase]:
    """A pretrained Qwen3.5 (local directory or hub id) with a fresh region projection.

    The projection is untrained: serving refuses the result until it has been trained. CheckpointError when `base` is
    no Qwen3.5 or cannot be found.
    """
    config, words = read_base(base)
    tokenizer = with_region_token(words)
    with_regions(config, region_fields(tokenizer, token_dim, rows))
    model = RegionQwen.from_pretrained(base, config=config, dtype=dtype)
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    return model, tokenizer


def read_base(base: str) -> tuple[Qwen3_5Config, PreTrainedTokenizerBase]:
    """The configuration and the words of a pretrained Qwen3.5; raises CheckpointError, so that a wrong name is told at once."""
    _quiet()
    try:
        config, tokenizer = AutoConfig.from_pretrained(base), AutoTokenizer.from_pretrained(base)
    except (OSError, ValueError) as error:
        mend = "name a local directory or a hub id of a Qwen3.5 by --base"
        raise CheckpointError(base, mend, f"cannot be read ({str(error).splitlines()[0]})") from error
    if not isinstance(config, Qwen3_5Config):
        raise CheckpointError(base, "name a Qwen3.5 checkpoint", f"is a {config.model_type} model")
    return config, tokenizer


def _quiet() -> None:
    """No progress bars for 6 MB, no note that linear attention runs in plain torch: on a CPU it always does."""
    disable_progress_bar()
    logging.getLogger("transformers.integrations.hub_kernels").setLevel(logging.ERROR)


def fresh_tiny(
    corpus: Iterable[str], token_dim: int = 64, rows: int = APPEARANCE_ROWS
) -> tuple[RegionQwen, PreTrainedTokenizerBase]:
    """A random tiny model and a tokenizer trained on `corpus`; seed torch before the call."""
    tokenizer = train_tokenizer(corpus)
    return RegionQwen(tiny_config(tokenizer, token_dim, rows)).eval(), tokenizer


def write_random_checkpoint(
    folder: Path, *, token_dim: int = 64, rows: int = APPEARANCE_ROWS, seed: int = 0, trained: bool = True
) -> Path:
    """A complete checkpoint folder with random weights, for tests of what reads one.

    `trained=False` leaves the projection off the card's trained heads, as a bare language model would.
    """
    torch.manual_seed(seed)
    model, tokenizer = fresh_tiny(
        ("Where is the largest region?", "There is a scratch at the top left."), token_dim, rows
    )
    save(folder, model, tokenizer, torch.float16)
    write_card(
        folder,
        Card(
            role=ROLE,
            config="tiny",
            parameters=sum(weight.numel() for weight in model.parameters()),
            data=(),
            steps=0,
            seed=seed,
            minutes=0.0,
            trained_heads=(PROJECTION_HEAD,) if trained else (),
            note="Random weights, for tests only.",
        ),
    )
    return folder
